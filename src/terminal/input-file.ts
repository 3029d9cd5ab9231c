// A file named on the command line, '-' being stdin: read whole, with a bound. It leaves out what the text means.

import { open } from 'node:fs/promises';
import { CaissonError } from '../errors.ts';
import type { Terminal } from './terminal.ts';

/**
 * @param path a file, or '-' for stdin
 * @param limit in bytes
 * @throws CaissonError file-unusable, naming the file and the reason; request-too-large
 */
export async function readInput(terminal: Terminal, path: string, limit = 64 * 1024 * 1024): Promise<string> {
	if (path === '-') return terminal.stdin();
	try {
		const file = await open(path, 'r');
		try {
			const { size } = await file.stat();
			if (size > limit) throw new CaissonError('request-too-large', `${path} is larger than ${limit} bytes.`);
			return await file.readFile('utf8');
		} finally {
			await file.close();
		}
	} catch (error) {
		if (error instanceof CaissonError) throw error;
		throw fileUnusable(path, error);
	}
}

const reasons: Readonly<Record<string, string>> = {
	ENOENT: 'there is no such file',
	EACCES: 'you may not read it',
	EISDIR: 'it is a directory',
	ENOTDIR: 'a part of its path is not a directory',
};

/** The error for a file that cannot be used, with a reason in words. */
export function fileUnusable(path: string, cause: unknown): CaissonError {
	const { code, message } = cause as NodeJS.ErrnoException;
	return new CaissonError('file-unusable', `Cannot read ${path}: ${reasons[code ?? ''] ?? message}.`, { cause });
}
