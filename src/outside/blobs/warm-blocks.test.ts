// What is taken to be in memory, and files that are read with that knowledge.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type OpenedFile, OpenFiles } from './open-files.ts';
import { blockSize, WarmBlocks } from './warm-blocks.ts';

test('a block is known after it was read, and its neighbours are not', () => {
	const warm = new WarmBlocks();
	assert.equal(warm.hold(blockSize, 1, 0), false);
	warm.wereRead(blockSize, blockSize, 0);
	assert.equal(warm.hold(blockSize, blockSize, 1), true);
	assert.equal(warm.hold(blockSize - 1, 2, 1), false, 'begins before it');
	assert.equal(warm.hold(2 * blockSize - 1, 2, 1), false, 'ends behind it');
});

test('what is around some bytes are the whole blocks that they touch', () => {
	assert.deepEqual(WarmBlocks.around(5, 10), { start: 0, length: blockSize });
	assert.deepEqual(WarmBlocks.around(blockSize - 1, 2), { start: 0, length: 2 * blockSize });
	assert.deepEqual(WarmBlocks.around(blockSize, blockSize), { start: blockSize, length: blockSize });
});

test('a block is forgotten after half a minute', () => {
	const warm = new WarmBlocks();
	warm.wereRead(0, blockSize, 1000);
	assert.deepEqual([warm.hold(0, 1, 31_000), warm.hold(0, 1, 31_001)], [true, false]);
});

test('one slow reading changes nothing, and several in a second make everything unknown', () => {
	const warm = new WarmBlocks();
	warm.wereRead(0, blockSize, 0);
	warm.took(15, 100);
	warm.took(15, 1200);
	assert.equal(warm.hold(0, 1, 1200), true);
	for (let quick = 0; quick < 1000; quick++) warm.took(0.1, 1300);
	assert.equal(warm.hold(0, 1, 1300), true);
	warm.took(15, 1400);
	assert.equal(warm.hold(0, 1, 1400), false);
});

const length = 3 * blockSize + 100;
const content = Buffer.from(Array.from({ length }, (_, index) => (index * 7) % 251));

async function withFile(use: (file: OpenedFile, path: string) => Promise<void>): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-warm-'));
	const files = new OpenFiles();
	try {
		const path = join(folder, 'file');
		writeFileSync(path, content);
		const file = await files.open(path);
		await use(file, path);
		file.release();
	} finally {
		files.close();
		rmSync(folder, { recursive: true });
	}
}

test('bytes are read at once only where a thread has read the blocks around them, and they are the same', () =>
	withFile(async (file) => {
		const now = Buffer.alloc(1000);
		assert.equal(file.readNow(now, blockSize + 5), 0);
		for (const position of [blockSize + 5, 0, length - 1000]) {
			const before = Buffer.alloc(1000);
			assert.equal(await file.read(before, position), 1000);
			assert.ok(before.equals(content.subarray(position, position + 1000)));
			assert.equal(file.readNow(now, position), 1000);
			assert.ok(now.equals(before));
		}
		assert.equal(file.readNow(Buffer.alloc(blockSize + 1), 0), 0, 'too many');
	}));

test('a thread gives what there is at the end of a file, and nothing behind it', () =>
	withFile(async (file) => {
		const into = Buffer.alloc(1000);
		assert.equal(await file.read(into, length - 10), 10);
		assert.ok(into.subarray(0, 10).equals(content.subarray(-10)));
		assert.equal(await file.read(into, length + blockSize), 0);
	}));

test('of a file that was cut short no bytes are made up', () =>
	withFile(async (file, path) => {
		const into = Buffer.alloc(1000);
		await file.read(into, 0);
		truncateSync(path, 10);
		assert.equal(file.readNow(into, 0), 10);
		assert.equal(file.readNow(into, 500), 0);
		assert.equal(await file.read(into, 500), 0);
	}));
