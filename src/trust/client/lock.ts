// One process at a time changes a state folder: two at once could put an older file over a newer one. The lock is a file
// that names the process; one that a dead process left (kill -9, power cut) is taken over.

import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CaissonError } from '../../errors.ts';
import { unusable } from './durable-file.ts';

/**
 * Takes the lock of `folder`, which must exist. Call what it returns in the end.
 * @throws CaissonError trust-state-busy where a living process holds it
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
	const path = join(folder, 'lock');
	const own = await describe(process.pid);
	// Written under another name first: whoever finds the lock must find who holds it as well.
	const written = `${path}.${randomUUID()}`;
	try {
		await writeFile(written, own, { flag: 'wx', mode: 0o600 });
		for (let tries = 0; tries < 3; tries++) {
			try {
				await link(written, path);
				return () => release(path, own);
			} catch (cause) {
				if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(path, 'written', cause);
			}
			await removeIfStale(path);
		}
	} catch (cause) {
		throw cause instanceof CaissonError ? cause : unusable(written, 'written', cause);
	} finally {
		await rm(written, { force: true });
	}
	throw busy(folder);
}

/** Somebody else's lock stays, should this one have been taken for stale. */
async function release(path: string, own: string): Promise<void> {
	if ((await readFile(path, 'utf8').catch(() => undefined)) === own) await rm(path, { force: true });
}

/** @throws CaissonError trust-state-busy */
async function removeIfStale(path: string): Promise<void> {
	const holder = await readFile(path, 'utf8').catch(() => undefined);
	if (holder === undefined) return;
	const pid = Number.parseInt(holder, 10);
	if (pid > 0 && holder === (await describe(pid))) throw busy(dirname(path));
	// Moved away first: of two processes that find the same stale lock, one moves it; the other must not delete the new one.
	const moved = `${path}.${randomUUID()}`;
	try {
		await rename(path, moved);
	} catch {
		return;
	}
	if ((await readFile(moved, 'utf8')) !== holder) await link(moved, path).catch(() => {});
	await rm(moved, { force: true });
}

function busy(path: string): CaissonError {
	return new CaissonError('trust-state-busy', `${path}: another process is refreshing or downloading with this state.`);
}

/** The process id and when the process began: a number is used again, the pair is not. Empty after the id where it is dead. */
async function describe(pid: number): Promise<string> {
	const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
	// Field 22, counted after the name in parentheses, which may hold anything.
	const began = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
	const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
	return stat === '' ? `${pid} dead` : `${pid} ${began} ${boot.trim()}`;
}
