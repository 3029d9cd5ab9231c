// Files that only their owner reads: written whole or not at all, read only while nobody else can. It leaves out what
// stands in them.

import {
	closeSync,
	fchmodSync,
	fstatSync,
	fsyncSync,
	openSync,
	readSync,
	renameSync,
	rmSync,
	writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CaissonError } from '../errors.ts';

const largest = 64 * 1024;

/**
 * Replaces the file, mode 0600, durably: after a crash there is the old or the new content.
 * @throws the system's error; then the old content stays
 */
export function replacePrivateFile(path: string, text: string): void {
	const draft = `${path}.new`;
	rmSync(draft, { force: true });
	const file = openSync(draft, 'wx', 0o600);
	try {
		fchmodSync(file, 0o600);
		writeSync(file, text);
		fsyncSync(file);
	} finally {
		closeSync(file);
	}
	renameSync(draft, path);
	const folder = openSync(dirname(path), 'r');
	try {
		fsyncSync(folder);
	} finally {
		closeSync(folder);
	}
}

/**
 * The file's text, or undefined where there is none.
 * @throws CaissonError data-directory-refused where it is open to others, too large or not readable
 */
export function readPrivateFile(path: string): string | undefined {
	let file: number;
	try {
		file = openSync(path, 'r');
	} catch (cause) {
		const { code } = cause as NodeJS.ErrnoException;
		if (code === 'ENOENT') return undefined;
		throw new CaissonError('data-directory-refused', `${path} cannot be read: ${code}`, { cause });
	}
	try {
		const { mode, size } = fstatSync(file);
		if ((mode & 0o077) !== 0) {
			throw new CaissonError('data-directory-refused', `${path} is open to others: chmod 0600 ${path}`);
		}
		if (size > largest) throw new CaissonError('data-directory-refused', `${path} is too large`);
		const bytes = Buffer.alloc(size);
		return bytes.toString('utf8', 0, readSync(file, bytes));
	} finally {
		closeSync(file);
	}
}
