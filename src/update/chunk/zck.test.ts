// Our .zck files beside those of Debian's zck, and each read by the other side: zck, unzck, zck_read_header, zck_delta_size.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { downloadPlan } from '../../format/zchunk/plan.ts';
import { readZchunkFile } from '../delta/zchunk-file.ts';
import { verifyBody } from './verify-file.ts';
import { type ChunkRequest, chunkImage } from './write-chunks.ts';

const skip = spawnSync('zck', ['--version']).status === 0 ? false : 'zck is not installed (Debian package zchunk)';
const folder = mkdtempSync(join(tmpdir(), 'caisson-zck-'));
after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);
const signal = new AbortController().signal;
const zck = (...words: string[]) => execFileSync('zck', words, { cwd: folder, encoding: 'utf8' });

async function ours(image: string, output: string, more: Partial<ChunkRequest> = {}): Promise<void> {
	await chunkImage({
		image: path(image),
		output: path(output),
		compression: 'zstd',
		level: 9,
		strategy: 'zck',
		chunkChecksumType: 'sha256',
		uncompressedSource: true,
		jobs: 2,
		signal,
		...more,
	});
}

/** Noise, runs of one byte and text from a fixed sequence. */
function image(seed: number, length: number): Buffer {
	const bytes = Buffer.alloc(length);
	let state = seed;
	const next = () => {
		state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
		return state >>> 12;
	};
	for (let at = 0; at < length; ) {
		const end = Math.min(length, at + 1 + (next() % 90_000));
		const kind = next() % 3;
		for (; at < end; at++) bytes[at] = kind === 0 ? 0 : kind === 1 ? 97 + (next() % 4) : next();
	}
	return bytes;
}

describe('zchunk files beside zck', { skip }, () => {
	it('are the same bytes without compression, whatever the image', async () => {
		const sizes = [0, 1, 47, 48, 8191, 8192, 131_072, 131_073, 262_144, 2_097_152, 2_097_153, 5_000_000];
		for (const [seed, size] of sizes.entries()) {
			writeFileSync(path('image'), image(seed + 1, size));
			zck('--compression-format=none', '-u', '-h', 'sha256', '-o', 'theirs', 'image');
			await ours('image', 'ours', { compression: 'none' });
			assert.ok(readFileSync(path('ours')).equals(readFileSync(path('theirs'))), `${size} bytes`);
		}
	});

	const kinds: [string, string[], Partial<ChunkRequest>][] = [
		['-u with SHA-256', ['-u', '-h', 'sha256'], {}],
		['its defaults', [], { chunkChecksumType: 'sha512-128', uncompressedSource: false }],
		['SHA-512', ['-h', 'sha512'], { chunkChecksumType: 'sha512', uncompressedSource: false }],
		['a dictionary', ['-D', 'dictionary', '-u', '-h', 'sha256'], { dictionary: image(9, 20_000) }],
	];
	for (const [name, words, request] of kinds) {
		it(`have the same chunks with ${name}, and each side reads the other`, async () => {
			const bytes = image(40, 1_500_000);
			writeFileSync(path('image'), bytes);
			writeFileSync(path('dictionary'), image(9, 20_000));
			zck(...words, '-o', 'theirs.zck', 'image');
			await ours('image', 'ours.zck', request);
			const [mine, theirs] = [await readZchunkFile(path('ours.zck')), await readZchunkFile(path('theirs.zck'))];
			const chunks = ({ header }: typeof mine) =>
				[...header.chunks].map((chunk) => [chunk.length, chunk.uncompressedDigest].toString());
			assert.deepEqual(chunks(mine), chunks(theirs));
			assert.equal(mine.header.dictionary?.length, theirs.header.dictionary?.length);
			assert.ok(mine.length <= theirs.length * 1.01, `${mine.length} beside ${theirs.length}`);
			const unpacked = execFileSync('unzck', ['-c', 'ours.zck'], { cwd: folder, maxBuffer: 1 << 24 });
			assert.ok(unpacked.equals(bytes));
			const read = execFileSync('zck_read_header', ['-f', 'ours.zck'], { cwd: folder, encoding: 'utf8' });
			assert.match(read, /Chunk count: /);
			for (const [file, { header }] of [['ours.zck', mine] as const, ['theirs.zck', theirs] as const]) {
				assert.equal((await verifyBody(path(file), header, { signal })).imageSize, bytes.length);
			}
		});
	}

	it('cost a device what zck_delta_size says', async () => {
		const before = image(50, 2_000_000);
		const after = Buffer.concat([before.subarray(0, 700_000), Buffer.from('new'), before.subarray(720_000)]);
		writeFileSync(path('before'), before);
		writeFileSync(path('after'), after);
		await ours('before', 'before.zck');
		await ours('after', 'after.zck', { detachedHeader: path('after.zhr') });
		const text = execFileSync('zck_delta_size', ['before.zck', 'after.zck'], { cwd: folder, encoding: 'utf8' });
		const [old, target] = [await readZchunkFile(path('before.zck')), await readZchunkFile(path('after.zhr'))];
		const plan = downloadPlan(old.header, target.header);
		assert.match(text, new RegExp(`Would download ${plan.totalBytes} of `));
		assert.ok(plan.chunksMissing > 0 && plan.chunksFound > plan.chunksMissing);
	});
});

describe('writing zchunk files', () => {
	it('gives the same bytes with any number of workers', async () => {
		writeFileSync(path('image'), image(60, 5_000_000));
		await ours('image', 'one', { jobs: 1, strategy: 'zstd', detachedHeader: path('one.zhr') });
		await ours('image', 'four', { jobs: 4, strategy: 'zstd' });
		assert.ok(readFileSync(path('one')).equals(readFileSync(path('four'))));
		const { headerBytes } = await readZchunkFile(path('one'));
		const detached = readFileSync(path('one.zhr'));
		assert.deepEqual(detached.subarray(5), Buffer.from(headerBytes.subarray(5)));
	});

	it('leaves nothing when it is interrupted or cannot read, and keeps what stood there', async () => {
		writeFileSync(path('image'), image(61, 8_000_000));
		writeFileSync(path('kept'), 'before');
		const interrupting = new AbortController();
		const names = readdirSync(folder).sort();
		const progress = () => interrupting.abort(new Error('Ctrl-C'));
		const request = { signal: interrupting.signal, progress, detachedHeader: path('kept.zhr') };
		await assert.rejects(ours('image', 'kept', request), /Ctrl-C/);
		await assert.rejects(ours('missing', 'other'), { code: 'file-unusable', message: /missing cannot be read/ });
		await assert.rejects(ours('image', 'no/such/folder'), { code: 'file-unusable' });
		assert.deepEqual(readdirSync(folder).sort(), names);
		assert.equal(readFileSync(path('kept'), 'utf8'), 'before');
	});
});
