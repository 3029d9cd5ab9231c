// A copy of a database of one moment, while a server writes to it, and what a copy needs before it is served again. It
// leaves out where copies go (src/backup).

import { backup, DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import type { CopyObserver } from '../../backup/store.ts';
import { CaissonError } from '../../errors.ts';
import { applicationId } from './database-file.ts';
import { storageError, withStorageErrors } from './sqlite-error.ts';

/** Pages in one step (8 MB): between steps progress is told and Ctrl-C heard. */
const pagesAtOnce = 2000;
const BUSY_TIMEOUT = 5000;
/** Numbers left out after a restore. Far more than a server gives between a backup and its loss. */
const idGap = 1_000_000_000;

/**
 * SQLite's online backup (https://www.sqlite.org/backup.html). By itself it begins anew whenever another process writes;
 * the read transaction held here keeps it at one moment (WAL), at the cost of a log that grows until it ends.
 */
export async function copyDatabase(source: string, target: string, observer: CopyObserver): Promise<void> {
	const database = withStorageErrors(() => new DatabaseSync(source, { readOnly: true, timeout: BUSY_TIMEOUT }));
	try {
		const { application_id: found } = withStorageErrors(() => database.prepare('pragma application_id').get()) ?? {};
		if (found !== applicationId) {
			throw new CaissonError('storage-damaged', `${source} is no database of Caisson.`);
		}
		// Reading something is what begins the transaction.
		withStorageErrors(() => database.exec('begin; select count(*) from sqlite_schema'));
		const pageSize = Number(database.prepare('pragma page_size').get()?.page_size);
		await backup(database, target, {
			rate: pagesAtOnce,
			progress({ totalPages, remainingPages }) {
				observer.signal.throwIfAborted();
				const megabytes = (pages: number) => ((pages * pageSize) / 1e6).toFixed(1);
				observer.progress(`database: ${megabytes(totalPages - remainingPages)} of ${megabytes(totalPages)} MB copied`);
			},
		});
	} catch (error) {
		observer.signal.throwIfAborted();
		throw storageError(error);
	} finally {
		database.close();
	}
	observer.signal.throwIfAborted();
	checkWhole(target);
}

/** Reads the copy through. https://www.sqlite.org/pragma.html#pragma_quick_check */
function checkWhole(file: string): void {
	const url = pathToFileURL(file);
	// Nobody writes to it, so no log and no lock beside it.
	url.search = '?immutable=1';
	const database = withStorageErrors(() => new DatabaseSync(url, { readOnly: true }));
	try {
		const verdict = String(withStorageErrors(() => database.prepare('pragma quick_check(1)').get())?.quick_check);
		if (verdict !== 'ok') {
			const why = verdict.replaceAll('\n', ' ');
			throw new CaissonError('storage-damaged', `The database is damaged, and its copy with it: ${why}.`);
		}
	} finally {
		database.close();
	}
}

/**
 * Lets the ids of events and audit rows go on at the next multiple of a thousand million: whoever saw an id that was
 * given after the backup was taken never sees it again for something else.
 */
export function leaveIdGap(file: string): void {
	withStorageErrors(() => {
		const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT });
		try {
			database.exec('pragma synchronous = full; begin immediate');
			for (const table of ['event', 'audit']) {
				const last = Number(database.prepare('select seq from sqlite_sequence where name = ?').get(table)?.seq ?? 0);
				const next = (Math.floor(last / idGap) + 1) * idGap;
				const { changes } = database.prepare('update sqlite_sequence set seq = ? where name = ?').run(next, table);
				if (Number(changes) === 0)
					database.prepare('insert into sqlite_sequence (name, seq) values (?, ?)').run(table, next);
			}
			database.exec('commit');
		} finally {
			database.close();
		}
	});
}
