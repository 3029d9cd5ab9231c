// Fills a small file system with a database until commits fail, makes room again, and checks what is left. Run by
// itself in a mount namespace: `unshare --mount --map-root-user --user node full-disk.ts FOLDER`. It mounts a tmpfs on
// FOLDER, which goes away with the process. Exit code 0: all held; 1: a finding, on stderr; 77: no tmpfs could be
// mounted here.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSqlite } from '../../src/storage/sqlite/open.ts';
import type { Storage } from '../../src/storage/store.ts';
import type { Workflow } from '../../src/workflow/rules/model.ts';

export const NO_MOUNT = 77;
const MEGABYTE = 1 << 20;
const workflow: Workflow = { name: 'full', states: [{ name: 'NEW' }], transitions: [] };

async function main(folder: string): Promise<number> {
	const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'caisson-full-disk', folder]);
	if (mounted.status !== 0) return NO_MOUNT;
	const ballast = join(folder, 'ballast');
	writeFileSync(ballast, Buffer.alloc(3 * MEGABYTE));
	const file = join(folder, 'caisson.db');

	let storage = await openSqlite(file);
	await storage.commit((unit) => unit.workflows.insert(workflow));
	const acknowledged: string[] = [];
	const failed: string[] = [];
	let next = 0;
	// Eight at a time, so that the disk fills in the middle of a batch.
	const round = async () => {
		const ids = Array.from({ length: 8 }, () => `job-${next++}`);
		const outcomes = await Promise.allSettled(ids.map((id) => create(storage, id)));
		outcomes.forEach((outcome, index) => {
			const id = ids[index] ?? '';
			if (outcome.status === 'fulfilled') acknowledged.push(id);
			else {
				failed.push(id);
				assert.equal(outcome.reason.code, 'storage-unavailable');
				assert.match(outcome.reason.message, /not stored|disk is full/);
			}
		});
	};

	while (failed.length === 0 && next < 10_000) await round();
	assert.ok(failed.length > 0, 'the disk never filled');
	for (let again = 0; again < 20; again++) await round();
	await check(storage, acknowledged, failed, 'while the disk is full');

	const before = acknowledged.length;
	rmSync(ballast);
	await round();
	assert.equal(acknowledged.length, before + 8, 'commits work again once there is room');
	await check(storage, acknowledged, failed, 'after room was made');
	await storage.close();
	storage = await openSqlite(file);
	await check(storage, acknowledged, failed, 'after opening again');
	await storage.close();
	console.log(`${acknowledged.length} acknowledged and kept, ${failed.length} refused and not kept`);
	return 0;
}

function create(storage: Storage, id: string): Promise<void> {
	return storage.commit(async (unit) => {
		await unit.jobs.insert({
			...{ id, clientId: 'device', workflow, tags: [], definition: { text: 'x'.repeat(5000) } },
			...{ status: { state: 'NEW' }, stime: 1, mtime: 1, version: 1, reports: 1 },
		});
		await unit.events.append({
			ctime: 1,
			action: 'CREATE',
			jobId: id,
			clientId: 'device',
			workflow: 'full',
			job: '{}',
		});
	});
}

async function check(
	storage: Storage,
	acknowledged: readonly string[],
	failed: readonly string[],
	when: string,
): Promise<void> {
	const { jobs } = await storage.jobs.query({}, { offset: 0, limit: -1, sort: 'asc', total: false });
	const ids = new Set(jobs.map(({ id }) => id));
	assert.deepEqual([...ids], acknowledged, `jobs ${when}`);
	assert.ok(!failed.some((id) => ids.has(id)), `a refused job is there ${when}`);
	const events = await storage.events.read(0, 100_000);
	assert.deepEqual(
		events.map(({ jobId }) => jobId),
		acknowledged,
		`events ${when}`,
	);
}

const [, program, folder] = process.argv;
if (program === import.meta.filename && folder !== undefined) process.exitCode = await main(folder);
