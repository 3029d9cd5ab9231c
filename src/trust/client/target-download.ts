// Brings one target to its place: from the disk where it is there already, else from the mirrors, going on where an earlier
// attempt stopped. A file appears under its name only when its length and every hash are right. It leaves out which file
// is right (update-cycle.ts).

import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Refused } from '../rules/client/refusal.ts';
import type { FoundTarget } from '../rules/metadata/delegation.ts';
import { TrustFailure } from '../rules/metadata/failure.ts';
import type { TargetFile } from '../rules/metadata/model.ts';
import { makeFolder, type Step, syncFolder, unusable } from './durable-file.ts';
import { type Fetcher, FetchFailure } from './fetcher.ts';
import type { Mirrors } from './mirrors.ts';
import { partialFolder, targetFileParts, targetPath } from './names.ts';

export interface DownloadOptions {
	readonly fetcher: Fetcher;
	readonly mirrors: Mirrors;
	/** Whether names on the server hold the hash (root: consistent_snapshot). */
	readonly hashedNames: boolean;
	/** Existing or not; the target lies below it under its own name. */
	readonly folder: string;
	readonly signal?: AbortSignal | undefined;
	/** For tests that end the process: see durable-file.ts. */
	readonly step?: Step;
}

export interface DownloadedTarget {
	readonly path: string;
	/** True where the right file was there already: nothing was fetched. */
	readonly cached: boolean;
}

/** The hashes that metadata may name and Node has; any other was not checked, so it does not pass. */
const algorithms: readonly string[] = ['sha256', 'sha384', 'sha512'];

/**
 * Clause 5.7. On return the file is durable under its name, and no other is left.
 * @throws Refused; CaissonError file-unusable. What was received of a broken transfer is kept for the next attempt, never
 * more than the signed length
 */
export async function downloadTarget(found: FoundTarget, options: DownloadOptions): Promise<DownloadedTarget> {
	const { folder, step } = options;
	const path = join(folder, ...targetFileParts(found.path));
	const prefix = checkableHash(found);
	if (await isTarget(path, found.file)) return { path, cached: true };
	const partials = join(folder, partialFolder);
	await makeFolder(partials, step);
	const partial = join(partials, prefix);
	const url = targetPath(found.path, options.hashedNames ? prefix : undefined);
	const subject = { role: found.role, target: found.path };
	await options.mirrors.each(url, subject, (mirror) => fetchTo(partial, mirror, found, options));
	await makeFolder(dirname(path), step, 0o755);
	try {
		step?.('rename', path);
		await rename(partial, path);
		await syncFolder(dirname(path), step);
	} catch (cause) {
		throw unusable(path, 'written', cause);
	}
	return { path, cached: false };
}

/** Deletes what earlier attempts left of targets other than these. */
export async function forgetPartials(folder: string, keep: readonly FoundTarget[]): Promise<void> {
	const wanted = new Set(keep.flatMap(({ file }) => Object.values(file.hashes)));
	const partials = join(folder, partialFolder);
	for (const name of await readdir(partials).catch(() => [])) {
		if (!wanted.has(name)) await rm(join(partials, name), { force: true });
	}
}

/** The hash that names the file on the server: SHA-256 where there is one. @throws Refused where one cannot be checked */
function checkableHash(found: FoundTarget): string {
	const { hashes } = found.file;
	const unknown = Object.keys(hashes).find((algorithm) => !algorithms.includes(algorithm));
	const chosen = hashes.sha256 ?? Object.values(hashes)[0];
	if (unknown === undefined && chosen !== undefined && /^[0-9a-f]{64,128}$/.test(chosen)) return chosen;
	const detail = `the target ${JSON.stringify(found.path)} has a hash that cannot be checked here`;
	throw new Refused({ code: 'wrong-target', role: found.role, target: found.path, detail });
}

/** Whether the file is there with the right length and hashes. */
async function isTarget(path: string, expected: TargetFile): Promise<boolean> {
	const size = await sizeOf(path);
	if (size !== expected.length) return false;
	const digests = new Digests(expected);
	let handle: FileHandle | undefined;
	try {
		handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
		await digests.read(handle, size);
	} catch (cause) {
		throw unusable(path, 'read', cause);
	} finally {
		await handle?.close();
	}
	return digests.fault() === undefined;
}

/**
 * Completes the partial file from one mirror. What an earlier attempt left is continued; where the whole turns out wrong
 * then, it is fetched once from its beginning: the mirror before may have spoiled it.
 */
async function fetchTo(partial: string, url: URL, found: FoundTarget, options: DownloadOptions): Promise<void> {
	const { file } = found;
	const held = Math.min((await sizeOf(partial)) ?? 0, file.length);
	if (held > 0 && (await continued(partial, url, found, options, held))) return;
	const fault = await attempt(partial, url, found, options, 0);
	if (fault === undefined) return;
	await rm(partial, { force: true });
	throw new TrustFailure('trust-target-mismatch', `the target ${JSON.stringify(found.path)}: ${fault}`, {
		role: found.role,
		target: found.path,
	});
}

async function continued(
	partial: string,
	url: URL,
	found: FoundTarget,
	options: DownloadOptions,
	held: number,
): Promise<boolean> {
	try {
		return (await attempt(partial, url, found, options, held)) === undefined;
	} catch (error) {
		// A server may have an objection to the range alone.
		if (error instanceof FetchFailure && error.reason === 'status') return false;
		throw error;
	}
}

/** What is wrong with the complete file; undefined where it is right, and durable. @throws FetchFailure, CaissonError */
async function attempt(
	partial: string,
	url: URL,
	{ file }: FoundTarget,
	options: DownloadOptions,
	held: number,
): Promise<string | undefined> {
	const handle = await openPartial(partial);
	const { step } = options;
	try {
		const digests = new Digests(file);
		let at = held;
		if (at < file.length) {
			const ask = { maximum: file.length, signal: options.signal };
			const body = await options.fetcher.open(url, at > 0 ? { ...ask, from: at } : ask);
			at = body.from;
			await handle.truncate(at);
			if (at > 0) await digests.read(handle, at);
			for await (const chunk of body.chunks) {
				step?.('write', partial);
				await writeAll(handle, chunk, at, partial);
				digests.update(chunk);
				at += chunk.length;
			}
			if (at < file.length) return `the server ended after ${at} of ${file.length} bytes`;
		} else {
			await handle.truncate(at);
			if (at > 0) await digests.read(handle, at);
		}
		const fault = digests.fault();
		if (fault !== undefined) return fault;
		step?.('sync', partial);
		await handle.sync();
		return undefined;
	} catch (error) {
		// Of the disk: what the network does is told by codes of its own.
		if ((error as NodeJS.ErrnoException).syscall !== undefined) throw unusable(partial, 'written', error);
		throw error;
	} finally {
		await handle.close();
	}
}

async function openPartial(path: string): Promise<FileHandle> {
	try {
		// Never through a link that somebody put in its place.
		return await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unusable(path, 'written', error);
	}
	try {
		return await open(path, 'wx+', 0o644);
	} catch (cause) {
		throw unusable(path, 'written', cause);
	}
}

async function writeAll(handle: FileHandle, chunk: Uint8Array, position: number, path: string): Promise<void> {
	let done = 0;
	try {
		while (done < chunk.length) {
			const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, position + done);
			done += bytesWritten;
		}
	} catch (cause) {
		throw unusable(path, 'written', cause);
	}
}

async function sizeOf(path: string): Promise<number | undefined> {
	const found = await lstat(path).catch(() => undefined);
	return found?.isFile() ? found.size : undefined;
}

/** Every hash that the metadata names, computed in one pass. */
class Digests {
	readonly #expected: TargetFile;
	readonly #hashes: readonly (readonly [algorithm: string, hash: Hash])[];

	constructor(expected: TargetFile) {
		this.#expected = expected;
		this.#hashes = Object.keys(expected.hashes).map((algorithm) => [algorithm, createHash(algorithm)] as const);
	}

	update(chunk: Uint8Array): void {
		for (const [, hash] of this.#hashes) hash.update(chunk);
	}

	/** The first `length` bytes of the file that is open: what is hashed is what is kept. */
	async read(handle: FileHandle, length: number): Promise<void> {
		if (length === 0) return;
		for await (const chunk of handle.createReadStream({ start: 0, end: length - 1, autoClose: false })) {
			this.update(chunk);
		}
	}

	/** Call once. */
	fault(): string | undefined {
		for (const [algorithm, hash] of this.#hashes) {
			if (hash.digest('hex') !== this.#expected.hashes[algorithm]) return `its ${algorithm} is not the signed one`;
		}
		return undefined;
	}
}
