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
import { trustHash, trustKeyOf, trustSha256, verifyTrustSignature } from '../outside/signer/trust-verify.ts';
import type { Storage } from '../storage/store.ts';
import { flushOutbox } from './outbox.ts';
import { Publisher, type PublisherWorld } from './publisher.ts';
import { offerDocument } from './repository/offer.ts';
import { changeTargets } from './repository/targets.ts';
import { changeSettings, type RepositoryWorld, repositorySettings } from './repository/world.ts';
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
import { everyPathHashPrefix } from './rules/metadata/portable-paths.ts';
import { defaultSettings } from './rules/repository/settings.ts';
import type { OnlineSigner } from './signer.ts';
import type { MetadataFiles } from './store.ts';

// Devices judge by the real time.
const now = Math.floor(Date.now() / 1000) * 1000;
const expires = expiryText(now + 365 * 86_400_000);

function newSigner(): OnlineSigner {
	const { publicKey, privateKey } = generateKeyPairSync('ed25519');
	const key = trustKeyOf(publicKey);
	return { key, keyid: keyIdOf(key, trustSha256), sign: async (payload) => sign(null, payload, privateKey) };
}

async function signedBy(signed: Signed, ...signers: readonly OnlineSigner[]): Promise<Uint8Array> {
	let metadata = unsigned(signed);
	for (const { keyid, sign } of signers) {
		const sig = Buffer.from(await sign(payloadToSign(signed))).toString('hex');
		metadata = withSignature(metadata, { keyid, sig });
	}
	return serializeMetadata(metadata);
}

interface PutTarget {
	readonly path: string;
	readonly held?: boolean;
	readonly removed?: boolean;
}

interface Repository {
	readonly storage: Storage;
	readonly folder: string;
	readonly files: MetadataFiles;
	readonly root: Uint8Array;
	publisher(changes?: Partial<PublisherWorld>): Publisher;
	put(...targets: readonly PutTarget[]): Promise<void>;
}

/** A repository with four bins, root and targets signed by a key of people, the rest by the server's. */
async function withRepository(use: (repository: Repository) => Promise<void>): Promise<void> {
	const database = await openTemporary();
	const folder = mkdtempSync(join(tmpdir(), 'caisson-tuf-'));
	try {
		const files = await openDiskMetadata(join(folder, 'metadata'));
		const [person, signer] = [newSigner(), newSigner()];
		const offline = { keyids: [person.keyid], threshold: 1 };
		const online = { keyids: [signer.keyid], threshold: 1 };
		const keys = { [person.keyid]: person.key, [signer.keyid]: signer.key };
		const roles = { root: offline, timestamp: online, snapshot: online, targets: offline };
		const root = await signedBy(makeRoot({ version: 1, expires, keys, roles }), person);
		const bins = { ...online, name: 'bins', terminating: false, path_hash_prefixes: everyPathHashPrefix };
		const delegations = { keys: { [signer.keyid]: signer.key }, roles: [bins] };
		const targets = await signedBy(makeTargets({ version: 1, expires, targets: {}, delegations }), person);
		const { storage } = database;
		const publisher = (changes: Partial<PublisherWorld> = {}) =>
			new Publisher({
				...{ storage, files, settings: () => repositorySettings(storage.trust), signers: [signer] },
				...{ sha256: trustSha256, now: () => now, ...changes },
			});
		const world: RepositoryWorld = {
			...{ storage, publisher: publisher(), sha256: trustSha256, hash: trustHash, now: () => now },
			...{ verify: verifyTrustSignature, onlineKeyids: new Set([signer.keyid]) },
		};
		await changeSettings(world, { ...defaultSettings, bins: { ...defaultSettings.bins, bitLength: 2 } }, 'test');
		assert.deepEqual((await offerDocument(world, 'root', root, 'test')).committed, ['root']);
		assert.equal(await files.read('1.root.json'), undefined);
		await offerDocument(world, 'targets', targets, 'test');
		await use({
			storage,
			folder: join(folder, 'metadata'),
			files,
			root,
			publisher,
			put: (...wanted) => putTargets(world, wanted),
		});
	} finally {
		await database.destroy();
		rmSync(folder, { recursive: true, force: true });
	}
}

/** The bytes of a target are its path. */
function putTargets(world: RepositoryWorld, wanted: readonly PutTarget[]): Promise<void> {
	const changes = wanted.map(({ path, held = false, removed = false }) => {
		const bytes = new TextEncoder().encode(path);
		const target = { length: bytes.length, hashes: { sha256: trustSha256(bytes) } };
		return { path, held, ...(removed ? {} : { target }) };
	});
	return changeTargets(world, changes, 'test');
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
		const first = await publisher.publish('test');
		assert.deepEqual([first?.snapshot, first?.timestamp], [2, 2]);
		assert.deepEqual(await seenByTufJs(repository, ['a', 'dir/b', 'held']), { a: true, 'dir/b': true, held: false });
		assert.equal(await publisher.publish('test'), undefined);
		await repository.storage.commitTrust(async ({ trust }) => void (await trust.releaseTargets()));
		await repository.put({ path: 'a', removed: true });
		const second = await publisher.publish('test');
		assert.deepEqual([second?.snapshot, second?.timestamp], [3, 3]);
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
				await publishers[index % 2]?.publish('test');
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
		await assert.rejects(repository.publisher({ files: failing }).publish('test'), /power cut/);
		const before = JSON.parse(new TextDecoder().decode(await repository.files.read('timestamp.json')));
		assert.equal(before.signed.version, 1);
		const watched: MetadataFiles = {
			...repository.files,
			async write(name, bytes) {
				await repository.files.write(name, bytes);
				order.push(name);
			},
		};
		assert.ok((await flushOutbox(repository.storage, watched)) > 0);
		assert.equal(order.at(-1), 'timestamp.json');
		assert.ok(order.includes('2.snapshot.json'));
		assert.deepEqual(await repository.storage.trust.outbox(9), []);
	});
});

test('more bins than are held in memory are committed before their snapshot, and finished by whoever comes next', async () => {
	await withRepository(async (repository) => {
		const paths = Array.from({ length: 40 }, (_, index) => `many/${index}`);
		await repository.put(...paths.map((path) => ({ path })));
		let commits = 0;
		const dying: Storage = {
			...repository.storage,
			commitTrust(step) {
				if (++commits > 2) return Promise.reject(new Error('power cut'));
				return repository.storage.commitTrust(step);
			},
		};
		await assert.rejects(repository.publisher({ storage: dying, mostInMemory: 1 }).publish('test'), /power cut/);
		assert.equal(commits, 3);
		// Nothing of it is served: the files are those of before.
		assert.equal((await seenByTufJs(repository, paths))['many/0'], false);
		const published = await repository.publisher({ mostInMemory: 1 }).publish('test');
		assert.equal(published?.snapshot, 2);
		assert.deepEqual(new Set(Object.values(await seenByTufJs(repository, paths))), new Set([true]));
		assert.equal(await repository.publisher().publish('test'), undefined);
	});
});

test('a publication that was overtaken by documents of people leaves it to them to finish', async () => {
	await withRepository(async (repository) => {
		await repository.put({ path: 'a' });
		const { storage } = repository;
		let begun = false;
		const overtaken: Storage = {
			...storage,
			async commitTrust(step) {
				if (!begun) {
					begun = true;
					await storage.commitTrust(({ trust }) => trust.putSetting('unfinished', 'all'));
				}
				return await storage.commitTrust(step);
			},
		};
		await repository.publisher({ storage: overtaken }).publish('test');
		assert.equal(await storage.trust.setting('unfinished'), 'all');
		assert.equal((await repository.publisher().publish('test'))?.roles.length, 5);
		assert.equal(await storage.trust.setting('unfinished'), '');
	});
});

test('an older timestamp is never written over a newer one', async () => {
	await withRepository(async (repository) => {
		const publisher = repository.publisher();
		await repository.put({ path: 'a' });
		await publisher.publish('test');
		const newer = await repository.files.read('timestamp.json');
		const file = JSON.parse(new TextDecoder().decode(newer));
		file.signed.version = 9;
		await writeFile(join(repository.folder, 'timestamp.json'), JSON.stringify(file));
		await repository.put({ path: 'b' });
		await publisher.publish('test');
		const served = JSON.parse(new TextDecoder().decode(await repository.files.read('timestamp.json')));
		assert.equal(served.signed.version, 9);
	});
});

test('all online roles are signed anew when a third of their time is left', async () => {
	await withRepository(async (repository) => {
		const days = (count: number) => repository.publisher({ now: () => now + count * 86_400_000 });
		assert.equal(await days(4).publish('test'), undefined);
		assert.deepEqual((await days(5).publish('test'))?.roles, []);
		assert.equal((await days(61).publish('test'))?.roles.length, 5);
	});
});

test('documents of the folder are the bytes that the snapshot and the timestamp name', async () => {
	await withRepository(async (repository) => {
		await repository.put({ path: 'a "quoted" ü \u{1F600}' });
		await repository.publisher().publish('test');
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
