// kill -9 at every step of a publication, and two servers on one PostgreSQL that publish at once: whoever comes next
// finishes what was committed, nothing is lost, versions have no gap.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openTemporary } from '../../testing/database/temporary-database.ts';
import { withoutPostgres } from '../../testing/postgres/server.ts';
import { openPostgresStore } from '../../testing/postgres/store.ts';
import { signedBytes } from '../../testing/tuf-documents/documents.ts';
import { tufJs } from '../../testing/tuf-oracles/tuf-js.ts';
import {
	openService,
	people,
	serviceRoot,
	serviceTargets,
	type TestService,
	targetOf,
} from '../../testing/tuf-service/service.ts';
import type { Storage } from '../storage/store.ts';
import { offerDocument } from './repository/offer.ts';
import { defaultSettings } from './rules/repository/settings.ts';

const { anna, ben, clara } = people;
const root = signedBytes(serviceRoot(1), anna, ben);
const settings = { bins: { ...defaultSettings.bins, bitLength: 1 } };

async function bootstrap({ world }: TestService): Promise<void> {
	await offerDocument(world, 'root', root, 'test');
	await offerDocument(world, 'targets', signedBytes(serviceTargets(1), clara), 'test');
}

/** Everything is published and served, in versions without a gap, and a device finds it. */
async function assertWhole(storage: Storage, service: TestService, paths: readonly string[]): Promise<void> {
	assert.deepEqual(await storage.trust.outbox(9), []);
	assert.deepEqual(await storage.trust.targets({ waiting: true }, '', 9), []);
	for (const role of ['snapshot', 'timestamp']) {
		const versions = (await storage.trust.versions(role, 9999)).map(({ version }) => version);
		assert.deepEqual(
			versions,
			Array.from({ length: versions.length }, (_, index) => versions.length - index),
		);
	}
	const { error, targets } = await service.seen(tufJs(), { root, targets: paths });
	assert.equal(error, null);
	for (const path of paths) assert.equal(targets[path], targetOf(path).hashes.sha256, path);
}

test('a server killed at any step of a publication leaves what the next one finishes', async () => {
	const database = await openTemporary();
	let storage = database.storage;
	const service = await openService(storage, { settings });
	const { folder } = service;
	try {
		await bootstrap(service);
		const program = fileURLToPath(new URL('../../testing/tuf-service/crash.ts', import.meta.url));
		const paths: string[] = [];
		let killed = 0;
		for (let step = 1; ; step++) {
			const path = `step/${step}`;
			await storage.close();
			const words = ['--disable-warning=ExperimentalWarning', program, database.file, folder, String(step), path];
			const { status, signal, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
			storage = await database.reopen().catch(() => database.reopen());
			const next = await openService(storage, { folder, settings });
			// A device meets something consistent even before anybody has finished it.
			const early = await next.seen(tufJs(), { root, targets: paths });
			assert.equal(early.error, null, `step ${step}`);
			await next.publisher.publish('test');
			if ((await storage.trust.target(path)) !== undefined) paths.push(path);
			await assertWhole(storage, next, paths);
			if (status === 0) break;
			assert.equal(signal, 'SIGKILL', `step ${step}: ${stderr}`);
			killed++;
		}
		// Before and after: the change, the publication, three files and the outbox.
		assert.equal(killed, 12);
		assert.ok(paths.length >= killed - 1);
	} finally {
		service.close();
		await database.destroy();
	}
});

const skip = withoutPostgres();
test('two servers on one PostgreSQL publish at once, and both succeed', { skip }, async () => {
	const store = await openPostgresStore();
	const first = await openService(store.storage, { settings });
	try {
		await bootstrap(first);
		const second = await openService(await store.another(), { folder: first.folder });
		const paths = Array.from({ length: 40 }, (_, index) => `t/${index}`);
		const published = await Promise.all(
			paths.map(async (path, index) => {
				const server = index % 2 === 0 ? first : second;
				await server.put([path]);
				await server.publisher.publish(`server ${index % 2}`);
				// What was acknowledged is served.
				return (await store.storage.trust.target(path))?.published;
			}),
		);
		assert.ok(published.every((body) => body !== null && body !== undefined));
		await assertWhole(store.storage, first, paths);
	} finally {
		first.close();
		await store.destroy();
	}
});
