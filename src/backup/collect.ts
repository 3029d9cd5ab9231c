// What of a data directory goes into a backup besides the database: blobs in the order of their names, and the small
// private files. What cannot be taken is named, never silently left out. It decides nothing about the form of the file.

import type { Dirent } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { blobDigest, blobPrefix, placeOf, secretLimits } from './rules/layout.ts';
import type { SecretFile } from './secrets.ts';

export interface LeftOut {
	/** Relative to the data directory. */
	readonly path: string;
	readonly why: string;
}

/** The names of all blobs, ascending; one folder is read at a time. What does not belong there is told to `leftOut`. */
export async function* blobNames(data: string, leftOut: (entry: LeftOut) => void): AsyncGenerator<string> {
	for (const { name: folder } of await entries(join(data, blobPrefix))) {
		for (const entry of await entries(join(data, blobPrefix, folder))) {
			const name = `${blobPrefix}${folder}/${entry.name}`;
			if (blobDigest(name) !== undefined && entry.isFile()) yield name;
			else leftOut({ path: name, why: 'it is no blob' });
		}
	}
}

/** Sorted by name; nothing where there is no such folder. */
async function entries(folder: string): Promise<Dirent[]> {
	try {
		const found = await readdir(folder, { withFileTypes: true });
		return found.sort((a, b) => (a.name < b.name ? -1 : 1));
	} catch (error) {
		if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
		throw error;
	}
}

/** Tokens, keys and other small files of the owner, with their paths. */
export async function secretFiles(data: string, leftOut: (entry: LeftOut) => void): Promise<SecretFile[]> {
	const files: SecretFile[] = [];
	let total = 0;
	const visit = async (folder: string, within: readonly Dirent[]): Promise<void> => {
		for (const entry of within) {
			const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
			if (entry.isDirectory()) await visit(path, await entries(join(data, path)));
			else if (!entry.isFile()) leftOut({ path, why: 'it is no plain file' });
			else {
				const content = await readSmall(join(data, path));
				const why =
					content === undefined
						? `it is larger than ${secretLimits.file} bytes`
						: beyond(files.length, total + content.length);
				if (content === undefined || why !== undefined) leftOut({ path, why: why ?? '' });
				else {
					files.push({ path, content });
					total += content.length;
				}
			}
		}
	};
	const top = await entries(data);
	await visit(
		'',
		top.filter(({ name }) => placeOf(name) === 'secret'),
	);
	return files;
}

function beyond(count: number, total: number): string | undefined {
	if (count >= secretLimits.files) return `there are more than ${secretLimits.files} private files`;
	return total > secretLimits.total
		? `the private files are larger than ${secretLimits.total} bytes together`
		: undefined;
}

async function readSmall(path: string): Promise<Buffer | undefined> {
	const handle = await open(path, 'r');
	try {
		const { size } = await handle.stat();
		return size > secretLimits.file ? undefined : await handle.readFile();
	} finally {
		await handle.close();
	}
}

const chunkLength = 1024 * 1024;

/** The bytes of a file from `start`, `length` of them, in pieces; fewer where the file ends. A piece is used again. */
export async function* fileBytes(handle: FileHandle, start: number, length: number): AsyncGenerator<Buffer> {
	const buffer = Buffer.allocUnsafe(Math.min(chunkLength, Math.max(length, 1)));
	for (let at = 0; at < length; ) {
		const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, length - at), start + at);
		if (bytesRead === 0) return;
		yield buffer.subarray(0, bytesRead);
		at += bytesRead;
	}
}
