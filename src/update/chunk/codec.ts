// zstd and the checksums of zchunk, from node:zlib and node:crypto: what the pure reader takes, and what the workers that
// write use.

import { hash } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { ChunkChecksumType } from '../../format/zchunk/header.ts';
import type { BodyAccess } from '../../format/zchunk/reader.ts';

/** What zck compresses with unless told otherwise, and what `update chunk` defaults to. */
export const defaultLevel = 9;
export const maximumLevel = 22;

/**
 * zstd, the default: the strategy that zstd itself takes for the level. zck: the one that zck always sets (btopt), which
 * gives its bytes; at level 9 it takes several times the processor time for 0.3 to 0.75 % less.
 */
export type CompressionStrategy = 'zstd' | 'zck';

export const codec: Pick<BodyAccess, 'digest' | 'decompress'> = {
	digest: checksum,
	decompress: (stored, length, dictionary) =>
		zstdDecompressSync(stored, {
			maxOutputLength: length,
			chunkSize: Math.max(64, length),
			...(dictionary === undefined ? {} : { dictionary }),
		}),
};

export function checksum(type: ChunkChecksumType, bytes: Uint8Array): Uint8Array {
	if (type === 'sha512-128') return hash('sha512', bytes, 'buffer').subarray(0, 16);
	return hash(type, bytes, 'buffer');
}

/** Writes one zstd frame of `bytes` into `target` at `at`, and returns its length. */
export type Compress = (bytes: Uint8Array, target: Uint8Array, at: number) => number;

export function compressor(level: number, strategy: CompressionStrategy, dictionary: Uint8Array | undefined): Compress {
	const params = {
		[constants.ZSTD_c_compressionLevel]: level,
		...(strategy === 'zck' ? { [constants.ZSTD_c_strategy]: constants.ZSTD_btopt } : {}),
	};
	const more = dictionary === undefined ? {} : { dictionary };
	return (bytes, target, at) => {
		// One buffer that holds the whole frame, and that is not from Node's pool of small ones.
		const chunkSize = Math.max(Buffer.poolSize, frameBound(bytes.length));
		const frame = zstdCompressSync(bytes, { params, chunkSize, ...more });
		const { length } = frame;
		target.set(frame, at);
		// Frees it at once: V8 would collect 64 MB of such buffers in each worker first.
		if (frame.buffer.byteLength === chunkSize) frame.buffer.transfer(0);
		return length;
	};
}

/** ZSTD_compressBound */
export function frameBound(length: number): number {
	const small = length < 128 * 1024 ? (128 * 1024 - length) >> 11 : 0;
	return Math.max(64, length + (length >> 8) + small);
}
