// What the zchunk headers in a .swu say of the images that they stand for. It leaves out judging: a header that cannot be
// read has no facts.

import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { CaissonError } from '../errors.ts';
import { readHeader } from '../format/zchunk/header.ts';
import type { ReadUpdate } from './read.ts';
import { artifactsOf } from './rules/check.ts';

export interface ZchunkFacts {
	readonly chunks: number;
	/** Bytes of the image. */
	readonly imageBytes: number;
	/** Bytes after the header, at most what a device downloads. */
	readonly dataBytes: number;
}

/** A larger header is passed over. */
const largest = 16 << 20;

/** By member, for the artifacts of the delta handler. @throws CaissonError file-unusable */
export async function headerFacts(file: string, update: ReadUpdate): Promise<Map<string, ZchunkFacts>> {
	const names = new Set(
		artifactsOf(update.description)
			.filter(({ artifact }) => artifact.attributes.type === 'delta')
			.map(({ artifact }) => artifact.filename),
	);
	const facts = new Map<string, ZchunkFacts>();
	for (const { name, size, dataOffset } of update.members) {
		if (!names.has(name) || size > largest) continue;
		const found = factsOf(await readAt(file, dataOffset, size));
		if (found !== undefined) facts.set(name, found);
	}
	return facts;
}

function factsOf(bytes: Uint8Array): ZchunkFacts | undefined {
	try {
		const header = readHeader(bytes, { sha256: (part) => createHash('sha256').update(part).digest() });
		return { chunks: header.chunks.length, imageBytes: header.length, dataBytes: header.bodyLength };
	} catch (error) {
		if (error instanceof CaissonError) return undefined;
		throw error;
	}
}

async function readAt(file: string, offset: number, length: number): Promise<Uint8Array> {
	try {
		await using handle = await open(file, 'r');
		const bytes = new Uint8Array(length);
		const { bytesRead } = await handle.read(bytes, 0, length, offset);
		return bytes.subarray(0, bytesRead);
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `${file} cannot be read (${reason}).`, { cause });
	}
}
