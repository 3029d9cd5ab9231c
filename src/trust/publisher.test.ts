// The publisher over a real database and a real folder, with tuf-js as the device: what is added, held back and removed,
// two publishers at once, and a crash between the database and the files.

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTemporary } from '../../testing/database/temporary-database.ts';
import { tufJs } from '../../testing/tuf-oracles/tuf-js.ts';
import { folderSource, startFileServer } from '../../testing/tuf-repository/server.ts';
import { openDiskMetadata } from '../outside/metadata-files/disk.ts';
import { trustHash, trustKeyOf, trustSha256 } from '../outside/signer/trust-verify.ts';
import type { Storage } from '../storage/store.ts';
import { flushOutbox } from './outbox.ts';
import { Publisher } from './publisher.ts';
import { canonicalText } from './rules/metadata/canonical.ts';
import { binIndex, binName, pathHash } from './rules/metadata/delegation.ts';
import { expiryText } from './rules/metadata/expiry.ts';
import { keyIdOf } from './rules/metadata/keys.ts';
import {
	makeRoot,
	makeTargets,
	payloadToSign,
	serializeMetadata,
	unsigned,
	withSignature,
} from './rules/metadata/make.ts';
import type { Signed } from './rules/metadata/model.ts';
import { defaultSettings } from './rules/repository/settings.ts';
import type { OnlineSigner } from './signer.ts';
import type { MetadataFiles, NewDocument, TargetChange } from './store.ts';

// Devices judge by the real time.
const now = Math.floor(Date.now() / 1000) * 1000;
const expires = expiryText(now + 365 * 86_400_000);
const settings = { ...defaultSettings, bins: { ...defaultSettings.bins, bitLength: 2 } };

function newSigner(): OnlineSigner {
	const { publicKey, privateKey } = generateKeyPairSync('ed25519');
	const key = trustKeyOf(publicKey);
	return { key, keyid: keyIdOf(key, trustSha256), sign: async (payload) => sign(null, payload, privateKey) };
}

async function signedBy(signed: Signed, signer: OnlineSigner): Promise<Omit<NewDocument, 'built'>> {
	const signature = { keyid: signer.keyid, sig: Buffer.from(await signer.sign(payloadToSign(signed))).toString('hex') };
	const bytes = serializeMetadata(withSignature(unsigned(signed), signature));
	return {
		...{ role: signed._type, version: signed.version, committed: now, expires: now + 1e9 },
		body: new TextDecoder().decode(bytes),
		...{ length: bytes.length, sha256: trustSha256(bytes) },
	};
}

interface Repository {
	readonly storage: Storage;
	readonly folder: string;
	readonly files: MetadataFiles;
	readonly root: Uint8Array;
	publisher(changes?: Partial<ConstructorParameters<typeof Publisher>[0]>): Publisher;
	put(...changes: readonly (Partial<TargetChange> & { readonly path: string })[]): Promise<void>;
}

async function withRepository(use: (repository: Repository) => Promise<void>): Promise<void> {
	const database = await openTemporary();
	const folder = mkdtempSync(join(tmpdir(), 'caisson-tuf-'));
	try {
		const files = await openDiskMetadata(join(folder, 'metadata'));
		const signer = newSigner();
		const role = { keyids: [signer.keyid], threshold: 1 };
		const keys = { [signer.keyid]: signer.key };
		const roles = { root: role, timestamp: role, snapshot: role, targets: role };
		const root = await signedBy(makeRoot({ version: 1, expires, keys, roles }), signer);
		const everything = [...'0123456789abcdef'];
		const delegations = {
			keys,
			roles: [{ ...role, name: 'bins', terminating: false, path_hash_prefixes: everything }],
		};
		const targets = await signedBy(makeTargets({ version: 1, expires, targets: {}, delegations }), signer);
		const { bitLength: bit_length, namePrefix: name_prefix } = settings.bins;
		const bins = makeTargets({
			...{ version: 1, expires, targets: {} },
			delegations: { keys, succinct_roles: { ...role, bit_length, name_prefix } },
		});
		const binNames = Array.from({ length: 4 }, (_, index) => binName({ bit_length, name_prefix }, index));
		await database.storage.commitTrust(async ({ trust }) => {
			await trust.putRoles([
				...(['root', 'timestamp', 'snapshot', 'targets'] as const).map((name) => ({
					...{ name, kind: name, delegator: '', settings: '{}' },
				})),
				{ name: 'bins', kind: 'delegated', delegator: 'targets', settings: '{}' },
				...binNames.map((name) => ({ name, kind: 'bin' as const, delegator: 'bins', settings: '{}' })),
			]);
			await trust.putDocuments([
				{ ...root, built: 0 },
				{ ...targets, built: 0 },
				{ ...(await signedBy(bins, signer)), role: 'bins', built: 0 },
			]);
		});
		const { storage } = database;
		await use({
			...{ storage, folder: join(folder, 'metadata'), files, root: new TextEncoder().encode(root.body) },
			publisher: (changes = {}) =>
				new Publisher({
					...{ storage, files, settings: async () => settings, signers: () => [signer], sha256: trustSha256 },
					...{ now: () => now, ...changes },
				}),
			put: (...changes) =>
				storage.commitTrust(({ trust }) =>
					trust.putTargets(
						changes.map(({ path, ...words }) => {
							const index = binIndex(bit_length, pathHash(path, trustSha256));
							const sha256 = trustSha256(new TextEncoder().encode(path));
							const wanted = canonicalText({ length: path.length, hashes: { sha256 } });
							return { path, role: binNames[index] ?? '', wanted, held: false, ...words };
						}),
					),
				),
		});
	} finally {
		await database.destroy();
		rmSync(folder, { recursive: true, force: true });
	}
}

/** What tuf-js finds: it starts from the first root each time. The bytes of a target are its path. */
async function seenByTufJs({ folder, root }: Repository, names: readonly string[]): Promise<Record<string, boolean>> {
	const metadata = folderSource(folder);
	const server = await startFileServer((path) =>
		path.startsWith('targets/')
			? new TextEncoder().encode(path.replace(/^targets\//, '').replace(/(^|\/)[0-9a-f]{64}\./, '$1'))
			: metadata(path),
	);
	try {
		const answer = await tufJs()({ metadataUrl: server.url, targetUrl: `${server.url}/targets`, root, targets: names });
		assert.equal(answer.error, null);
		return Object.fromEntries(names.map((name) => [name, typeof answer.targets[name] === 'string']));
	} finally {
		await server.close();
	}
}

test('what is added, held back and removed is what a device finds', async () => {
	await withRepository(async (repository) => {
		const publisher = repository.publisher();
		await repository.put({ path: 'a' }, { path: 'dir/b' }, { path: 'held', held: true });
		const first = await publisher.publish();
		assert.deepEqual([first?.snapshot, first?.timestamp, first?.roles.length], [1, 1, 4]);
		assert.deepEqual(await seenByTufJs(repository, ['a', 'dir/b', 'held']), { a: true, 'dir/b': true, held: false });
		assert.equal(await publisher.publish(), undefined);
		await repository.storage.commitTrust(async ({ trust }) => void (await trust.releaseTargets()));
		await repository.put({ path: 'a', wanted: null });
		const second = await publisher.publish();
		assert.deepEqual([second?.snapshot, second?.timestamp], [2, 2]);
		assert.deepEqual(await seenByTufJs(repository, ['a', 'dir/b', 'held']), { a: false, 'dir/b': true, held: true });
	});
});

test('two publishers at once: nothing is lost and versions have no gap', async () => {
	await withRepository(async (repository) => {
		const publishers = [repository.publisher(), repository.publisher()];
		const paths = Array.from({ length: 30 }, (_, index) => `t/${index}`);
		await Promise.all(
			paths.map(async (path, index) => {
				await repository.put({ path });
				await publishers[index % 2]?.publish();
			}),
		);
		const waiting = await repository.storage.trust.targets({ waiting: true }, '', 99);
		assert.deepEqual(waiting, []);
		const versions = (await repository.storage.trust.versions('snapshot', 99)).map(({ version }) => version);
		assert.deepEqual(
			versions,
			Array.from({ length: versions.length }, (_, index) => versions.length - index),
		);
		const served = JSON.parse(new TextDecoder().decode(await repository.files.read('timestamp.json')));
		assert.equal(served.signed.version, (await repository.storage.trust.role('timestamp'))?.version);
	});
});

test('what was committed but not written is written by whoever comes next, the timestamp last', async () => {
	await withRepository(async (repository) => {
		const order: string[] = [];
		const failing: MetadataFiles = {
			...repository.files,
			async write(name, bytes) {
				if (name.includes('snapshot')) throw new Error('power cut');
				await repository.files.write(name, bytes);
			},
		};
		await repository.put({ path: 'a' });
		await assert.rejects(repository.publisher({ files: failing }).publish(), /power cut/);
		assert.equal(await repository.files.read('timestamp.json'), undefined);
		const watched: MetadataFiles = {
			...repository.files,
			async write(name, bytes) {
				await repository.files.write(name, bytes);
				order.push(name);
			},
		};
		assert.ok((await flushOutbox(repository.storage, watched)) > 0);
		assert.equal(order.at(-1), 'timestamp.json');
		assert.ok(order.includes('1.snapshot.json'));
		assert.deepEqual(await repository.storage.trust.outbox(9), []);
	});
});

test('an older timestamp is never written over a newer one', async () => {
	await withRepository(async (repository) => {
		const publisher = repository.publisher();
		await repository.put({ path: 'a' });
		await publisher.publish();
		const newer = await repository.files.read('timestamp.json');
		const file = JSON.parse(new TextDecoder().decode(newer));
		file.signed.version = 9;
		await writeFile(join(repository.folder, 'timestamp.json'), JSON.stringify(file));
		await repository.put({ path: 'b' });
		await publisher.publish();
		const served = JSON.parse(new TextDecoder().decode(await repository.files.read('timestamp.json')));
		assert.equal(served.signed.version, 9);
	});
});

test('all online roles are signed anew when a third of their time is left', async () => {
	await withRepository(async (repository) => {
		await repository.publisher().publish();
		const days = (count: number) => repository.publisher({ now: () => now + count * 86_400_000 });
		assert.equal(await days(4).publish(), undefined);
		assert.deepEqual((await days(5).publish())?.roles, []);
		assert.equal((await days(61).publish())?.roles.length, 4);
	});
});

test('documents of the folder are the bytes that the snapshot and the timestamp name', async () => {
	await withRepository(async (repository) => {
		await repository.put({ path: 'a "quoted" \\ ü \u{1F600}' });
		await repository.publisher().publish();
		const names = await readdir(repository.folder);
		const read = async (name: string) => (await repository.files.read(name)) ?? new Uint8Array();
		const timestamp = JSON.parse(new TextDecoder().decode(await read('timestamp.json'))).signed;
		const { version, length, hashes } = timestamp.meta['snapshot.json'];
		const snapshot = await read(`${version}.snapshot.json`);
		assert.deepEqual([snapshot.length, trustHash('sha256', snapshot)], [length, hashes.sha256]);
		for (const [file, meta] of Object.entries(JSON.parse(new TextDecoder().decode(snapshot)).signed.meta)) {
			assert.ok(names.includes(`${(meta as { version: number }).version}.${file}`), file);
		}
	});
});
