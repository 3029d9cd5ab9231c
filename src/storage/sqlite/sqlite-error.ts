// What an error of SQLite means to Caisson: a database that cannot be used just now, one that is damaged, or a bug of
// ours. It decides the code and the words; who recovers is decided in writer.ts.

import { CaissonError } from '../../errors.ts';

// Primary result codes, https://www.sqlite.org/rescode.html
const CORRUPT = 11;
const NOTADB = 26;
/** Out of our hands: BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL, AUTH. */
const unavailable: ReadonlySet<number> = new Set([5, 6, 7, 8, 9, 10, 13, 14, 15, 23]);
const plainWords: Readonly<Record<number, string>> = {
	8: 'the database is read-only',
	13: 'the disk is full',
	14: 'the database file cannot be opened',
};

interface SqliteError extends Error {
	readonly errcode: number;
	readonly errstr: string;
}

export function isSqliteError(error: unknown): error is SqliteError {
	return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
}

/** The error as Caisson's callers see it. What is no error of SQLite is passed through as it is. */
export function storageError(error: unknown): unknown {
	if (!isSqliteError(error)) return error;
	// The low byte is the primary code, the rest says more of the same.
	const primary = error.errcode & 0xff;
	const reason = plainWords[primary] ?? error.message;
	if (primary === CORRUPT || primary === NOTADB) {
		return new CaissonError('storage-damaged', `The database is damaged: ${error.message}.`, { cause: error });
	}
	if (unavailable.has(primary)) {
		return new CaissonError('storage-unavailable', `The database cannot be used: ${reason}.`, { cause: error });
	}
	return new CaissonError('internal', `The database refused a statement: ${error.message}.`, { cause: error });
}

/** Runs `work` and turns an error of SQLite into Caisson's. */
export function withStorageErrors<Result>(work: () => Result): Result {
	try {
		return work();
	} catch (error) {
		throw storageError(error);
	}
}
