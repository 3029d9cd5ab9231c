// The chunks that a device finds in the image it holds: cut as SWUpdate cuts its source (libzck's boundaries), each with
// the SHA-256 of its bytes, or taken from a .zck of that image. Nothing is compressed and nothing is written. It leaves
// out what is done with them (format/zchunk/plan.ts).

import { open } from 'node:fs/promises';
import { CaissonError } from '../../errors.ts';
import { automaticMaximum, BoundaryFinder } from '../../format/zchunk/boundaries.ts';
import type { ZchunkChunk } from '../../format/zchunk/header.ts';
import type { HeldChunks } from '../../format/zchunk/plan.ts';
import { type ReadOptions, sha256 } from './zchunk-file.ts';

const partBytes = 1 << 20;

/**
 * Cuts an image of any length; memory holds one part and 32 bytes a chunk.
 * @throws CaissonError file-unusable; the signal's reason when it aborts
 */
export async function chunksOfImage(image: string, options: ReadOptions = {}): Promise<HeldChunks> {
	const chunks: ZchunkChunk[] = [];
	const finder = new BoundaryFinder();
	const buffer = new Uint8Array(partBytes + 2 * automaticMaximum);
	let filled = 0;
	let start = 0;
	let from = 0;
	let read = 0;
	const add = (end: number) => {
		const digest = sha256(buffer.subarray(start, end));
		chunks.push({ digest, uncompressedDigest: digest, compressedLength: end - start, length: end - start, offset: 0 });
		start = end;
		from = end;
	};
	try {
		await using handle = await open(image, 'r');
		const { size } = await handle.stat();
		for (;;) {
			options.signal?.throwIfAborted();
			// What is cut already makes room; a chunk that is not complete moves to the front.
			buffer.copyWithin(0, start, filled);
			filled -= start;
			from -= start;
			start = 0;
			const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, null);
			if (bytesRead === 0) break;
			filled += bytesRead;
			read += bytesRead;
			options.progress?.(read, size);
			for (let end = finder.next(buffer, start, from, filled); end !== -1; ) {
				add(end);
				end = finder.next(buffer, start, from, filled);
			}
			from = filled;
		}
		if (filled > start) add(filled);
	} catch (cause) {
		const { code, syscall } = cause as NodeJS.ErrnoException;
		if (cause instanceof CaissonError || syscall === undefined) throw cause;
		throw new CaissonError('file-unusable', `${image} cannot be read (${code}).`, { cause });
	}
	return { chunkChecksumType: 'sha256', flags: { uncompressedSource: true }, dictionary: undefined, chunks };
}
