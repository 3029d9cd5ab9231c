// What a device downloads, from headers that zck made. That the bytes equal those of zck_delta_size is shown with the tool
// itself in update/chunk/zck.test.ts.

import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readHeader, type ZchunkHeader } from './header.ts';
import { downloadPlan } from './plan.ts';

const header = (name: string): ZchunkHeader =>
	readHeader(
		new Uint8Array(readFileSync(fileURLToPath(new URL(`../../../testdata/zchunk/${name}`, import.meta.url)))),
		{
			sha256: (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer')),
		},
	);

describe('download plan', () => {
	it('fetches the one chunk that changed, as one range, and the header', () => {
		const target = header('changed.zck');
		const plan = downloadPlan(header('swupdate.zck'), target);
		const [range] = plan.ranges;
		assert.equal(plan.ranges.length, 1);
		assert.equal(plan.chunksMissing, 1);
		assert.equal(plan.chunksFound, target.chunks.length - 1);
		const missing = [...target.chunks].find((chunk) => target.headerSize + chunk.offset === range?.start);
		assert.equal(plan.chunkBytes, missing?.compressedLength);
		assert.equal((range?.end ?? 0) - (range?.start ?? 0), plan.chunkBytes);
		assert.equal(plan.totalBytes, target.headerSize + plan.chunkBytes);
		assert.equal(plan.copiedBytes + (missing?.length ?? 0), target.length);
		assert.equal(plan.compared, 'uncompressed');
	});

	it('fetches nothing but the header of what is held already, and all of it where nothing is', () => {
		const target = header('swupdate.zck');
		assert.deepEqual(downloadPlan(header('swupdate.zhr'), target).ranges, []);
		const all = downloadPlan(header('empty.zck'), target);
		assert.deepEqual(all.ranges, [{ start: target.headerSize, end: target.headerSize + target.bodyLength }]);
		assert.equal(all.chunksFound, 0);
	});

	it('compares stored bytes where one of the two has no checksums of the plain bytes', () => {
		const plan = downloadPlan(header('default.zck'), header('default.zck'));
		assert.equal(plan.compared, 'compressed');
		assert.equal(plan.chunksMissing, 0);
	});

	it('refuses to compare checksums of two kinds', () => {
		assert.throws(() => downloadPlan(header('default.zck'), header('swupdate.zck')), {
			code: 'zchunk-malformed',
			message: /sha512-128 chunk checksums, the new one sha256/,
		});
	});
});
