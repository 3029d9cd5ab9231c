// Bodies of zchunk files: those that zck made are unpacked to the image, and damaged ones are refused by chunk.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { zstdCompressSync } from 'node:zlib';
import { CaissonError } from '../../errors.ts';
import { checksum, codec } from '../../update/chunk/codec.ts';
import { readHeader } from './header.ts';
import { HeaderWriter } from './header-writer.ts';
import { ZchunkBody } from './reader.ts';

const golden = (name: string) =>
	new Uint8Array(readFileSync(fileURLToPath(new URL(`../../../testdata/zchunk/${name}`, import.meta.url))));
const sha256 = (bytes: Uint8Array) => checksum('sha256', bytes);
const image = golden('none.zck').subarray(-240_000);

function bodyOf(bytes: Uint8Array): ZchunkBody {
	const readAt = (offset: number, length: number) => bytes.subarray(offset, offset + length);
	return new ZchunkBody(readHeader(bytes, { sha256 }), { ...codec, readAt });
}
const unpacked = (bytes: Uint8Array) => new Uint8Array(Buffer.concat([...bodyOf(bytes).chunks()]));

/** A file of one chunk, with a header that states `length` and has checksums that fit `stored` and `plain`. */
function fileOf(stored: Uint8Array, plain: Uint8Array, length = plain.length): Uint8Array {
	const format = { compression: 'zstd', chunkChecksumType: 'sha256', uncompressedSource: true } as const;
	const writer = new HeaderWriter(format);
	writer.addNoDictionary();
	const digests = { digest: sha256(stored), uncompressedDigest: sha256(plain) };
	writer.add({ ...digests, compressedLength: stored.length, length });
	const header = writer.finish(new Uint8Array(32), (parts) => sha256(Buffer.concat(parts)));
	return new Uint8Array(Buffer.concat([...header.parts, stored]));
}

function refused(bytes: Uint8Array, reason: RegExp): void {
	assert.throws(
		() => unpacked(bytes),
		(error) => error instanceof CaissonError && error.code === 'zchunk-malformed' && reason.test(error.message),
	);
}

describe('zchunk body', () => {
	it('is the image, for every kind of file that zck makes', () => {
		for (const name of ['swupdate.zck', 'default.zck', 'none.zck', 'dictionary.zck']) {
			assert.deepEqual(unpacked(golden(name)), image, name);
		}
		assert.equal(unpacked(golden('empty.zck')).length, 0);
	});

	it('gives one chunk alone', () => {
		for (const name of ['swupdate.zck', 'dictionary.zck']) {
			const body = bodyOf(golden(name));
			const chunks = [...bodyOf(golden(name)).chunks()];
			assert.deepEqual(body.chunk(2), chunks[2]);
			assert.throws(() => body.chunk(chunks.length), RangeError);
		}
	});

	it('hands over the stored bytes of dictionary and chunks in order', () => {
		const bytes = golden('dictionary.zck');
		const stored: Uint8Array[] = [];
		for (const _ of bodyOf(bytes).chunks((part) => stored.push(part.slice())));
		const { headerSize } = readHeader(bytes, { sha256 });
		assert.deepEqual(new Uint8Array(Buffer.concat(stored)), bytes.slice(headerSize));
	});

	it('names the chunk whose bytes were changed or cut off', () => {
		const bytes = golden('swupdate.zck');
		const { headerSize, chunks } = readHeader(bytes, { sha256 });
		for (const [number, chunk] of [...chunks].entries()) {
			const copy = bytes.slice();
			const at = headerSize + chunk.offset + (chunk.compressedLength >> 1);
			copy[at] = (copy[at] as number) ^ 4;
			refused(copy, new RegExp(`^Chunk ${number} is damaged`));
			refused(bytes.subarray(0, at), new RegExp(`^Chunk ${number} is cut off`));
		}
	});

	it('never unpacks more than the header states: a chunk that grows is refused', () => {
		const bomb = new Uint8Array(64 * 1024 * 1024);
		refused(fileOf(zstdCompressSync(bomb), new Uint8Array(10), 10), /^Chunk 0 cannot be unpacked to its 10 bytes/);
		refused(fileOf(zstdCompressSync(bomb), new Uint8Array(10), 10 * 1024 * 1024), /^Chunk 0 cannot be unpacked/);
	});

	it('refuses chunks that are shorter, are no zstd data, or have other plain bytes than stated', () => {
		const plain = new TextEncoder().encode('the plain bytes of a chunk');
		const stored = new Uint8Array(zstdCompressSync(plain));
		assert.deepEqual(unpacked(fileOf(stored, plain)), plain);
		refused(fileOf(stored, plain, plain.length + 1), /^Chunk 0 has 26 bytes instead of 27/);
		refused(fileOf(stored, plain, plain.length - 1), /^Chunk 0 cannot be unpacked to its 25 bytes/);
		refused(fileOf(stored.subarray(0, 12), plain), /^Chunk 0 (cannot be unpacked|has \d+ bytes instead)/);
		refused(fileOf(plain, plain), /^Chunk 0 cannot be unpacked/);
		refused(
			fileOf(
				stored,
				plain.map((byte) => byte ^ 1),
			),
			/^Chunk 0 does not have the checksum of its plain bytes/,
		);
	});
});
