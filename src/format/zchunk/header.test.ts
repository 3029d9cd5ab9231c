// Headers of zchunk files: those that zck made, and those that lie.

import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CaissonError } from '../../errors.ts';
import { compintBytes, HeaderCursor, writeCompint } from './compint.ts';
import { firstReadBytes, neededBytes, readHeader } from './header.ts';
import { HeaderWriter } from './header-writer.ts';

const golden = (name: string) =>
	new Uint8Array(readFileSync(fileURLToPath(new URL(`../../../testdata/zchunk/${name}`, import.meta.url))));
const sha256 = (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer'));
const read = (bytes: Uint8Array) => readHeader(bytes, { sha256 });
const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');
const zeros = (count: number) => Array<number>(count).fill(0);
const number = (value: number) => {
	const bytes = new Uint8Array(compintBytes(value));
	writeCompint(bytes, 0, value);
	return [...bytes];
};

/** A whole header around `rest` (all after the lead), with a checksum that fits. */
function sealed(
	rest: readonly number[],
	{ type = 1, size = rest.length, magic = [0, 90, 67, 75, 49] } = {},
): Uint8Array {
	const lead = [...number(type), ...number(size)];
	const digest = sha256(Uint8Array.from([0, 90, 67, 75, 49, ...lead, ...rest]));
	return Uint8Array.from([...magic, ...lead, ...digest, ...rest]);
}

/** What follows the lead: data checksum, flags, zstd, index, no signatures. */
const body = (index: readonly number[], { flags = 4, compression = 2, signatures = 0, more = [] as number[] } = {}) => [
	...zeros(32),
	...number(flags),
	...number(compression),
	...more,
	...number(index.length),
	...index,
	...number(signatures),
];
const entry = (stored: number, length: number) => [...zeros(64), ...number(stored), ...number(length)];
const index = (count: number, ...entries: number[][]) => [...number(1), ...number(count), ...entries.flat()];

function refused(bytes: Uint8Array, reason: RegExp): void {
	assert.throws(
		() => read(bytes),
		(error) => error instanceof CaissonError && error.code === 'zchunk-malformed' && reason.test(error.message),
	);
}

describe('zchunk header', () => {
	it('reads what zck -u made for SWUpdate', () => {
		const bytes = golden('swupdate.zck');
		const header = read(bytes);
		assert.equal(header.detached, false);
		assert.equal(header.headerSize + header.bodyLength, bytes.length);
		assert.equal(header.length, 240_000);
		assert.deepEqual(header.flags, { streams: false, optionalElements: false, uncompressedSource: true });
		assert.equal(header.chunkChecksumType, 'sha256');
		assert.equal(header.compression, 'zstd');
		assert.equal(header.dictionary, undefined);
		const first = header.chunks.at(0);
		const image = golden('none.zck').subarray(-240_000);
		assert.equal(hex(first?.uncompressedDigest), hex(sha256(image.subarray(0, first?.length))));
		const stored = bytes.subarray(header.headerSize, header.headerSize + (first?.compressedLength ?? 0));
		assert.equal(hex(first?.digest), hex(sha256(stored)));
	});

	it('reads the kinds of file that zck makes', () => {
		const facts = (name: string) => {
			const { chunkChecksumType, compression, dictionary, chunks } = read(golden(name));
			return [chunkChecksumType, compression, dictionary?.length, chunks.at(0)?.digest.length];
		};
		assert.deepEqual(facts('default.zck'), ['sha512-128', 'zstd', undefined, 16]);
		assert.deepEqual(facts('none.zck'), ['sha512', 'none', undefined, 64]);
		assert.deepEqual(facts('dictionary.zck'), ['sha256', 'zstd', 4096, 32]);
		assert.deepEqual(facts('empty.zck'), ['sha256', 'zstd', undefined, undefined]);
	});

	it('reads a detached header as that of the whole file', () => {
		const detached = read(golden('swupdate.zhr'));
		const whole = read(golden('swupdate.zck'));
		assert.equal(detached.detached, true);
		assert.equal(hex(detached.headerDigest), hex(whole.headerDigest));
		assert.deepEqual([...detached.chunks], [...whole.chunks]);
	});

	it('says how much of a file it needs: a first read, then the header', () => {
		const bytes = golden('swupdate.zck');
		const { headerSize } = read(bytes);
		assert.equal(neededBytes(bytes.subarray(0, 7)), firstReadBytes);
		assert.equal(neededBytes(bytes.subarray(0, firstReadBytes)), headerSize);
		assert.equal(neededBytes(bytes), headerSize);
		assert.throws(() => neededBytes(new TextEncoder().encode('%PDF')), { code: 'zchunk-malformed' });
		assert.throws(() => neededBytes(bytes, 100), { code: 'zchunk-malformed', message: /above the limit of 100/ });
	});

	it('writes the header that zck wrote', () => {
		for (const name of ['swupdate.zck', 'default.zck', 'none.zck', 'dictionary.zck', 'empty.zck']) {
			const bytes = golden(name);
			const header = read(bytes);
			const { compression, chunkChecksumType, dictionary, flags } = header;
			const writer = new HeaderWriter({ compression, chunkChecksumType, uncompressedSource: flags.uncompressedSource });
			if (dictionary === undefined) writer.addNoDictionary();
			else writer.add(dictionary);
			for (const chunk of header.chunks) writer.add(chunk);
			const encoded = writer.finish(header.dataDigest, (parts) => sha256(Buffer.concat(parts)));
			assert.equal(hex(Buffer.concat(encoded.parts)), hex(bytes.subarray(0, header.headerSize)), name);
			assert.equal(encoded.size, header.headerSize);
			if (name === 'swupdate.zck') assert.equal(hex(Buffer.concat(encoded.detachedParts)), hex(golden('swupdate.zhr')));
		}
	});

	it('refuses a header cut off at any byte', () => {
		const bytes = golden('swupdate.zhr');
		for (let length = 0; length < bytes.length; length++) refused(bytes.subarray(0, length), /ends after|only \d+ are/);
	});

	it('refuses a header with any bit flipped, but for those of the magic that make it detached', () => {
		const bytes = golden('swupdate.zhr');
		for (let at = 0; at < bytes.length; at++) {
			const copy = bytes.slice();
			copy[at] = (copy[at] as number) ^ (1 << (at % 8));
			refused(copy, /./);
		}
	});

	it('answers damage under a checksum that fits with a header or zchunk-malformed, nothing else', () => {
		const whole = golden('swupdate.zhr');
		const lead = whole.length - read(whole).headerSize + 5 + 1 + 2 + 32;
		const random = sequence(3);
		for (let round = 0; round < 3000; round++) {
			const rest = [...whole.subarray(lead)];
			for (let flips = 1 + (random() % 3); flips > 0; flips--) {
				const at = random() % (round % 2 === 0 ? 45 : rest.length);
				rest[at] = (rest[at] as number) ^ (1 << (random() % 8));
			}
			if (round % 5 === 0) rest.length = random() % rest.length;
			try {
				assert.ok(read(sealed(rest)).chunks.length < 100);
			} catch (error) {
				assert.ok(error instanceof CaissonError && error.code === 'zchunk-malformed', String(error));
			}
		}
	});

	it('refuses what it cannot hold or does not know, naming it', () => {
		const none = entry(0, 0);
		read(sealed(body(index(2, none, entry(5, 9)))));
		refused(sealed(body(index(2 ** 32, none))), /number of chunks is 4294967296, above the limit/);
		refused(sealed(body(index(0))), /lacks the entry of the dictionary/);
		refused(sealed(body(index(1, none, none))), /index is longer than its chunks/);
		refused(sealed(body(index(2, none, entry(5, 10 * 1024 * 1024 + 1)))), /a chunk length is 10485761, above/);
		refused(sealed(body(index(2, none, entry(2 ** 40, 9)))), /a compressed chunk length is 1099511627776, above/);
		refused(sealed(body(index(2, none, entry(5, 0)))), /has 0 bytes, stored in 5/);
		refused(sealed(body(index(2, none, entry(0, 0)))), /entry 1 of its index is empty/);
		refused(sealed(body(index(1, none), { flags: 1 })), /has streams/);
		refused(sealed(body(index(1, none), { flags: 8 })), /unknown flags/);
		refused(sealed(body(index(1, none), { compression: 1 })), /compression type 1 is unknown/);
		refused(sealed(body(index(1, none), { signatures: 1 })), /has signatures/);
		refused(sealed([...body(index(1, none)), 0x80]), /1 bytes are left over/);
		refused(sealed(body([...number(4), ...number(1), ...none])), /chunk checksum type is 4, above/);
		refused(sealed(body(index(1, none)), { type: 2 }), /checksum type is 2, above/);
		refused(sealed(body(index(1, none)), { type: 0 }), /SHA-1, which is not accepted/);
		refused(sealed(body(index(1, none)), { size: 2 ** 40 }), /header size is 1099511627776, above/);
		refused(sealed([...zeros(32), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80]), /the flags has more than 64 bits/);
	});

	it('reads over optional elements, and refuses those that lie', () => {
		const none = entry(0, 0);
		const two = [...number(2), ...number(1), ...number(3), 1, 2, 3, ...number(9), ...number(0)];
		assert.equal(read(sealed(body(index(1, none), { flags: 6, more: two }))).flags.optionalElements, true);
		const long = [...number(1), ...number(1), ...number(2 ** 50)];
		refused(sealed(body(index(1, none), { flags: 6, more: long })), /ends within an optional element/);
		refused(sealed(body(index(1, none), { flags: 6, more: number(2 ** 33) })), /number of optional elements is/);
	});

	it('writes and reads numbers of every size', () => {
		for (const value of [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER]) {
			const bytes = Uint8Array.from(number(value));
			const cursor = new HeaderCursor(bytes, 0, bytes.length);
			assert.equal(cursor.compint('a number'), value);
			assert.equal(cursor.at, bytes.length);
		}
		const above = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80 + 16); // 2^53
		assert.throws(() => new HeaderCursor(above, 0, 8).compint('it'), { code: 'zchunk-malformed' });
	});
});

/** A fixed sequence of numbers below 2^23 (a linear congruential generator). */
function sequence(seed: number): () => number {
	let state = seed;
	return () => {
		state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
		return state >>> 8;
	};
}
