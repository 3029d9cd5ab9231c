// Where images are cut: as zck cut those of testdata, and as libzck's loop, written out byte by byte, cuts others. The
// differential test with zck itself is in update/chunk/zck.test.ts.

import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { automaticMaximum, automaticMinimum, BoundaryFinder } from './boundaries.ts';
import { buzhashTable } from './buzhash-table.ts';
import { readHeader } from './header.ts';

const golden = (name: string) =>
	new Uint8Array(readFileSync(fileURLToPath(new URL(`../../../testdata/zchunk/${name}`, import.meta.url))));

/** Lengths of the chunks of `image`, which comes in pieces of `step` bytes. */
function cut(image: Uint8Array, step = image.length): number[] {
	const finder = new BoundaryFinder();
	const lengths: number[] = [];
	let start = 0;
	for (let from = 0; from < image.length; ) {
		const end = Math.min(image.length, from - (from % step) + step);
		const found = finder.next(image, start, from, end);
		from = found === -1 ? end : found;
		if (found === -1) continue;
		lengths.push(found - start);
		start = found;
	}
	if (start < image.length) lengths.push(image.length - start);
	return lengths;
}

const turned = (value: number, by: number) =>
	by % 32 === 0 ? value : (value << (by % 32)) | (value >>> (32 - (by % 32)));

/** buzhash_update as it works, one byte after the other. */
class Buzhash {
	window: number[] = [];
	hash = 0;
	/** @returns whether there is a boundary before the byte */
	update(byte: number): boolean {
		const value = buzhashTable[byte] as number;
		this.window.push(byte);
		if (this.window.length < 48) {
			this.hash ^= turned(value, 48 - this.window.length);
			return false;
		}
		if (this.window.length === 48) this.hash ^= value;
		else this.hash = turned(this.hash, 1) ^ turned(buzhashTable[this.window.shift() as number] as number, 48) ^ value;
		return (this.hash & 0x7fff) === 0;
	}
	copy(): Buzhash {
		const copy = new Buzhash();
		copy.window = [...this.window];
		copy.hash = this.hash;
		return copy;
	}
}

/** zck_write as it works. @returns lengths, and how many boundaries were refused */
function libzck(image: Uint8Array): { lengths: number[]; refused: number } {
	let buzhash = new Buzhash();
	const lengths: number[] = [];
	let refused = 0;
	let size = 0;
	for (let at = 0; at < image.length; ) {
		if (!buzhash.update(image[at] as number) && size < automaticMaximum) {
			size++;
			at++;
		} else if (size < automaticMinimum) refused++;
		else {
			lengths.push(size);
			size = 0;
			buzhash = new Buzhash();
		}
	}
	if (size > 0) lengths.push(size);
	return { lengths, refused };
}

describe('chunk boundaries', () => {
	it('are those of zck', () => {
		for (const name of ['swupdate.zck', 'changed.zck', 'none.zck']) {
			const bytes = golden(name);
			const { chunks } = readHeader(bytes, { sha256: (part) => new Uint8Array(hash('sha256', part, 'buffer')) });
			let image = golden('none.zck').subarray(-240_000);
			if (name === 'changed.zck') {
				const inserted = new TextEncoder().encode('inserted\n');
				image = new Uint8Array(Buffer.concat([image.subarray(0, 30_000), inserted, image.subarray(30_000)]));
			}
			assert.deepEqual(
				cut(image),
				[...chunks].map(({ length }) => length),
				name,
			);
		}
	});

	it('are those of libzck’s loop, also where it refuses one and takes a byte twice', () => {
		for (let seed = 1; seed <= 4; seed++) {
			const image = mixed(seed, 1_000_000);
			assert.deepEqual(cut(image), libzck(image).lengths, `seed ${seed}`);
		}
		for (let seed = 1; seed <= 4; seed++) {
			const image = provoking(seed);
			const { lengths, refused } = libzck(image);
			assert.ok(refused >= 20, `${refused} boundaries refused`);
			assert.deepEqual(cut(image), lengths, `provoking ${seed}`);
			assert.deepEqual(cut(image, 61), lengths, `provoking ${seed} in pieces`);
		}
	});

	it('do not depend on the pieces in which the image comes', () => {
		const image = mixed(5, 300_000);
		const whole = cut(image);
		for (const step of [1, 47, 48, 49, 8191, 8192, 8193, 65_536]) assert.deepEqual(cut(image, step), whole, `${step}`);
	});

	it('are at the maximum in content without any', () => {
		for (const byte of [0, 1, 255]) {
			const lengths = cut(new Uint8Array(2 * automaticMaximum + 5).fill(byte));
			assert.deepEqual(lengths, [automaticMaximum, automaticMaximum, 5]);
		}
		assert.deepEqual(cut(new Uint8Array(automaticMaximum)), [automaticMaximum]);
		assert.deepEqual(cut(new Uint8Array()), []);
		assert.deepEqual(cut(Uint8Array.of(1)), [1]);
	});

	it('come back after a change: what follows an insertion is cut alike', () => {
		const image = mixed(6, 1_500_000);
		const changed = new Uint8Array(
			Buffer.concat([image.subarray(0, 100_000), Uint8Array.of(1, 2, 3), image.subarray(100_000)]),
		);
		const before = cut(image);
		const after = cut(changed);
		assert.deepEqual(after.slice(-10), before.slice(-10));
	});
});

/** Has boundaries to refuse a few bytes after others: each is sought by trying bytes. */
function provoking(seed: number): Uint8Array {
	const next = sequence(seed);
	const image = [...mixed(seed, 100)];
	const buzhash = new Buzhash();
	for (const byte of image) buzhash.update(byte);
	for (let found = 0; found < 20; found++) {
		const before = Array.from({ length: next() % 60 }, () => (next() >>> 12) & 255);
		for (const byte of before) while (buzhash.update(byte));
		image.push(...before);
		for (;;) {
			const tried = buzhash.copy();
			const bytes = [next() >>> 12, next() >>> 12, next() >>> 12].map((value) => value & 255);
			if (tried.update(bytes[0] as number) || tried.update(bytes[1] as number)) continue;
			if (!tried.update(bytes[2] as number)) continue;
			for (const byte of bytes) while (buzhash.update(byte));
			image.push(...bytes);
			break;
		}
	}
	return new Uint8Array(Buffer.concat([Uint8Array.from(image), mixed(seed + 1, 60_000)]));
}

/** Stretches of noise, of few values and of one value, from a fixed sequence. */
function mixed(seed: number, length: number): Uint8Array {
	const image = new Uint8Array(length);
	const next = sequence(seed);
	for (let at = 0; at < length; ) {
		const end = Math.min(length, at + 1 + (next() % 60_000));
		const kind = next() % 4;
		const constant = next();
		for (; at < end; at++) image[at] = kind === 0 ? constant : kind === 1 ? next() % 3 : next();
	}
	return image;
}

/** A fixed sequence of numbers below 2^23 (a linear congruential generator). */
function sequence(seed: number): () => number {
	let state = seed;
	return () => {
		state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
		return state >>> 8;
	};
}
