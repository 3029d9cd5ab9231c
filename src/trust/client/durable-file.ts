// Files that survive a power cut: the bytes go to a temporary name, are made durable, get their name in one step, and the
// name is made durable too. After a cut at any point the name stands for the old bytes or the new, whole. It knows
// nothing of what is in them.

import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CaissonError } from '../../errors.ts';

/**
 * Told before each operation that a power cut could come before, and once between the two halves of what is written. Tests
 * end the process here.
 */
export type Step = (operation: string, path: string) => void;

const none: Step = () => {};

/**
 * Creates or replaces a file (mode 0600). Its folder must exist. Durable on return.
 * @throws CaissonError file-unusable; the old file is there then
 */
export async function writeDurably(path: string, bytes: Uint8Array, step: Step = none): Promise<void> {
	const temporary = `${path}.${process.pid}.writing`;
	try {
		step('open', temporary);
		const handle = await open(temporary, 'w', 0o600);
		try {
			const half = bytes.length >> 1;
			for (const part of [bytes.subarray(0, half), bytes.subarray(half)]) {
				step('write', temporary);
				await handle.writeFile(part);
			}
			step('sync', temporary);
			await handle.sync();
		} finally {
			await handle.close();
		}
		step('rename', path);
		await rename(temporary, path);
		await syncFolder(dirname(path), step);
	} catch (cause) {
		await rm(temporary, { force: true }).catch(() => {});
		throw unusable(path, 'written', cause);
	}
}

/** Deletes a file, durably; one that is not there is no error. */
export async function removeDurably(path: string, step: Step = none): Promise<void> {
	try {
		step('remove', path);
		await rm(path, { force: true });
		await syncFolder(dirname(path), step);
	} catch (cause) {
		throw unusable(path, 'removed', cause);
	}
}

/** Creates a folder and those above it, private to the user; what is made is durable. */
export async function makeFolder(path: string, step: Step = none, mode = 0o700): Promise<void> {
	try {
		step('make', path);
		const first = await mkdir(path, { recursive: true, mode });
		if (first === undefined) return;
		for (let made = path; ; made = dirname(made)) {
			await syncFolder(dirname(made), step);
			if (made === first || dirname(made) === made) return;
		}
	} catch (cause) {
		throw unusable(path, 'made', cause);
	}
}

/** The bytes, or undefined where there is no such file. @throws CaissonError file-unusable */
export async function readOptional(path: string): Promise<Uint8Array | undefined> {
	try {
		return await readFile(path);
	} catch (cause) {
		if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
		throw unusable(path, 'read', cause);
	}
}

/** Deletes what a write that was cut short left in `folder`. Nobody else may be writing there. */
export async function sweep(folder: string): Promise<void> {
	for (const name of await readdir(folder).catch(() => [])) {
		if (name.endsWith('.writing')) await rm(join(folder, name), { force: true }).catch(() => {});
	}
}

/** Without it, a new name might not survive a power cut although the content does. */
export async function syncFolder(folder: string, step: Step = none): Promise<void> {
	step('sync folder', folder);
	const handle = await open(folder, 'r');
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
}

/** The error as a CaissonError; one that is one already stays. */
export function unusable(path: string, what: string, cause: unknown): Error {
	if (cause instanceof CaissonError) return cause;
	const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
	return new CaissonError('file-unusable', `${path} cannot be ${what} (${reason}).`, { cause });
}
