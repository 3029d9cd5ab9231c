// Row 22 of the attack table, the part of the client: a process killed before any step on the disk leaves a state that is
// whole, that nobody can roll back, and that the next refresh completes.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { refusalIn, type World, withWorld } from '../../../testing/tuf-repository/device.ts';
import type { Step } from './durable-file.ts';

const program = fileURLToPath(new URL('../../../testing/tuf-repository/cut-client.ts', import.meta.url));

const content = Buffer.alloc(20_000, 'content');

/** Runs the client in a process that dies before step `last`. */
function runCut(
	state: string,
	url: string,
	downloads: string,
	last: number,
): Promise<{ signal: unknown; output: string }> {
	return new Promise((resolve) => {
		const words = ['--disable-warning=ExperimentalWarning', program, state, url, downloads, String(last), 'file'];
		execFile(process.execPath, words, (error, output, errors) => {
			resolve({ signal: error?.signal ?? error?.code ?? null, output: `${output}${errors}` });
		});
	});
}

/** A device that held version 1 of everything; the repository has gone on: two roots, rotated keys, a delegated role. */
async function prepare({ repository, device }: World): Promise<void> {
	await device.refresh();
	const old = repository.signers.get('root') ?? [];
	repository.rotateKeys('root');
	repository.rotateKeys('timestamp');
	repository.publishRoot(old);
	repository.publishRoot();
	repository.delegate('targets', { name: 'releases' });
	repository.addTarget('releases', 'file', content);
	repository.publish('releases', 'targets');
}

/** Everything below `folder` but what a write that was cut leaves: path → content. */
async function filesOf(folder: string): Promise<Map<string, string>> {
	const found = new Map<string, string>();
	for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])) {
		const path = join(entry.parentPath, entry.name);
		if (entry.isFile() && !/\.writing$|lock$/.test(path)) {
			found.set(path.slice(folder.length), await readFile(path, 'latin1'));
		}
	}
	return found;
}

/** Each file of a state is whole, the target too; then the client goes on from there and completes. */
async function judgeCut({ device }: World, state: string, downloads: string, where: string): Promise<void> {
	for (const [path, text] of await filesOf(state)) assert.doesNotThrow(() => JSON.parse(text), `${where}: ${path}`);
	const target = await readFile(join(downloads, 'file')).catch(() => undefined);
	assert.ok(target === undefined || target.equals(content), where);
	assert.equal(refusalIn(await device.download(['file'], { state }, downloads)), undefined, where);
	assert.deepEqual(await readFile(join(downloads, 'file')), content);
	const left = (await readdir(join(state, 'metadata'))).filter((name) => name.endsWith('.writing'));
	assert.deepEqual(left, [], where);
}

test('row 22: whatever step on the disk is the last, the state is consistent and the client goes on', () =>
	withWorld(async (world) => {
		const { device } = world;
		await prepare(world);
		const copies = join(device.folder, 'copies');
		const state = join(device.folder, 'watched');
		const downloads = join(device.folder, 'watched-downloads');
		cpSync(device.state, state, { recursive: true });
		// What lies on the disk before a step is what a process killed there leaves.
		const steps: string[] = [];
		const step: Step = (operation, path) => {
			const copy = join(copies, String(steps.length));
			cpSync(state, join(copy, 'state'), { recursive: true });
			if (existsSync(downloads)) cpSync(downloads, join(copy, 'downloads'), { recursive: true });
			steps.push(`${operation} ${path.slice(device.folder.length)}`);
		};
		assert.equal(refusalIn(await device.download(['file'], { state, step }, downloads)), undefined);
		assert.ok(steps.length > 50, String(steps.length));
		const seen = new Set<string>();
		for (const [index, where] of steps.entries()) {
			const copy = join(copies, String(index));
			const distinct = JSON.stringify([...(await filesOf(copy))].sort());
			if (seen.has(distinct)) continue;
			seen.add(distinct);
			// The process that it names lives on here; the next test shows that a dead one’s does not block.
			rmSync(join(copy, 'state', 'lock'), { force: true });
			await judgeCut(world, join(copy, 'state'), join(copy, 'downloads'), where);
		}
		assert.ok(seen.size > 10, String(seen.size));
	}));

test('row 22: a client process that is killed leaves a consistent state and no lasting lock', () =>
	withWorld(async (world) => {
		const { server, device } = world;
		await prepare(world);
		// CAISSON_CUT_EVERY=1 kills a process before every step.
		const every = Number(process.env.CAISSON_CUT_EVERY ?? 13);
		for (let last = 1, alive = false; !alive; last += every) {
			const state = join(device.folder, `state-${last}`);
			const downloads = join(device.folder, `downloads-${last}`);
			await cp(device.state, state, { recursive: true });
			const { signal, output } = await runCut(state, server.url, downloads, last);
			alive = signal === null;
			if (!alive) assert.equal(signal, 'SIGKILL', output);
			await judgeCut(world, state, downloads, `step ${last}`);
		}
	}));

test('a file is synced before it is renamed, and its folder after', () =>
	withWorld(async ({ device }) => {
		const steps: string[] = [];
		const step: Step = (operation, path) => steps.push(`${operation} ${path.slice(device.state.length + 1)}`);
		await device.refresh({ step });
		const around = steps.indexOf('rename metadata/timestamp.json');
		assert.match(steps[around - 1] as string, /^sync metadata\/timestamp\.json\..*writing$/);
		assert.equal(steps[around + 1], 'sync folder metadata');
	}));

test('versions that were kept before a cut cannot be rolled back after it', () =>
	withWorld(async (world) => {
		const { repository, server, device } = world;
		await device.refresh();
		const first = repository.files.get('metadata/timestamp.json') as Uint8Array;
		repository.publish();
		// Cut right after the new timestamp was made durable, before the snapshot.
		let renamed = false;
		const step: Step = (operation, path) => {
			if (renamed && operation === 'open') throw new Error('cut');
			renamed ||= operation === 'rename' && path.endsWith('timestamp.json');
		};
		await assert.rejects(device.refresh({ step }), /cut/);
		assert.equal(await device.version('timestamp'), 2);
		assert.equal(await device.version('snapshot'), 1);
		server.behave(/timestamp/, (_request, response) => response.end(first));
		assert.equal(refusalIn(await device.refresh()), 'rollback');
		server.calm();
		assert.equal(refusalIn(await device.refresh()), undefined);
	}));

test('two processes do not use one state at the same time, and a dead one does not block it', () =>
	withWorld(async ({ server, device }) => {
		let second: Promise<unknown> | undefined;
		server.behave(/timestamp/, () => {
			second ??= assert.rejects(device.refresh(), { code: 'trust-state-busy' });
			return false;
		});
		assert.equal((await device.refresh()).outcome, 'refreshed');
		await second;
		assert.equal((await device.refresh()).outcome, 'refreshed');
	}));
