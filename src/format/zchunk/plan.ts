// What a device that holds one image must download of another, both known by their zchunk headers: SWUpdate's way, which
// copies each chunk whose checksum of the plain bytes the old image has, and fetches the others as byte ranges, adjacent
// ones in one. The payload is what zck_delta_size prints. It leaves out HTTP: what requests and multipart parts add.

import { CaissonError } from '../../errors.ts';
import type { ZchunkChunk, ZchunkHeader } from './header.ts';

/** Bytes of the new file, `end` excluded. */
export interface ByteRange {
	readonly start: number;
	readonly end: number;
}

export interface DownloadPlan {
	/** In ascending order; they do not touch. They leave out the header. */
	readonly ranges: readonly ByteRange[];
	/** Sum of the ranges. */
	readonly chunkBytes: number;
	/** The header, which the device needs first: in a .swu it is the member. */
	readonly headerBytes: number;
	/** headerBytes + chunkBytes: "Would download" of zck_delta_size. */
	readonly totalBytes: number;
	/** Chunks of the new image that the old one has, and that it lacks; the dictionary is not counted. */
	readonly chunksFound: number;
	readonly chunksMissing: number;
	/** Bytes of the new image in chunks that are copied from the old one. */
	readonly copiedBytes: number;
	/**
	 * Which checksums were compared: those of the plain bytes where both headers have them, else those of the compressed
	 * bytes, and then chunks match only where both were compressed to the same bytes (SWUpdate finds none).
	 */
	readonly compared: 'uncompressed' | 'compressed';
}

/** What is known of the image that a device holds: a header of it, or its chunks as the device cuts them. */
export type HeldChunks = Pick<ZchunkHeader, 'chunkChecksumType' | 'dictionary'> & {
	readonly flags: Pick<ZchunkHeader['flags'], 'uncompressedSource'>;
	readonly chunks: Iterable<ZchunkChunk>;
};

/**
 * @throws CaissonError zchunk-malformed where the two headers use different chunk checksums, so that nothing can match
 */
export function downloadPlan(oldHeader: HeldChunks, newHeader: ZchunkHeader): DownloadPlan {
	if (oldHeader.chunkChecksumType !== newHeader.chunkChecksumType) {
		throw new CaissonError(
			'zchunk-malformed',
			`The old file has ${oldHeader.chunkChecksumType} chunk checksums, the new one ${newHeader.chunkChecksumType}: they cannot be compared.`,
		);
	}
	const uncompressed = oldHeader.flags.uncompressedSource && newHeader.flags.uncompressedSource;
	const key = (chunk: ZchunkChunk) => textOf(uncompressed ? (chunk.uncompressedDigest as Uint8Array) : chunk.digest);
	const held = new Set<string>();
	for (const chunk of oldHeader.chunks) held.add(key(chunk));
	if (oldHeader.dictionary !== undefined) held.add(key(oldHeader.dictionary));

	const ranges: { start: number; end: number }[] = [];
	let chunkBytes = 0;
	const fetch = (chunk: ZchunkChunk) => {
		const start = newHeader.headerSize + chunk.offset;
		const last = ranges.at(-1);
		if (last !== undefined && last.end === start) last.end += chunk.compressedLength;
		else ranges.push({ start, end: start + chunk.compressedLength });
		chunkBytes += chunk.compressedLength;
	};
	const { dictionary } = newHeader;
	if (dictionary !== undefined && !held.has(key(dictionary))) fetch(dictionary);
	let chunksFound = 0;
	let copiedBytes = 0;
	for (const chunk of newHeader.chunks) {
		if (held.has(key(chunk))) {
			chunksFound++;
			copiedBytes += chunk.length;
		} else fetch(chunk);
	}
	return {
		ranges,
		chunkBytes,
		headerBytes: newHeader.headerSize,
		totalBytes: newHeader.headerSize + chunkBytes,
		chunksFound,
		chunksMissing: newHeader.chunks.length - chunksFound,
		copiedBytes,
		compared: uncompressed ? 'uncompressed' : 'compressed',
	};
}

/** A digest as a key of a set; hexadecimal would take twice the memory. */
function textOf(digest: Uint8Array): string {
	return String.fromCharCode(...digest);
}
