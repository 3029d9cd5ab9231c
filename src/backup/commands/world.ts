// What both commands need of the world, and how they come by a passphrase. It leaves out what they do.

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CaissonError } from '../../errors.ts';
import { fileUnusable } from '../../terminal/input-file.ts';
import type { WriteWhole } from '../../terminal/output-file.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { DatabaseFiles } from '../store.ts';

export interface BackupCommandWorld {
	readonly database: DatabaseFiles;
	readonly writeWhole: WriteWhole;
	/** The database that is meant: the file in a data directory, or the address of a PostgreSQL. @throws CaissonError */
	readonly chooseDatabase: (choice: { readonly database?: string; readonly data?: string }) => string;
	/** Where this user's data directory is when nothing is said. */
	readonly defaultData: () => string;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
	/** The version of Caisson. */
	readonly version: string;
}

/** Name of the systemd credential (systemd.exec(5), LoadCredential=) that holds the passphrase. */
export const passphraseCredential = 'caisson-backup-passphrase';
const shortest = 12;

/**
 * The passphrase: the first line of the file named, else of the systemd credential; undefined where there is neither.
 * @throws CaissonError file-unusable where it cannot be read or is open to others, backup-refused where it is too short
 */
export async function readPassphrase(terminal: Terminal, named: string | undefined): Promise<string | undefined> {
	const credentials = terminal.environment.CREDENTIALS_DIRECTORY;
	const path = named ?? (credentials === undefined ? undefined : join(credentials, passphraseCredential));
	if (path === undefined) return undefined;
	let text: string;
	try {
		const { mode } = await stat(path);
		if ((mode & 0o077) !== 0) {
			throw new CaissonError('file-unusable', `The passphrase file ${path} is open to others; run chmod 0600 on it.`);
		}
		text = await readFile(path, 'utf8');
	} catch (error) {
		if (error instanceof CaissonError) throw error;
		if (named === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
		throw fileUnusable(path, error);
	}
	const passphrase = text.split(/\r?\n/)[0] ?? '';
	if (passphrase.length < shortest) {
		throw new CaissonError('backup-refused', `The passphrase in ${path} is shorter than ${shortest} characters.`);
	}
	return passphrase;
}
