// Documents that people sign, from the first root on, on both stores: signature by signature, refused ones, keys that
// change, and what tuf-js and python-tuf then accept.

import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openTemporary } from '../../../testing/database/temporary-database.ts';
import { withoutPostgres } from '../../../testing/postgres/server.ts';
import { openPostgresStore } from '../../../testing/postgres/store.ts';
import { signedBytes, type TestKey, testKey } from '../../../testing/tuf-documents/documents.ts';
import type { Oracle } from '../../../testing/tuf-oracles/oracle.ts';
import { pythonTuf, pythonTufRoot, whyNoPythonTuf } from '../../../testing/tuf-oracles/python-tuf.ts';
import { tufJs } from '../../../testing/tuf-oracles/tuf-js.ts';
import {
	openService,
	people,
	serviceNow,
	serviceRoot,
	serviceTargets,
	type TestService,
	targetOf,
} from '../../../testing/tuf-service/service.ts';
import type { Storage } from '../../storage/store.ts';
import { expiryText } from '../rules/metadata/expiry.ts';
import { makeTargets, payloadToSign } from '../rules/metadata/make.ts';
import type { Signed } from '../rules/metadata/model.ts';
import { defaultSettings } from '../rules/repository/settings.ts';
import { abortPending, addSignature, offerDocument, prepareRole } from './offer.ts';
import { changeSettings, repositorySettings } from './world.ts';

const { anna, ben, clara, dora, server, nextServer } = people;
const stranger = testKey('stranger');
const by = 'test';

const signatureOf = ({ keyid, privateKey }: TestKey, signed: Signed) => ({
	keyid,
	sig: sign(null, payloadToSign(signed), privateKey).toString('hex'),
});

const oracles: Record<string, Oracle> = { 'tuf-js': tufJs() };
const withoutPython = await whyNoPythonTuf();
if (withoutPython === undefined) oracles['python-tuf'] = pythonTuf(await pythonTufRoot(console.error));
else test('python-tuf accepts what is served', { skip: withoutPython }, () => {});

const firstRoot = signedBytes(serviceRoot(1), anna, ben);

async function bootstrap({ world }: TestService, releases = false): Promise<void> {
	await offerDocument(world, 'root', firstRoot, by);
	const { committed } = await offerDocument(world, 'targets', signedBytes(serviceTargets(1, { releases }), clara), by);
	assert.deepEqual(committed, ['targets']);
	if (!releases) return;
	const signed = makeTargets({ version: 1, expires: serviceRoot(1).expires, targets: {} });
	await abortPending(world, 'releases', by);
	await offerDocument(world, 'releases', signedBytes(signed, dora), by);
}

function suite(store: string, open: () => Promise<{ storage: Storage; destroy(): Promise<void> }>): void {
	const story = (name: string, tell: (service: TestService) => Promise<void>, signers = [server]) =>
		test(name, async () => {
			const database = await open();
			const service = await openService(database.storage, { signers });
			try {
				await tell(service);
			} finally {
				service.close();
				await database.destroy();
			}
		});
	const refused = (offer: Promise<unknown>, code: string, message: RegExp) =>
		assert.rejects(offer, (error: Error & { code?: string }) => error.code === code && message.test(error.message));

	describe(`on ${store}`, () => {
		story('a repository comes to be signature by signature', async ({ world, files }) => {
			const root = serviceRoot(1);
			const one = await offerDocument(world, 'root', signedBytes(root, anna), by);
			assert.deepEqual([one.committed, one.waiting[0]?.checks[0]?.missing], [[], 1]);
			assert.deepEqual(one.waiting[0]?.checks[0]?.unsigned, [ben.keyid]);
			const two = await addSignature(world, 'root', signatureOf(ben, root), by);
			assert.deepEqual(two.committed, ['root']);
			assert.equal(await files.read('1.root.json'), undefined);
			const targets = serviceTargets(1);
			const three = await offerDocument(world, 'targets', signedBytes(targets, clara), by);
			assert.deepEqual([three.committed, three.published?.timestamp], [['targets'], 1]);
			assert.ok(await files.read('1.root.json'));
			assert.deepEqual(await world.storage.trust.pending(), []);
		});

		story('signatures of others, and wrong ones, are refused and change nothing', async ({ world }) => {
			const root = serviceRoot(1);
			const wrong = { keyid: anna.keyid, sig: signatureOf(anna, serviceRoot(2)).sig };
			await refused(
				offerDocument(world, 'root', signedBytes(root, stranger), by),
				'trust-signature-refused',
				/none of the keys/,
			);
			assert.deepEqual(await world.storage.trust.pending(), []);
			await offerDocument(world, 'root', signedBytes(root, anna), by);
			await refused(
				addSignature(world, 'root', signatureOf(stranger, root), by),
				'trust-signature-refused',
				/none of the keys/,
			);
			await refused(addSignature(world, 'root', wrong, by), 'trust-signature-refused', /does not verify/);
			await refused(
				addSignature(world, 'root', { keyid: ben.keyid, sig: 'no hex' }, by),
				'trust-signature-refused',
				/verify/,
			);
			await refused(addSignature(world, 'targets', wrong, by), 'trust-pending-unknown', /targets/);
			// The signature that stood stays: only Ben's is missing.
			const { committed } = await addSignature(world, 'root', signatureOf(ben, root), by);
			assert.deepEqual(committed, ['root']);
		});

		story('nobody takes a version away from those who sign by offering what none of them signed', async ({ world }) => {
			await offerDocument(world, 'root', firstRoot, by);
			const unsignedOffer = offerDocument(world, 'targets', signedBytes(serviceTargets(1)), by);
			await refused(unsignedOffer, 'trust-signature-refused', /when one of its keys has signed it/);
			const { roles, keys, ...rest } = serviceRoot(2);
			const own = { keyids: [stranger.keyid], threshold: 1 };
			const taken = { ...rest, keys: { ...keys, [stranger.keyid]: stranger.key }, roles: { ...roles, root: own } };
			const takeOver = offerDocument(world, 'root', signedBytes(taken, stranger), by);
			await refused(takeOver, 'trust-signature-refused', /when a key of root version 1 has signed it/);
			assert.deepEqual(await world.storage.trust.pending(), []);
		});

		story('delegations that clients read differently, or that take a bin, are refused', async ({ world }) => {
			await offerDocument(world, 'root', firstRoot, by);
			const offer = (name: string, words: object) => {
				const { delegations, ...rest } = serviceTargets(1);
				const role = { name, keyids: [dora.keyid], threshold: 1, terminating: true, ...words };
				const changed = { ...delegations, keys: { ...delegations?.keys, [dora.keyid]: dora.key }, roles: [role] };
				return offerDocument(world, 'targets', signedBytes({ ...rest, delegations: changed } as Signed, clara), by);
			};
			await refused(offer('releases', { paths: ['releases/**'] }), 'trust-role-refused', /holds "\*\*"/);
			const { namePrefix } = (await repositorySettings(world.storage.trust)).bins;
			await refused(offer(`${namePrefix}-0`, { paths: ['a/*'] }), 'trust-role-refused', /the name of a bin/);
			const bins = { keyids: [server.keyid], threshold: 1, bit_length: 30, name_prefix: 'many' };
			const { delegations, ...rest } = serviceTargets(1);
			const huge = { ...rest, delegations: { keys: delegations?.keys, succinct_roles: bins } } as Signed;
			await refused(
				offerDocument(world, 'targets', signedBytes(huge, clara), by),
				'trust-role-refused',
				/may be 16384/,
			);
		});

		story('versions with gaps and expired documents are refused', async ({ world }) => {
			await refused(
				offerDocument(world, 'root', signedBytes(serviceRoot(2), anna, ben), by),
				'trust-version-refused',
				/is 1/,
			);
			const past = expiryText(serviceNow - 1000);
			await refused(
				offerDocument(world, 'root', signedBytes(serviceRoot(1, { expires: past }), anna), by),
				'trust-expired',
				/expired/,
			);
			await refused(
				offerDocument(world, 'targets', signedBytes(serviceTargets(1), clara), by),
				'trust-role-unknown',
				/no root yet/,
			);
			await bootstrap({ world } as TestService);
			await refused(offerDocument(world, 'root', firstRoot, by), 'trust-version-refused', /is 2/);
			await refused(
				offerDocument(world, 'targets', signedBytes(serviceTargets(3), clara), by),
				'trust-version-refused',
				/is 2/,
			);
			await refused(
				offerDocument(world, 'elsewhere', signedBytes(serviceTargets(1), clara), by),
				'trust-role-unknown',
				/./,
			);
			await refused(
				offerDocument(world, 'bins', signedBytes(serviceTargets(2), server), by),
				'trust-role-unknown',
				/./,
			);
		});

		story('a root that takes the keys of the server away is refused before anybody signs it', async (service) => {
			await bootstrap(service);
			const root = serviceRoot(2, { online: stranger });
			await refused(
				offerDocument(service.world, 'root', signedBytes(root), by),
				'trust-role-refused',
				new RegExp(`timestamp.*--trust-key.*${stranger.keyid}`),
			);
		});

		story('another document for a role waits until the one before is finished or given up', async (service) => {
			const { world } = service;
			await bootstrap(service);
			const other = serviceRoot(2, { expires: expiryText(serviceNow + 5 * 86_400_000) });
			await offerDocument(world, 'root', signedBytes(serviceRoot(2), anna), by);
			await refused(offerDocument(world, 'root', signedBytes(other, anna), by), 'trust-pending-exists', /root/);
			await abortPending(world, 'root', by);
			await refused(abortPending(world, 'root', by), 'trust-pending-unknown', /root/);
			assert.deepEqual((await offerDocument(world, 'root', signedBytes(other, anna, ben), by)).committed, ['root']);
		});

		story(
			'what devices find after root was rotated twice, online key included',
			async (service) => {
				const { world } = service;
				const states = Object.keys(oracles).map(
					(name) => [name, mkdtempSync(join(tmpdir(), 'caisson-state-'))] as const,
				);
				try {
					await bootstrap(service);
					await service.put(['a', 'dir/b']);
					await world.publisher.publish(by);
					const seen = async (root: number, targets: Record<string, boolean>) => {
						for (const [name, state] of states) {
							const oracle = oracles[name] as Oracle;
							const answer = await service.seen(oracle, { root: firstRoot, targets: Object.keys(targets), state });
							assert.deepEqual([name, answer.error, answer.versions.root], [name, null, root]);
							for (const [path, there] of Object.entries(targets)) {
								const found = there ? targetOf(path).hashes.sha256 : null;
								assert.equal(answer.targets[path], found, `${name}: ${path}`);
							}
						}
					};
					await seen(1, { a: true, 'dir/b': true, c: false });
					// Ben leaves, Dora comes: old and new root keys must sign.
					const second = serviceRoot(2, { roots: [anna, dora] });
					const half = await offerDocument(world, 'root', signedBytes(second, anna, dora), by);
					assert.deepEqual(half.committed, []);
					assert.deepEqual(
						half.waiting[0]?.checks.map(({ by: asked, missing }) => [asked, missing]),
						[
							['root version 1', 1],
							['root version 2', 0],
						],
					);
					assert.deepEqual((await addSignature(world, 'root', signatureOf(ben, second), by)).committed, ['root']);
					await seen(2, { a: true });
					// The key of the server changes: everything that it signs is signed anew, targets name the new key.
					const third = serviceRoot(3, { roots: [anna, dora], online: nextServer });
					const before = await service.files.read('timestamp.json');
					const rotated = await offerDocument(world, 'root', signedBytes(third, anna, dora), by);
					assert.equal(rotated.unpublished, undefined);
					assert.deepEqual(rotated.committed, ['root']);
					assert.notDeepEqual(await service.files.read('timestamp.json'), before);
					const targets = serviceTargets(2, { online: nextServer });
					const moved = await offerDocument(world, 'targets', signedBytes(targets, clara), by);
					assert.equal(moved.published?.roles.length, 5);
					await service.put(['c']);
					await service.remove(['a']);
					await world.publisher.publish(by);
					await seen(3, { a: false, 'dir/b': true, c: true });
				} finally {
					for (const [, state] of states) rmSync(state, { recursive: true, force: true });
				}
			},
			[server, nextServer],
		);

		story('a role that people sign is prepared with what is wanted of it, beside the bins', async (service) => {
			const { world } = service;
			await bootstrap(service, true);
			await service.put(['releases/1.swu', 'chunk']);
			await service.put(['releases/2.swu'], { held: true });
			await world.publisher.publish(by);
			const prepared = await prepareRole(world, 'releases', by);
			assert.deepEqual(Object.keys(prepared.signed.targets), ['releases/1.swu']);
			await refused(prepareRole(world, 'releases', by), 'trust-pending-exists', /releases/);
			await refused(prepareRole(world, 'bins', by), 'trust-role-unknown', /bins/);
			const { committed } = await addSignature(world, 'releases', signatureOf(dora, prepared.signed), by);
			assert.deepEqual(committed, ['releases']);
			for (const oracle of Object.values(oracles)) {
				const words = { root: firstRoot, targets: ['releases/1.swu', 'releases/2.swu', 'chunk'] };
				const { error, targets } = await service.seen(oracle, words);
				assert.equal(error, null);
				assert.deepEqual(
					Object.values(targets).map((digest) => digest !== null),
					[true, false, true],
				);
			}
			const waiting = await world.storage.trust.targets({ waiting: true }, '', 9);
			assert.deepEqual(
				waiting.map(({ path, held }) => [path, held]),
				[['releases/2.swu', true]],
			);
		});

		story('targets without delegations list their files at the top', async ({ world, put, seen }) => {
			await offerDocument(world, 'root', firstRoot, by);
			const flat = makeTargets({ version: 1, expires: serviceRoot(1).expires, targets: {} });
			await offerDocument(world, 'targets', signedBytes(flat, clara), by);
			await put(['a', 'b/c']);
			const prepared = await prepareRole(world, 'targets', by);
			await addSignature(world, 'targets', signatureOf(clara, prepared.signed), by);
			for (const oracle of Object.values(oracles)) {
				const { error, targets } = await seen(oracle, { root: firstRoot, targets: ['a', 'b/c', 'd'] });
				assert.equal(error, null);
				assert.deepEqual([targets.a, targets.d], [targetOf('a').hashes.sha256, null]);
			}
		});

		story('a path that nobody may sign, or that is no path, is refused by name', async (service) => {
			await refused(service.put(['a']), 'trust-not-bootstrapped', /root/);
			await bootstrap(service);
			await refused(service.put(['/a']), 'request-invalid', /\/a/);
			await refused(service.put(['a', '../b']), 'request-invalid', /\.\.\/b/);
			assert.deepEqual(await service.world.storage.trust.targets({}, '', 9), []);
			await refused(changeSettings(service.world, defaultSettings, by), 'request-invalid', /bins: they cannot change/);
		});
	});
}

suite('SQLite', () => openTemporary());
const skip = withoutPostgres();
if (skip) test('on PostgreSQL', { skip }, () => {});
else suite('PostgreSQL', () => openPostgresStore());
