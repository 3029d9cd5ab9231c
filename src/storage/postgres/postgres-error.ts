// What an error of PostgreSQL or of the connection to it means to Caisson: a database that cannot be used just now, one
// that is damaged, a conflict with another server that is tried again, or a bug of ours. It decides the code and the
// words; who tries again is decided in writer.ts.

import { CaissonError } from '../../errors.ts';

export type Trouble = 'conflict' | 'unavailable' | 'damaged' | 'bug';

// SQLSTATE, https://www.postgresql.org/docs/15/errcodes-appendix.html
/** Another transaction was in the way: serialization, deadlock, or it wrote what a constraint now forbids. */
const conflicts: ReadonlySet<string> = new Set(['40001', '40P01', '23502', '23503', '23505']);
/** Connection, authorization, resources (a full disk among them), an operator's intervention, the system below. */
const unavailableClasses: ReadonlySet<string> = new Set(['08', '28', '3D', '53', '57', '58']);
/** A standby or a read-only database; a lock that was not had in time; missing privileges. */
const unavailable: ReadonlySet<string> = new Set(['25006', '55P03', '42501', '25P03']);
const damaged: ReadonlySet<string> = new Set(['XX001', 'XX002']);
/** The statement failed only because an earlier one of the same transaction had. */
const ABORTED = '25P02';

function sqlState(error: unknown): string | undefined {
	if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
	return /^[0-9A-Z]{5}$/.test(error.code) && 'severity' in error ? error.code : undefined;
}

export function troubleOf(error: unknown): Trouble {
	const state = sqlState(error);
	if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) return 'bug';
	// No answer of the database at all: its socket, its name, a time limit.
	if (state === undefined) return 'unavailable';
	if (conflicts.has(state)) return 'conflict';
	if (unavailable.has(state) || unavailableClasses.has(state.slice(0, 2))) return 'unavailable';
	return damaged.has(state) ? 'damaged' : 'bug';
}

/** Did the database itself answer with this error, and is it not just the echo of an earlier one? */
export function isOwnAnswer(error: unknown): boolean {
	const state = sqlState(error);
	return state !== undefined && state !== ABORTED;
}

/** A lock of another session was not had within lock_timeout. */
export function isLockTimeout(error: unknown): boolean {
	return sqlState(error) === '55P03';
}

/** The server takes no changes any more: after a failover the primary is another one, perhaps at the same address. */
export function isReadOnly(error: unknown): boolean {
	return sqlState(error) === '25006';
}

export function isEcho(error: unknown): boolean {
	return sqlState(error) === ABORTED;
}

/** The error as Caisson's callers see it. What is a CaissonError already is passed through as it is. */
export function storageError(error: unknown): CaissonError {
	if (error instanceof CaissonError) return error;
	const reason = reasonOf(error);
	switch (troubleOf(error)) {
		case 'damaged':
			return new CaissonError('storage-damaged', `The database is damaged: ${reason}.`, { cause: error });
		case 'unavailable':
			return new CaissonError('storage-unavailable', `The database cannot be used: ${reason}.`, { cause: error });
		default:
			return new CaissonError('internal', `The database refused a statement: ${reason}.`, { cause: error });
	}
}

/** One line, without a full stop. Node joins the failures of several addresses into one error without a message. */
export function reasonOf(error: unknown): string {
	if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ');
	const text = error instanceof Error ? error.message || error.name : String(error);
	return text.replaceAll(/\s*\n\s*/g, ' ').replace(/\.$/, '');
}
