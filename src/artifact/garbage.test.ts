// Garbage collection on the real application, with both databases and both kinds of blobs where they matter.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type RunningApplication, startApplication } from '../../testing/application/application.ts';
import { sharedPostgres, withoutPostgres } from '../../testing/postgres/server.ts';
import { encodeHeader, encodeTrailer, padding } from '../format/cpio/header.ts';
import { openDiskBlobs } from '../outside/blobs/disk.ts';
import { openPostgres } from '../storage/postgres/open.ts';
import { sampleBytes, sha256 } from './contract.ts';
import { collectGarbage } from './garbage.ts';
import type { ArtifactWorld } from './steps.ts';

const api = '/api/caisson/v1/artifacts';
const workflow = {
	name: 'w',
	states: [{ name: 'NEW' }, { name: 'DONE' }],
	groups: [{ name: 'OPEN', states: ['NEW'] }],
	transitions: [{ from: 'NEW', to: 'DONE', eligible: 'CLIENT' }],
};
let running: RunningApplication;
let seeds = 1000;
/** Far enough ahead that everything is old. */
const later = { olderThan: 0 };

before(async () => {
	running = await startApplication();
	await post(running, '/api/wfx/v1/workflows', workflow);
});
after(() => running.stop());

async function post({ north }: RunningApplication, path: string, body: unknown) {
	const headers = { 'content-type': 'application/json' };
	const response = await fetch(north + path, { method: 'POST', headers, body: JSON.stringify(body) });
	const value = (await response.json().catch(() => undefined)) as never;
	assert.ok(response.ok, `${path}: ${response.status} ${JSON.stringify(value)}`);
	return value;
}

async function add({ north }: RunningApplication, bytes: Uint8Array = sampleBytes(500, seeds++)): Promise<string> {
	const digest = sha256(bytes);
	const response = await fetch(`${north}${api}/sha256/${digest}`, {
		method: 'PUT',
		body: bytes as Uint8Array<ArrayBuffer>,
	});
	assert.equal(response.status, 201);
	return digest;
}

const exists = async ({ south }: RunningApplication, digest: string) =>
	(await fetch(`${south}/artifacts/sha256/${digest}`, { method: 'HEAD' })).status === 200;
const job = (server: RunningApplication, digest: string) =>
	post(server, '/api/wfx/v1/jobs', {
		clientId: 'd',
		workflow: 'w',
		definition: { uri: `http://x/artifacts/sha256/${digest}/a.swu` },
	});
const collect = (
	server: RunningApplication,
	body: object = later,
): Promise<{
	removed: { digest: string }[];
	kept: { named: number; young: number };
	unreadable: string[];
	more: boolean;
}> => post(server, `${api}/collect`, body);

function update(description: string): Uint8Array {
	const member = (name: string, data: Uint8Array, inode: number) => [
		encodeHeader('newc', {
			name,
			inode,
			mode: 0o100644,
			uid: 0,
			gid: 0,
			mtime: 0,
			size: data.length,
			checksum: 0,
		} as never),
		data,
		padding(data.length),
	];
	const parts = [
		...member('sw-description', Buffer.from(description), 1),
		...member('x', sampleBytes(9, seeds++), 2),
	].flat();
	const length = parts.reduce((sum, part) => sum + part.length, 0);
	return Buffer.concat([...parts, encodeTrailer('newc', length)]);
}

test('what an unfinished job names stays, and what is young; the rest goes, with a row in the audit trail', async () => {
	const [named, loose] = [await add(running), await add(running)];
	await job(running, named);
	assert.deepEqual((await collect(running, { olderThan: 3600 })).removed, []);
	const dry = await collect(running, { ...later, dryRun: true });
	assert.deepEqual([dry.removed.map(({ digest }) => digest), await exists(running, loose)], [[loose], true]);
	const { removed, kept } = await collect(running);
	assert.deepEqual([removed.map(({ digest }) => digest), kept], [[loose], { named: 1, young: 0 }]);
	assert.deepEqual([await exists(running, named), await exists(running, loose)], [true, false]);
	const row = (await running.storage.audit.read(0, 100_000)).at(-1);
	assert.deepEqual(
		[row?.action, row?.subject, row?.detail],
		['artifact.delete', loose, { size: 500, collected: true }],
	);
});

test('what the description of a named update has the address of stays, and cannot be deleted', async () => {
	const payload = await add(running);
	const description = `software = { version = "1"; images: ( { url = "http://x/artifacts/sha256/${payload}"; } ); };`;
	const swu = await add(running, update(description));
	const unnamed = await add(running);
	await job(running, swu);
	assert.deepEqual(
		(await collect(running)).removed.map(({ digest }) => digest),
		[unnamed],
	);
	assert.ok((await exists(running, payload)) && (await exists(running, swu)));
	const refused = await fetch(`${running.north}${api}/sha256/${payload}`, { method: 'DELETE' });
	assert.equal(refused.status, 409);
	assert.match(await refused.text(), new RegExp(`the update ${swu}, which is named by the unfinished job`));
});

test('an update whose description is encrypted is told of', async () => {
	const swu = await add(running, update('\u0001\u0002 not to be read'));
	await job(running, swu);
	assert.deepEqual((await collect(running)).unreadable, [swu]);
});

test('at most as many go as are asked for, and it is said that there are more', async () => {
	for (let index = 0; index < 5; index++) await add(running);
	const first = await collect(running, { ...later, limit: 2 });
	assert.deepEqual([first.removed.length, first.more], [2, true]);
	const second = await collect(running, { ...later, limit: 3 });
	assert.deepEqual([second.removed.length, second.more], [3, false]);
});

async function createdMeanwhile(server: RunningApplication): Promise<void> {
	const digests: string[] = [];
	for (let index = 0; index < 40; index++) digests.push(await add(server));
	// An operator sees the artifact, and makes a job for it, while it is collected.
	const made: string[] = [];
	const operator = async () => {
		for (const digest of digests.toSorted()) {
			if (!(await exists(server, digest))) continue;
			await job(server, digest);
			made.push(digest);
		}
	};
	const [{ removed }] = await Promise.all([collect(server), operator()]);
	const gone = new Set(removed.map(({ digest }) => digest));
	for (const digest of digests) assert.equal(await exists(server, digest), !gone.has(digest), digest);
	// The operator's look and the job are two requests, so an artifact may go in between: then its row stands before the
	// job's. Where the job stands first, its artifact is there.
	const rows = await server.storage.audit.read(0, 100_000);
	const deletion = (digest: string) =>
		rows.findLastIndex(({ action, subject }) => action === 'artifact.delete' && subject === digest);
	const jobs = await server.storage.jobs.query(
		{ workflow: 'w' },
		{ offset: 0, limit: 1000, sort: 'asc', total: false },
	);
	for (const digest of made) {
		const id = jobs.jobs.find(({ definition }) => JSON.stringify(definition).includes(digest))?.id ?? '';
		const created = rows.findIndex((row) => row.action === 'job.create' && row.subject === id);
		if (gone.has(digest)) assert.ok(deletion(digest) < created, `${digest} was removed after its job was made`);
	}
	assert.ok(made.length > 0);
}

test('a job that is created while garbage is collected keeps its artifact (SQLite)', async () => {
	const server = await startApplication();
	try {
		await post(server, '/api/wfx/v1/workflows', workflow);
		for (let turn = 0; turn < 2; turn++) await createdMeanwhile(server);
	} finally {
		await server.stop();
	}
});

test('a job that is created while garbage is collected keeps its artifact (PostgreSQL)', {
	skip: withoutPostgres(),
}, async () => {
	const storage = await openPostgres(await (await sharedPostgres()).createDatabase());
	const server = await startApplication({ storage });
	try {
		await post(server, '/api/wfx/v1/workflows', workflow);
		for (let turn = 0; turn < 2; turn++) await createdMeanwhile(server);
	} finally {
		await server.stop();
	}
});

test('an artifact that is named after its audit row was written comes back, with a row that says so', async () => {
	const digest = await add(running);
	const { blobs, rows } = await worldOf(running);
	const all = new Map<string, string>();
	const references = [async () => ({ all, refresh: async () => undefined })];
	const commit = async (step: (unit: never) => Promise<unknown>) => {
		const append = async (row: { action: string }) => {
			rows.push(row.action);
			// At the very moment at which the row stands.
			all.set(digest, 'the release 7');
		};
		return step({ audit: { append } } as never);
	};
	const world = { blobs, references, commit, now: Date.now, maximum: () => 0 } as unknown as ArtifactWorld;
	const collected = await collectGarbage(world, { olderThan: -60_000, dryRun: false, limit: 10, by: 'x' });
	assert.ok(!collected.removed.some((one) => one.digest === digest));
	assert.deepEqual(
		rows.filter((action) => action === 'artifact.keep'),
		['artifact.keep'],
	);
	assert.ok(await exists(running, digest));
});

/** The blobs of the application, opened a second time while nobody uploads. */
async function worldOf({ directory }: RunningApplication) {
	return { blobs: await openDiskBlobs(join(directory, 'blobs')), rows: [] as string[] };
}
