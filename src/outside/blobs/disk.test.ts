// Blobs in a folder: the contract, and what only a folder has.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { NO_MOUNT } from '../../../testing/blobs/full-disk.ts';
import { blobStoreContract, discard, pieces, readBlob, sampleBytes, sha256 } from '../../artifact/contract.ts';
import { openDiskBlobs } from './disk.ts';

const program = fileURLToPath(new URL('../../../testing/blobs/full-disk.ts', import.meta.url));
const plenty = { maximum: 2 ** 30 };

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-blobs-'));
	try {
		await use(folder);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

const filesOf = (folder: string) =>
	readdirSync(folder, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));

blobStoreContract('disk', (use) =>
	inFolder(async (folder) => {
		await use(await openDiskBlobs(join(folder, 'blobs')));
		assert.deepEqual(readdirSync(join(folder, 'blobs', 'incoming')), [], 'no upload left anything behind');
	}),
);

test('disk: files and folders are closed to others, and named by the digest', () =>
	inFolder(async (folder) => {
		const blobs = await openDiskBlobs(join(folder, 'blobs'));
		const bytes = sampleBytes(10, 1);
		await blobs.put(sha256(bytes), pieces(bytes), plenty);
		const path = join('blobs', 'sha256', sha256(bytes).slice(0, 2), sha256(bytes));
		assert.deepEqual(filesOf(folder), [path]);
		assert.equal(statSync(join(folder, path)).mode & 0o777, 0o600);
		for (let at = path; at.includes('/'); ) {
			at = at.slice(0, at.lastIndexOf('/'));
			assert.equal(statSync(join(folder, at)).mode & 0o777, 0o700, at);
		}
	}));

test('disk: what a crash left of uploads is cleared away at the next start, and blobs stay', () =>
	inFolder(async (folder) => {
		const bytes = sampleBytes(10, 1);
		await (await openDiskBlobs(folder)).put(sha256(bytes), pieces(bytes), plenty);
		writeFileSync(join(folder, 'incoming', 'half'), 'half an upload');
		const again = await openDiskBlobs(folder);
		assert.deepEqual(filesOf(folder), [join('sha256', sha256(bytes).slice(0, 2), sha256(bytes))]);
		assert.ok(Buffer.from((await readBlob(again, sha256(bytes))) ?? []).equals(bytes));
	}));

test('disk: foreign files in the folder are not listed', () =>
	inFolder(async (folder) => {
		const blobs = await openDiskBlobs(folder);
		mkdirSync(join(folder, 'sha256', 'ab'));
		writeFileSync(join(folder, 'sha256', 'ab', 'notes.txt'), '');
		writeFileSync(join(folder, 'sha256', 'README'), '');
		mkdirSync(join(folder, 'sha256', 'lost+found'));
		assert.deepEqual(await blobs.list({ limit: 10 }), []);
	}));

test('disk: a damaged blob is mended by storing it again', () =>
	inFolder(async (folder) => {
		const blobs = await openDiskBlobs(folder);
		const bytes = sampleBytes(1000, 2);
		const digest = sha256(bytes);
		await blobs.put(digest, pieces(bytes), plenty);
		writeFileSync(join(folder, 'sha256', digest.slice(0, 2), digest), 'damaged');
		await blobs.put(digest, pieces(bytes), plenty);
		assert.ok(Buffer.from((await readBlob(blobs, digest)) ?? []).equals(bytes));
	}));

test('disk: a blob that is being read can be removed', () =>
	inFolder(async (folder) => {
		const blobs = await openDiskBlobs(folder);
		const bytes = sampleBytes(1000, 2);
		await blobs.put(sha256(bytes), pieces(bytes), plenty);
		const blob = await blobs.open(sha256(bytes));
		await blobs.removeUnless(sha256(bytes), discard);
		const read: Uint8Array[] = [];
		for await (const chunk of blob?.readRange(0, 999) ?? []) read.push(chunk);
		await blob?.close();
		assert.ok(Buffer.concat(read).equals(bytes));
	}));

test('disk: a full disk refuses an upload, leaves nothing of it, and takes it when there is room', (context) =>
	inFolder(async (folder) => {
		const words = [process.execPath, '--disable-warning=ExperimentalWarning', program, folder];
		// As root the mount namespace alone; others get one through a user namespace, where the system allows it.
		const namespace = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--user', '--map-root-user'];
		const child = spawn('unshare', [...namespace, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
		let output = '';
		child.stdout.on('data', (chunk) => (output += chunk));
		child.stderr.on('data', (chunk) => (output += chunk));
		const [code] = (await once(child, 'close').catch(() => [NO_MOUNT])) as [number];
		if (code === NO_MOUNT || output.includes('unshare failed')) return context.skip('no tmpfs can be mounted here');
		assert.equal(code, 0, output);
	}));
