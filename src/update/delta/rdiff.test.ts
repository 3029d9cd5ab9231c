// rdiff deltas as a process, with Debian's rdiff doing the work.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { edited, noise } from '../../../testing/delta/synthetic.ts';
import { applyDelta, defaultBlockSize, makeDelta } from './rdiff.ts';

const missing = spawnSync('rdiff', ['--version']).error !== undefined;
const skip = missing ? 'rdiff is not installed' : false;

const folder = mkdtempSync(join(tmpdir(), 'caisson-rdiff-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string) => join(folder, name);
const base = noise(1, 3_000_000);
const target = edited(base);

async function collected(run: (write: (bytes: Uint8Array) => void) => Promise<number>): Promise<Buffer> {
	const parts: Buffer[] = [];
	const length = await run((bytes) => void parts.push(Buffer.from(bytes)));
	const all = Buffer.concat(parts);
	assert.equal(length, all.length);
	return all;
}
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

before(() => {
	writeFileSync(file('base'), base);
	writeFileSync(file('target'), target);
});

describe('rdiff', { skip }, () => {
	it('makes the delta that rdiff makes by hand, and it patches back to the target', async () => {
		const delta = await collected((write) => makeDelta(file('base'), file('target'), write));
		spawnSync('rdiff', ['-b', '1024', 'signature', file('base'), file('signature')]);
		spawnSync('rdiff', ['delta', file('signature'), file('target'), file('by-hand')]);
		assert.equal(sha256(delta), sha256(readFileSync(file('by-hand'))));
		assert.ok(delta.length < target.length / 10);
		writeFileSync(file('delta'), delta);
		const patched = await collected((write) => applyDelta(file('base'), file('delta'), write));
		assert.equal(sha256(patched), sha256(target));
	});

	it('takes another block size', async () => {
		const coarse = await collected((write) => makeDelta(file('base'), file('target'), write, { blockSize: 65_536 }));
		const fine = await collected((write) => makeDelta(file('base'), file('target'), write));
		assert.ok(coarse.length > fine.length);
	});

	it('refuses a delta that is cut off, and one that is none', async () => {
		const delta = await collected((write) => makeDelta(file('base'), file('target'), write));
		const cut = Readable.from([delta.subarray(0, delta.length - 100)]);
		await assert.rejects(
			applyDelta(file('base'), cut, () => undefined),
			{
				code: 'delta-wrong',
				message: /rdiff patch failed: unexpected end of input/,
			},
		);
		await assert.rejects(
			applyDelta(file('base'), Readable.from([Buffer.from('junk, no delta')]), () => undefined),
			{
				code: 'delta-wrong',
				message: /bad magic number/,
			},
		);
	});

	it('names a file that cannot be read', async () => {
		await assert.rejects(
			makeDelta(file('nowhere'), file('target'), () => undefined),
			{
				code: 'file-unusable',
				message: /nowhere cannot be read \(ENOENT\)/,
			},
		);
		await assert.rejects(
			makeDelta(file('base'), folder, () => undefined),
			{ message: /is not a file/ },
		);
	});

	it('stops when it is interrupted, and when the bytes cannot be written', async () => {
		const stop = new AbortController();
		const interrupted = makeDelta(file('base'), file('target'), () => stop.abort(new Error('interrupted')), {
			signal: stop.signal,
		});
		await assert.rejects(interrupted, /interrupted/);
		const full = makeDelta(file('base'), file('target'), () => {
			throw new Error('disk full');
		});
		await assert.rejects(full, /disk full/);
	});
});

describe('rdiff that is absent', () => {
	it('is said to be missing, with its package', async () => {
		const path = process.env.PATH;
		process.env.PATH = folder;
		try {
			await assert.rejects(
				makeDelta(file('base'), file('target'), () => undefined),
				{
					code: 'tool-missing',
					message: /apt-get install rdiff/,
				},
			);
		} finally {
			process.env.PATH = path;
		}
	});
});

describe('defaultBlockSize', () => {
	it('bounds the number of blocks', () => {
		assert.equal(defaultBlockSize(0), 1024);
		assert.equal(defaultBlockSize(2 * 2 ** 30), 1024);
		assert.equal(defaultBlockSize(2 * 2 ** 30 + 1), 2048);
		assert.equal(defaultBlockSize(64 * 2 ** 30), 32_768);
	});
});
