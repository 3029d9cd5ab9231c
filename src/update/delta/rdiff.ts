// rdiff deltas through Debian's `rdiff` (librsync, the library of SWUpdate's rdiff handlers) as a process. Everything goes
// through pipes: nothing is kept on disk, and the caller decides what becomes of the bytes. It leaves out whether a delta
// is the right one to send (planner.ts) and the SHA-256 of what it gives (verify.ts).

import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CaissonError } from '../../errors.ts';
import { PipedProgram, runAll } from './piped-program.ts';

export interface RdiffOptions {
	readonly signal?: AbortSignal | undefined;
	/** Bytes a block of the base; `defaultBlockSize` of the base where it is absent. */
	readonly blockSize?: number | undefined;
	/** Told of the bytes that came out so far. */
	readonly progress?: (bytes: number) => void;
}

export type WriteBytes = (bytes: Uint8Array) => void | Promise<void>;

export const lowestBlockSize = 512;
export const highestBlockSize = 65_536;
const mostBlocks = 1 << 21;

/**
 * Bytes a block of the base. Small blocks find more of what is the same; in trials 1024 gave smaller deltas than
 * rdiff’s own choice (the square root of the size) and than 512, where the delta's commands cost more than is found. rdiff
 * keeps the signature of all blocks in memory while it compares (60 bytes a block, measured), so the blocks double in size
 * until there are at most two million of them: about 125 MB whatever the size of the image.
 */
export function defaultBlockSize(baseLength: number): number {
	let blockSize = 1024;
	while (baseLength / blockSize > mostBlocks && blockSize < highestBlockSize) blockSize *= 2;
	return blockSize;
}

/**
 * Writes the delta that makes `target` from `base`.
 * @returns bytes of the delta
 * @throws CaissonError tool-missing, file-unusable, delta-wrong; what `write` throws; the signal's reason when it aborts
 */
export async function makeDelta(
	base: string,
	target: string,
	write: WriteBytes,
	options: RdiffOptions = {},
): Promise<number> {
	const { size } = await sizeOf(base);
	await sizeOf(target);
	const blockSize = String(options.blockSize ?? defaultBlockSize(size));
	const signature = rdiff(['-b', blockSize, 'signature', base, '-'], options);
	const delta = rdiff(['delta', '-', target, '-'], options);
	const piped = pipeline(signature.output, delta.input);
	return runAll([signature, delta], async () => {
		const [length] = await Promise.all([copy(delta.output, write, options), piped.catch(ignored)]);
		return length;
	});
}

/**
 * Applies `delta` to `base`, a file that can be read at any place.
 * @returns bytes written
 * @throws CaissonError delta-wrong where rdiff refuses the delta; the rest as makeDelta
 */
export async function applyDelta(
	base: string,
	delta: string | Readable,
	write: WriteBytes,
	options: RdiffOptions = {},
): Promise<number> {
	await sizeOf(base);
	if (typeof delta === 'string') await sizeOf(delta);
	const from = typeof delta === 'string' ? createReadStream(delta) : delta;
	const patch = rdiff(['patch', base, '-', '-'], options);
	return runAll([patch], async () => {
		const [length, fault] = await Promise.all([copy(patch.output, write, options), feed(from, patch.input)]);
		if (fault !== undefined) throw fault;
		return length;
	});
}

/**
 * Writes all of `from`, unless the program ends before: what it thinks of its input is in its exit code, not in the broken
 * pipe.
 * @returns what reading `from` threw
 */
async function feed(from: Readable, to: Writable): Promise<unknown> {
	const gone = new Promise((resolve) => to.once('close', resolve));
	try {
		for await (const part of from) {
			if (to.destroyed) break;
			if (!to.write(part)) await Promise.race([new Promise((resolve) => to.once('drain', resolve)), gone]);
		}
		return undefined;
	} catch (fault) {
		return fault;
	} finally {
		to.end();
	}
}

async function copy(from: Readable, write: WriteBytes, options: RdiffOptions): Promise<number> {
	let length = 0;
	for await (const part of from as AsyncIterable<Buffer>) {
		await write(part);
		length += part.length;
		options.progress?.(length);
	}
	if (!from.closed) await once(from, 'close');
	return length;
}

/** @throws CaissonError file-unusable: named here, because rdiff's own words do not say which of its files it means */
async function sizeOf(file: string): Promise<{ size: number }> {
	try {
		const found = await stat(file);
		if (found.isFile() || found.isBlockDevice()) return { size: found.size };
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `${file} cannot be read (${reason}).`, { cause });
	}
	throw new CaissonError('file-unusable', `${file} is not a file.`);
}

function rdiff(words: readonly string[], { signal }: RdiffOptions): PipedProgram {
	return new PipedProgram({ program: 'rdiff', package: 'rdiff', words, fault: 'delta-wrong', signal });
}

function ignored(): void {}
