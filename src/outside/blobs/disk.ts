// Blobs as files: FOLDER/sha256/ab/abcdef…, named by their digest, in 256 folders. What is being uploaded is in
// FOLDER/incoming, under names that nobody serves, and moves to its place in one step; what is being removed waits in
// FOLDER/outgoing until that is decided. One process uses the folder at a
// time (the lock on the data directory sees to it).

import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDigest } from '../../artifact/rules.ts';
import type { Blob, BlobFacts, BlobStore, PartialUploads, PutOptions } from '../../artifact/store.ts';
import { CaissonError } from '../../errors.ts';
import { diskPartialUploads } from './disk-partial.ts';
import { type OpenedFile, OpenFiles } from './open-files.ts';
import { mismatch, tooLarge } from './refusals.ts';

const chunkSize = 256 * 1024;

/**
 * Opens the folder, makes it where there is none, and removes what uploads cut off by a crash have left.
 * @throws CaissonError blobs-unavailable
 */
export async function openDiskBlobs(folder: string): Promise<BlobStore & { close(): void }> {
	const incoming = join(folder, 'incoming');
	await attempt('The folder of the artifacts cannot be prepared', async () => {
		await rm(incoming, { recursive: true, force: true });
		const parts = ['sha256', 'outgoing'].map((name) => join(folder, name));
		for (const path of [folder, incoming, ...parts]) await mkdir(path, { recursive: true, mode: 0o700 });
		await bringBack(folder);
		for (const path of [dirname(folder), folder]) await syncDirectory(path);
	});
	return new DiskBlobs(folder, incoming);
}

/** A crash while blobs were removed: whether they were to be kept is not known, so they are. */
async function bringBack(folder: string): Promise<void> {
	for (const name of await readdir(join(folder, 'outgoing'))) {
		if (!isDigest(name)) continue;
		const shard = join(folder, 'sha256', name.slice(0, 2));
		await mkdir(shard, { recursive: true, mode: 0o700 });
		await rename(join(folder, 'outgoing', name), join(shard, name));
		await syncDirectory(shard);
	}
}

class DiskBlobs implements BlobStore {
	readonly #root: string;
	readonly #incoming: string;
	readonly #outgoing: string;
	/** Shards whose own entry is known to be durable. */
	readonly #shards = new Set<string>();
	readonly partial: PartialUploads;
	readonly #files = new OpenFiles();
	/** Blobs that are set aside, and when that is decided. */
	readonly #aside = new Map<string, Promise<void>>();

	constructor(folder: string, incoming: string) {
		this.#root = join(folder, 'sha256');
		this.#incoming = incoming;
		this.partial = diskPartialUploads(join(folder, 'partial'), attempt);
		this.#outgoing = join(folder, 'outgoing');
	}

	close(): void {
		this.#files.close();
	}

	async put(digest: string, bytes: AsyncIterable<Uint8Array>, options: PutOptions): Promise<{ size: number }> {
		const target = this.#path(digest);
		const temporary = join(this.#incoming, randomUUID());
		let handle: FileHandle | undefined;
		try {
			handle = await attempt('An artifact cannot be stored', () => open(temporary, 'wx', 0o600));
			const file = handle;
			const size = await receive(file, digest, bytes, options.maximum);
			await attempt('An artifact cannot be stored', async () => {
				await file.sync();
				await file.close();
			});
			await options.beforeVisible?.(size);
			await attempt('An artifact cannot be given its name', async () => {
				await this.#makeShard(dirname(target));
				await rename(temporary, target);
				this.#files.forget(target);
				await syncDirectory(dirname(target));
			});
			return { size };
		} catch (error) {
			await handle?.close().catch(() => undefined);
			await rm(temporary, { force: true }).catch(() => undefined);
			throw error;
		}
	}

	async open(digest: string): Promise<Blob | undefined> {
		const path = this.#path(digest);
		const kept = this.#aside.has(digest) ? undefined : this.#kept(path);
		if (kept !== undefined) return opened(digest, kept);
		await this.#settled(digest);
		const file = await found('An artifact cannot be opened', () => this.#files.open(path));
		return file && opened(digest, file);
	}

	/** Where the system refuses, opening it anew says why. */
	#kept(path: string): OpenedFile | undefined {
		try {
			return this.#files.kept(path);
		} catch {
			return undefined;
		}
	}

	async stat(digest: string): Promise<BlobFacts | undefined> {
		const path = this.#path(digest);
		await this.#settled(digest);
		const facts = await found('An artifact cannot be looked up', () => stat(path));
		return facts && { digest, size: facts.size, stored: Math.floor(facts.mtimeMs) };
	}

	async list({ after = '', limit }: { after?: string; limit: number }): Promise<readonly BlobFacts[]> {
		const blobs: BlobFacts[] = [];
		for (const shard of (await this.#names(this.#root)).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
			if (shard < after.slice(0, 2)) continue;
			for (const name of await this.#names(join(this.#root, shard))) {
				if (blobs.length >= limit) return blobs;
				if (!isDigest(name) || name <= after) continue;
				// Gone by now: it was removed while the folder was read.
				const facts = await this.stat(name);
				if (facts !== undefined) blobs.push(facts);
			}
		}
		return blobs;
	}

	async removeUnless(digest: string, keep: () => Promise<boolean>): Promise<'removed' | 'kept' | 'absent'> {
		const path = this.#path(digest);
		// Not settled(): nothing may come between the last look and the entry below.
		for (let other = this.#aside.get(digest); other !== undefined; other = this.#aside.get(digest)) await other;
		const { promise, resolve } = Promise.withResolvers<void>();
		this.#aside.set(digest, promise);
		try {
			return await this.#setAside(path, join(this.#outgoing, digest), keep);
		} finally {
			this.#aside.delete(digest);
			resolve();
		}
	}

	async #setAside(path: string, aside: string, keep: () => Promise<boolean>): Promise<'removed' | 'kept' | 'absent'> {
		const there = await found('An artifact cannot be removed', async () => {
			await rename(path, aside);
			return true;
		});
		if (!there) return 'absent';
		this.#files.forget(path);
		let kept = true;
		try {
			kept = await keep();
		} finally {
			await attempt('An artifact cannot be removed', async () => {
				if (kept) await rename(aside, path);
				else await unlink(aside);
				for (const folder of [dirname(path), this.#outgoing]) await syncDirectory(folder);
			});
		}
		return kept ? 'kept' : 'removed';
	}

	/** Resolves when it is decided what becomes of a blob that is set aside. */
	async #settled(digest: string): Promise<void> {
		for (let decision = this.#aside.get(digest); decision !== undefined; decision = this.#aside.get(digest)) {
			await decision;
		}
	}

	#path(digest: string): string {
		// The last guard: no other text becomes a path.
		if (!isDigest(digest))
			throw new CaissonError('internal', 'An artifact was asked for by something else than a digest.');
		return join(this.#root, digest.slice(0, 2), digest);
	}

	async #makeShard(shard: string): Promise<void> {
		if (this.#shards.has(shard)) return;
		await mkdir(shard, { recursive: true, mode: 0o700 });
		await syncDirectory(this.#root);
		this.#shards.add(shard);
	}

	async #names(folder: string): Promise<string[]> {
		const names = await found('The artifacts cannot be listed', () => readdir(folder));
		return (names ?? []).sort();
	}
}

/** Writes all bytes and returns how many. @throws CaissonError digest-mismatch, request-too-large, blobs-unavailable */
async function receive(
	file: FileHandle,
	digest: string,
	bytes: AsyncIterable<Uint8Array>,
	maximum: number,
): Promise<number> {
	const hash = createHash('sha256');
	let size = 0;
	for await (const chunk of bytes) {
		size += chunk.length;
		if (size > maximum) throw tooLarge(maximum);
		hash.update(chunk);
		for (let rest = chunk; rest.length > 0; ) {
			const piece = rest;
			const { bytesWritten } = await attempt('An artifact cannot be stored', () => file.write(piece));
			rest = rest.subarray(bytesWritten);
		}
	}
	const found = hash.digest('hex');
	if (found !== digest) throw mismatch(digest, found);
	return size;
}

function opened(digest: string, file: OpenedFile): Blob {
	return {
		...{ digest, size: file.size, stored: Math.floor(file.modified) },
		readRange: (start, end) => bytesOf(file, start, end),
		readAt: (into, position) => readSome(file, into, position),
		readNow: (into, position) => readNow(file, into, position),
		close: async () => file.release(),
	};
}

async function readSome(file: OpenedFile, into: Uint8Array, position: number): Promise<number> {
	const bytesRead = await attempt('An artifact cannot be read', () => file.read(into, position));
	if (bytesRead === 0) throw new CaissonError('blobs-unavailable', 'An artifact on the disk has become shorter.');
	return bytesRead;
}

/** Where it fails, readAt says how. */
function readNow(file: OpenedFile, into: Uint8Array, position: number): number {
	try {
		return file.readNow(into, position);
	} catch {
		return 0;
	}
}

async function* bytesOf(file: OpenedFile, start: number, end: number): AsyncGenerator<Uint8Array> {
	for (let position = start; position <= end; ) {
		const room = Buffer.allocUnsafe(Math.min(chunkSize, end - position + 1));
		const bytesRead = await readSome(file, room, position);
		yield room.subarray(0, bytesRead);
		position += bytesRead;
	}
}

/** Makes names in a folder durable: without it a new name might not survive a power cut although the content does. */
async function syncDirectory(folder: string): Promise<void> {
	const handle = await open(folder, 'r');
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
}

const reasons: Readonly<Record<string, string>> = {
	ENOSPC: 'the disk is full',
	EDQUOT: 'the disk quota is used up',
	EROFS: 'the file system is read-only',
	EACCES: 'this user may not',
	EMFILE: 'too many files are open',
	EIO: 'the disk does not work',
};

async function attempt<Result>(what: string, step: () => Promise<Result>): Promise<Result> {
	try {
		return await step();
	} catch (cause) {
		if (cause instanceof CaissonError) throw cause;
		const { code, message } = cause as NodeJS.ErrnoException;
		throw new CaissonError('blobs-unavailable', `${what}: ${reasons[code ?? ''] ?? message}.`, { cause });
	}
}

/** As attempt; undefined where there is no such file. */
async function found<Result>(what: string, step: () => Promise<Result>): Promise<Result | undefined> {
	return attempt(what, () =>
		step().catch((error: NodeJS.ErrnoException) => {
			if (error.code === 'ENOENT') return undefined;
			throw error;
		}),
	);
}
