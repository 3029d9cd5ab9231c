// Clauses 5.1 to 5.3 of the client workflow: the trusted root, and the chain to the newest one. Real HTTP on loopback,
// repositories made in memory (testing/tuf-repository). docs/trust.md says which test shows which clause.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalIn, withWorld } from '../../../testing/tuf-repository/device.ts';
import { newKey, renamed } from '../../../testing/tuf-repository/keys.ts';

const day = 86_400_000;
const none = () => false as const;

test('the first refresh asks for the next root, timestamp, snapshot and targets, and keeps what it got', () =>
	withWorld(async ({ server, device }) => {
		assert.equal((await device.refresh()).outcome, 'refreshed');
		assert.deepEqual(server.requests, [
			'metadata/2.root.json',
			'metadata/timestamp.json',
			'metadata/1.snapshot.json',
			'metadata/1.targets.json',
		]);
		assert.deepEqual(await device.heldFiles(), ['root.json', 'snapshot.json', 'targets.json', 'timestamp.json']);
	}));

test('a warm refresh makes two requests', () =>
	withWorld(async ({ server, device }) => {
		await device.refresh();
		server.clear();
		assert.equal((await device.refresh()).outcome, 'refreshed');
		assert.deepEqual(server.requests, ['metadata/2.root.json', 'metadata/timestamp.json']);
	}));

test('a refresh that finds nothing new, or the same refusal again, writes nothing', () =>
	withWorld(async ({ server, device }) => {
		const steps: string[] = [];
		const step = (operation: string, path: string) => {
			if (operation !== 'make') steps.push(`${operation} ${path}`);
		};
		await device.refresh();
		await device.refresh({ step });
		assert.deepEqual(steps, []);
		server.behave(/timestamp/, (_request, response) => response.writeHead(500).end());
		assert.equal(refusalIn(await device.refresh()), 'unreachable');
		assert.equal(refusalIn(await device.refresh({ step })), 'unreachable');
		assert.deepEqual(steps, []);
		server.calm();
		await device.refresh();
		assert.equal((await device.status()).lastRefusal, undefined);
	}));

test('beginning with a root makes no request', () =>
	withWorld(async ({ server, device }) => {
		assert.deepEqual(server.requests, []);
		assert.deepEqual(await device.heldFiles(), ['root.json']);
	}));

test('a first root without a version is refused before any request', () =>
	withWorld(
		async ({ repository, server, device }) => {
			const { version, ...signed } = repository.root;
			assert.equal(version, 1);
			await assert.rejects(device.initialise(repository.sign('root', signed)), { code: 'trust-metadata-malformed' });
			await assert.rejects(device.refresh(), { code: 'trust-state-missing' });
			assert.deepEqual(server.requests, []);
		},
		{},
		none,
	));

test('a first root that does not sign itself is refused before any request', () =>
	withWorld(
		async ({ repository, server, device }) => {
			const forged = repository.sign('root', repository.root, [newKey()]);
			await assert.rejects(device.initialise(forged), { code: 'trust-signature-threshold' });
			assert.deepEqual(server.requests, []);
		},
		{},
		none,
	));

test('a state that has a root is not begun anew', () =>
	withWorld(async ({ repository, device }) => {
		await assert.rejects(device.initialise(repository.firstRoot), { code: 'trust-state-exists' });
	}));

test('expired roots on the way are no obstacle where the last one is current', () =>
	withWorld(
		async ({ repository, device }) => {
			repository.root.expires = repository.inDays(-1);
			repository.publishRoot();
			repository.root.expires = repository.inDays(30);
			repository.publishRoot();
			assert.equal((await device.refresh()).outcome, 'refreshed');
			assert.equal(await device.version('root'), 3);
		},
		{},
		(repository) => repository.sign('root', { ...repository.root, expires: repository.inDays(-400) }),
	));

test('a device that was off for two years follows every root and updates by itself', () =>
	withWorld(async ({ repository, server, device }) => {
		const twoYears = 730 * day;
		for (let month = 1; month <= 24; month++) {
			const old = repository.signers.get('root') ?? [];
			repository.rotateKeys('root');
			repository.root.expires = repository.inDays(month * 30 + 60);
			if (month % 6 === 0) for (const role of ['timestamp', 'snapshot', 'targets']) repository.rotateKeys(role);
			repository.publishRoot(old);
		}
		for (const draft of [repository.timestamp, repository.snapshot, repository.role('targets')]) {
			draft.expires = repository.inDays(760);
		}
		repository.publish();
		const result = await device.refresh({ clock: () => repository.now + twoYears });
		assert.equal(result.outcome, 'refreshed');
		assert.equal(result.outcome === 'refreshed' && result.rootsFollowed, 24);
		assert.equal(await device.version('root'), 25);
		assert.equal(server.requests.at(24), 'metadata/26.root.json');
	}));

test('one refresh follows as many roots as the limit, keeps them, and the next goes on from there', () =>
	withWorld(async ({ repository, server, device }) => {
		for (let i = 0; i < 5; i++) repository.publishRoot();
		const limits = { roots: 3 };
		assert.equal((await device.refresh({ limits })).outcome, 'refreshed');
		assert.equal(await device.version('root'), 4);
		server.clear();
		assert.equal((await device.refresh({ limits })).outcome, 'refreshed');
		assert.equal(await device.version('root'), 6);
		assert.equal(server.requests[0], 'metadata/5.root.json');
	}));

test('each root that was accepted is kept, also where a later one is refused', () =>
	withWorld(async ({ repository, device }) => {
		repository.publishRoot();
		repository.publishRoot();
		const honest = repository.signers.get('root') ?? [];
		repository.signers.set('root', [newKey()]);
		repository.publishRoot();
		repository.signers.set('root', honest);
		assert.equal(refusalIn(await device.refresh()), 'arbitrary-metadata');
		assert.equal(await device.version('root'), 3);
		assert.equal(await device.version('timestamp'), undefined);
	}));

test('a root that skips a version is refused', () =>
	withWorld(async ({ repository, device }) => {
		repository.root.version = 3;
		repository.files.set('metadata/2.root.json', repository.sign('root', repository.root));
		assert.equal(refusalIn(await device.refresh()), 'mix-and-match');
		assert.equal(await device.version('root'), 1);
	}));

test('an older root in place of the next is a rollback', () =>
	withWorld(async ({ repository, device }) => {
		repository.publishRoot();
		await device.refresh();
		repository.files.set('metadata/3.root.json', repository.firstRoot);
		assert.equal(refusalIn(await device.refresh()), 'rollback');
		assert.equal(await device.version('root'), 2);
	}));

test('the trusted root in place of the next is discarded, and the refresh goes on', () =>
	withWorld(async ({ repository, device }) => {
		repository.files.set('metadata/2.root.json', repository.firstRoot);
		repository.publishTimestamp();
		assert.equal((await device.refresh()).outcome, 'refreshed');
		assert.equal(await device.version('timestamp'), 2);
	}));

test('403 for the next root means that there is none, as 404 does', () =>
	withWorld(async ({ server, device }) => {
		server.behave(/2\.root\.json$/, (_request, response) => response.writeHead(403).end());
		assert.equal((await device.refresh()).outcome, 'refreshed');
	}));

test('an error of the server for the next root ends the refresh', () =>
	withWorld(async ({ server, device }) => {
		server.behave(/2\.root\.json$/, (_request, response) => response.writeHead(500).end());
		assert.equal(refusalIn(await device.refresh()), 'unreachable');
		assert.equal(await device.version('timestamp'), undefined);
	}));

test('a last root that has expired is kept, and nothing below it is fetched', () =>
	withWorld(async ({ repository, server, device }) => {
		repository.root.expires = repository.inDays(-1);
		repository.publishRoot();
		const result = await device.refresh();
		assert.equal(refusalIn(result), 'freeze');
		assert.equal(result.outcome === 'refused' && result.refusal.role, 'root');
		assert.equal(await device.version('root'), 2);
		assert.equal(server.requests.includes('metadata/timestamp.json'), false);
	}));

test('unknown fields in a root, its keys and its roles are part of what is signed', () =>
	withWorld(async ({ repository, device }) => {
		const root = repository.root as unknown as Record<string, Record<string, Record<string, unknown>>>;
		const keyid = repository.root.roles.root.keyids[0] as string;
		Object.assign(repository.root, { 'x-field': 'value' });
		Object.assign(root.keys?.[keyid] as object, { 'x-extra': { a: 1, b: [null, true] } });
		Object.assign(root.roles?.root as object, { 'x-other': 'value' });
		repository.publishRoot();
		assert.equal((await device.refresh()).outcome, 'refreshed');
		assert.equal(await device.version('root'), 2);
	}));

test('a key that claims another key-id hash still counts', () =>
	withWorld(async ({ repository, device }) => {
		const keyid = repository.root.roles.snapshot.keyids[0] as string;
		Object.assign(repository.root.keys[keyid] as object, { keyid_hash_algorithms: ['md5'] });
		repository.publishRoot();
		assert.equal((await device.refresh()).outcome, 'refreshed');
	}));

test('one key under several ids counts once', () =>
	withWorld(async ({ repository, device }) => {
		const key = newKey('ecdsa-p256');
		for (let i = 0; i < 9; i++) repository.addKey('snapshot', renamed(key, `id-${i}`));
		repository.root.roles.snapshot.threshold = 6;
		repository.publishRoot();
		repository.publishSnapshot();
		assert.equal(refusalIn(await device.refresh()), 'below-threshold');
		assert.equal(await device.version('snapshot'), undefined);
	}));

test('a key that only the root lists does not sign by being listed', () =>
	withWorld(async ({ repository, device }) => {
		await device.refresh();
		for (let i = 0; i < 2; i++) repository.addKey('snapshot');
		repository.root.roles.snapshot.threshold = 3;
		repository.publishRoot();
		repository.publishSnapshot();
		assert.equal((await device.refresh()).outcome, 'refreshed');
		const unused = newKey();
		repository.root.keys[unused.keyid] = { ...unused.key, keyval: { ...unused.key.keyval } };
		repository.root.roles.snapshot.keyids.push(unused.keyid);
		repository.root.roles.snapshot.threshold = 4;
		repository.publishRoot();
		repository.publishSnapshot();
		assert.equal(refusalIn(await device.refresh()), 'below-threshold');
		assert.equal(await device.version('root'), 3);
		assert.equal(await device.version('snapshot'), 2);
	}));

test('a threshold above the number of keys can never be met', () =>
	withWorld(async ({ repository, device }) => {
		await device.refresh();
		for (let i = 0; i < 4; i++) repository.addKey('snapshot');
		repository.root.roles.snapshot.threshold = 6;
		repository.publishRoot();
		repository.publishSnapshot();
		assert.equal(refusalIn(await device.refresh()), 'below-threshold');
		assert.equal(await device.version('snapshot'), 1);
	}));

for (const kind of ['ecdsa-p256', 'ecdsa-p384', 'rsa'] as const) {
	test(`roles signed with ${kind} keys are accepted`, () =>
		withWorld(async ({ repository, device }) => {
			const old = repository.signers.get('root') ?? [];
			for (const role of ['root', 'timestamp', 'snapshot', 'targets'] as const) {
				repository.signers.set(role, []);
				repository.root.roles[role].keyids.length = 0;
				repository.addKey(role, newKey(kind));
			}
			repository.publishRoot(old);
			repository.publish();
			assert.equal((await device.refresh()).outcome, 'refreshed');
		}));
}
