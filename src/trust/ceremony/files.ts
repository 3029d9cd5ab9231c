// Files that are carried by hand: read with a bound, written whole or not at all. It decides that a new document never takes
// the place of one that is there; it knows nothing of what is in them.

import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CaissonError } from '../../errors.ts';

/** A targets document with the most targets that people sign is below this. */
export const mostBytes = 64 << 20;

/** @throws CaissonError file-unusable naming file and reason; request-too-large */
export async function readBounded(file: string, most = mostBytes): Promise<Uint8Array> {
	try {
		await using handle = await open(file, 'r');
		const facts = await handle.stat();
		if (!facts.isFile()) throw new CaissonError('file-unusable', `${file} is no file.`);
		if (facts.size > most) throw new CaissonError('request-too-large', `${file} is larger than ${most} bytes.`);
		return await handle.readFile();
	} catch (cause) {
		throw unusable(file, 'read', cause);
	}
}

const mostNames = 10_000;

/** The names in a folder that end so, sorted. @throws CaissonError file-unusable, request-too-large */
export async function namesIn(folder: string, ending: string): Promise<string[]> {
	let names: string[];
	try {
		names = await readdir(folder);
	} catch (cause) {
		throw unusable(folder, 'read', cause);
	}
	const found = names.filter((name) => name.endsWith(ending) && !name.startsWith('.')).sort();
	if (found.length <= mostNames) return found;
	throw new CaissonError('request-too-large', `${folder} has more than ${mostNames} files *${ending}.`);
}

/** @throws CaissonError file-unusable */
export async function makeFolder(folder: string): Promise<void> {
	try {
		await mkdir(folder, { recursive: true });
	} catch (cause) {
		throw unusable(folder, 'made', cause);
	}
}

/** Writes a file that must not exist yet. Durable on return. @throws CaissonError file-unusable */
export async function writeNew(file: string, content: Uint8Array | string): Promise<void> {
	await write(file, content, async (temporary) => {
		// Unlike rename, link refuses a name that is taken.
		await link(temporary, file);
		await rm(temporary);
	});
}

/** Writes a file or replaces it in one step. Durable on return. @throws CaissonError file-unusable; the old one stays */
export async function replaceFile(file: string, content: Uint8Array | string): Promise<void> {
	await write(file, content, (temporary) => rename(temporary, file));
}

async function write(
	file: string,
	content: Uint8Array | string,
	name: (temporary: string) => Promise<void>,
): Promise<void> {
	const temporary = join(dirname(file), `.${basename(file)}.${randomUUID()}.partial`);
	try {
		const handle = await open(temporary, 'wx', 0o644);
		try {
			await handle.writeFile(content);
			await handle.sync();
		} finally {
			await handle.close();
		}
		await name(temporary);
		const folder = await open(dirname(file), 'r');
		await folder.sync().finally(() => folder.close());
	} catch (cause) {
		await rm(temporary, { force: true }).catch(() => {});
		throw unusable(file, 'written', cause);
	}
}

const reasons: Readonly<Record<string, string>> = {
	ENOENT: 'there is no such file',
	EACCES: 'it is not permitted',
	EEXIST: 'it exists already, and is not overwritten',
	EISDIR: 'it is a directory',
	ENOTDIR: 'a part of its path is no directory',
	ENOSPC: 'the disk is full',
};

function unusable(file: string, what: string, cause: unknown): CaissonError {
	if (cause instanceof CaissonError) return cause;
	const { code, message } = cause as NodeJS.ErrnoException;
	return new CaissonError('file-unusable', `${file} cannot be ${what}: ${reasons[code ?? ''] ?? message}.`, { cause });
}
