// A .zck file, or its header alone, as SWUpdate's delta handler needs it: found out by reading it whole. It decides whether
// the handler could use it at all and what image it gives; it leaves out making one (src/update/chunk).

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { CaissonError } from '../../errors.ts';
import { firstReadBytes, neededBytes, readHeader, type ZchunkHeader } from '../../format/zchunk/header.ts';
import { handlerFault } from '../rules/delta-artifact.ts';
import type { ResultFacts } from '../rules/readback.ts';

export interface ReadOptions {
	readonly signal?: AbortSignal | undefined;
	/** Told of the bytes of the image that were read so far, and of how many it has. */
	readonly progress?: ((bytes: number, total: number) => void) | undefined;
}

export interface ZchunkFile {
	readonly header: ZchunkHeader;
	/** The header's own bytes: what becomes the member of a .swu. */
	readonly headerBytes: Uint8Array;
	/** False where the file ends with the header. */
	readonly whole: boolean;
	/** Bytes of the whole .zck, also where only the header is at hand. */
	readonly length: number;
}

/**
 * Reads and checks the header of a .zck, and that the file has all of its body or none.
 * @throws CaissonError zchunk-malformed, file-unusable
 */
export async function readZchunkFile(file: string): Promise<ZchunkFile> {
	return withFile(file, async (handle, size) => {
		const first = await readAt(handle, 0, Math.min(size, firstReadBytes));
		const headerBytes = await readAt(handle, 0, Math.min(size, neededBytes(first)));
		const header = readHeader(headerBytes, { sha256 });
		const length = header.headerSize + header.bodyLength;
		if (size !== header.headerSize && size !== length) {
			throw new CaissonError(
				'zchunk-malformed',
				`The file has ${size} bytes; its header tells of ${length}, or ${header.headerSize} without the body.`,
			);
		}
		return { header, headerBytes, whole: size === length, length };
	});
}

/** @throws CaissonError delta-wrong where SWUpdate could not install from such a file, or would fetch all of it */
export function checkForHandler(header: ZchunkHeader): void {
	const fault = handlerFault(header);
	if (fault !== undefined) throw new CaissonError('delta-wrong', fault);
}

/**
 * Compares an image with a header chunk by chunk.
 * @returns the facts of the image
 * @throws CaissonError delta-wrong naming the first chunk that differs, file-unusable; the signal's reason
 */
export async function compareWithImage(
	image: string,
	header: ZchunkHeader,
	options: ReadOptions = {},
): Promise<ResultFacts> {
	return withFile(image, async (handle, imageSize) => {
		if (imageSize !== header.length) {
			throw new CaissonError('delta-wrong', `${image} has ${imageSize} bytes; the .zck gives ${header.length}.`);
		}
		const hash = createHash('sha256');
		let size = 0;
		for (const [index, chunk] of entries(header)) {
			options.signal?.throwIfAborted();
			const plain = await readAt(handle, size, chunk.length);
			if (!same(sha256(plain), chunk.uncompressedDigest)) {
				throw wrongChunk(index, `it gives other bytes than ${image} has from ${size} on`);
			}
			hash.update(plain);
			size += plain.length;
			options.progress?.(size, header.length);
		}
		return { size, sha256: hash.digest('hex') };
	});
}

function* entries(header: ZchunkHeader) {
	let index = 0;
	for (const chunk of header.chunks) yield [index++, chunk] as const;
}

function wrongChunk(index: number, what: string): CaissonError {
	return new CaissonError('delta-wrong', `Chunk ${index} of the .zck: ${what}.`);
}

export function sha256(bytes: Uint8Array): Uint8Array {
	return createHash('sha256').update(bytes).digest();
}

function same(one: Uint8Array, other: Uint8Array | undefined): boolean {
	return other !== undefined && one.length === other.length && one.every((byte, index) => byte === other[index]);
}

async function withFile<Result>(
	file: string,
	work: (handle: FileHandle, size: number) => Promise<Result>,
): Promise<Result> {
	try {
		await using handle = await open(file, 'r');
		const found = await handle.stat();
		if (!found.isFile()) throw new CaissonError('file-unusable', `${file} is not a file.`);
		return await work(handle, found.size);
	} catch (cause) {
		const { code, syscall } = cause as NodeJS.ErrnoException;
		if (cause instanceof CaissonError || syscall === undefined) throw cause;
		throw new CaissonError('file-unusable', `${file} cannot be read (${code}).`, { cause });
	}
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
	const bytes = new Uint8Array(length);
	let at = 0;
	while (at < length) {
		const { bytesRead } = await handle.read(bytes, at, length - at, position + at);
		if (bytesRead === 0) throw new CaissonError('file-unusable', 'A file became shorter while it was read.');
		at += bytesRead;
	}
	return bytes;
}
