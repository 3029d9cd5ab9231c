// A file that is uploaded: opened once, read twice (for the digest, then to be sent), with the same length both times.
// It leaves out where the bytes go.

import { createHash } from 'node:crypto';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { CaissonError } from '../../errors.ts';
import { fileUnusable } from '../../terminal/input-file.ts';

const chunkSize = 256 * 1024;

export interface SourceFile {
	readonly path: string;
	/** Bytes. */
	readonly size: number;
	/**
	 * All bytes from `from` (0) on. @param onProgress told how many of all are given now
	 * @throws CaissonError file-unusable where it cannot be read or has another length by now; the reason of `signal`
	 */
	chunks(signal: AbortSignal, onProgress: (done: number) => void, from?: number): AsyncGenerator<Uint8Array>;
	close(): Promise<void>;
}

/** @throws CaissonError file-unusable: it cannot be opened, or is a directory, a pipe or a device */
export async function openSource(path: string): Promise<SourceFile> {
	let handle: FileHandle;
	try {
		// Asked before it is opened: opening a pipe waits for somebody who writes into it.
		if (!(await stat(path)).isFile()) throw unusable(path, 'it is no regular file, and an upload reads it twice');
		handle = await open(path, 'r');
	} catch (error) {
		throw error instanceof CaissonError ? error : fileUnusable(path, error);
	}
	const { size } = await handle.stat();
	return {
		path,
		size,
		chunks: (signal, onProgress, from = 0) => read(handle, path, { from, size }, signal, onProgress),
		close: () => handle.close(),
	};
}

async function* read(
	handle: FileHandle,
	path: string,
	{ from, size }: { readonly from: number; readonly size: number },
	signal: AbortSignal,
	onProgress: (done: number) => void,
): AsyncGenerator<Uint8Array> {
	for (let done = from; done < size; ) {
		signal.throwIfAborted();
		const chunk = await attempt(path, async () => {
			const buffer = Buffer.allocUnsafe(Math.min(chunkSize, size - done));
			const { bytesRead } = await handle.read(buffer, 0, buffer.length, done);
			return buffer.subarray(0, bytesRead);
		});
		if (chunk.length === 0) throw unusable(path, 'it became shorter while it was read');
		yield chunk;
		done += chunk.length;
		onProgress(done);
	}
	if ((await attempt(path, () => handle.stat())).size !== size) {
		throw unusable(path, 'it became longer while it was read');
	}
}

async function attempt<Result>(path: string, step: () => Promise<Result>): Promise<Result> {
	try {
		return await step();
	} catch (error) {
		throw fileUnusable(path, error);
	}
}

function unusable(path: string, why: string): CaissonError {
	return new CaissonError('file-unusable', `Cannot upload ${path}: ${why}.`);
}

/** The SHA-256 of all bytes, in lower-case hex. */
export async function digestOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
	const hash = createHash('sha256');
	for await (const chunk of chunks) hash.update(chunk);
	return hash.digest('hex');
}
