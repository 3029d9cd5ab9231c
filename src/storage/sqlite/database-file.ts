// The database file itself: makes a new one so that it appears whole or not at all, and judges one that exists before
// anything writes to it. A file that is not whole is refused and left as it is. It leaves out what the tables hold.

import { closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CaissonError } from '../../errors.ts';
import { compareMigrations, migrate } from './migrate.ts';
import { storageError } from './sqlite-error.ts';

const BUSY_TIMEOUT = 5000;
/** 'Cais' in ASCII: PRAGMA application_id of every database of Caisson, which file(1) can show. */
export const applicationId = 0x43616973;

// The header of the file, https://www.sqlite.org/fileformat2.html#the_database_header
const HEADER_LENGTH = 100;
const MAGIC = 'SQLite format 3\0';
const PAGE_SIZE_AT = 16;
const APPLICATION_ID_AT = 68;

/**
 * Makes sure that `file` is a database of this Caisson with all tables: makes one where there is none, else checks it
 * and runs the pending migrations.
 * @throws CaissonError storage-damaged where the file is something else, truncated or newer: nothing was written to it
 */
export async function prepareDatabaseFile(file: string): Promise<void> {
	try {
		if (existsSync(file)) {
			if (checkDatabaseFile(file) === 'old') await migrateDatabaseFile(file);
		} else {
			await makeDatabaseFile(file);
		}
	} catch (error) {
		const meaning = storageError(error);
		if (meaning instanceof CaissonError && meaning.code === 'storage-damaged' && meaning !== error) {
			throw damaged(file, error instanceof Error ? error.message : String(error), error);
		}
		if (error instanceof Error && 'syscall' in error) {
			const message = `The database ${file} cannot be used: ${error.message}.`;
			throw new CaissonError('storage-unavailable', message, { cause: error });
		}
		throw meaning;
	}
}

/** Under another name first: a crash leaves either no database, which is then made anew, or a whole one. */
async function makeDatabaseFile(file: string): Promise<void> {
	if (existsSync(`${file}-wal`)) {
		throw damaged(file, 'its write-ahead log is there, but the file itself is missing');
	}
	const unfinished = `${file}.new`;
	for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(unfinished + suffix, { force: true });
	const database = new DatabaseSync(unfinished);
	try {
		// Nothing counts before the rename, so one sync of the whole is enough.
		database.exec(`pragma synchronous = off; pragma application_id = ${applicationId}; pragma journal_mode = wal`);
		await migrate(database);
	} finally {
		// Closing the last connection copies the log into the file and removes the log.
		database.close();
	}
	syncPath(unfinished);
	renameSync(unfinished, file);
	syncPath(dirname(file));
}

async function migrateDatabaseFile(file: string): Promise<void> {
	const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT });
	try {
		database.exec('pragma synchronous = full');
		await migrate(database);
	} finally {
		database.close();
	}
}

function syncPath(path: string): void {
	const descriptor = openSync(path, 'r');
	try {
		fsyncSync(descriptor);
	} finally {
		closeSync(descriptor);
	}
}

/** Throws where the file cannot be used; else tells whether migrations are pending. */
function checkDatabaseFile(file: string): 'current' | 'old' {
	const { size, header } = readHeader(file);
	// SQLite takes an empty file for a new database. Caisson never leaves one, so the contents are lost.
	if (size === 0) throw damaged(file, 'it is empty');
	if (header.length < HEADER_LENGTH || header.toString('latin1', 0, MAGIC.length) !== MAGIC) {
		throw damaged(file, 'it is not an SQLite database');
	}
	if (header.readUInt32BE(APPLICATION_ID_AT) !== applicationId) {
		throw damaged(file, 'it is an SQLite database, but not one of Caisson');
	}
	const storedPageSize = header.readUInt16BE(PAGE_SIZE_AT);
	const pageSize = storedPageSize === 1 ? 65536 : storedPageSize;
	if (size < pageSize) throw damaged(file, 'it is truncated');

	const database = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT });
	try {
		const { unknown, pending } = compareMigrations(database);
		if (unknown.length > 0) {
			throw damaged(file, `it was written by a newer Caisson (it has ${unknown.join(', ')})`);
		}
		const pages = Number(database.prepare('pragma page_count').get()?.page_count);
		// After a crash the end of the database may be in the log only, so a short file may be whole. SQLite reads pages
		// that are in neither as zeros, so it is read through once. https://www.sqlite.org/pragma.html#pragma_quick_check
		if (size < pages * pageSize) {
			const verdict = String(database.prepare('pragma quick_check(1)').get()?.quick_check);
			if (verdict !== 'ok') throw damaged(file, verdict.replaceAll('\n', ' '));
		}
		return pending ? 'old' : 'current';
	} finally {
		database.close();
	}
}

function readHeader(file: string): { size: number; header: Buffer } {
	const descriptor = openSync(file, 'r');
	try {
		const buffer = Buffer.alloc(HEADER_LENGTH);
		const length = readSync(descriptor, buffer, 0, HEADER_LENGTH, 0);
		return { size: statSync(file).size, header: buffer.subarray(0, length) };
	} finally {
		closeSync(descriptor);
	}
}

function damaged(file: string, why: string, cause?: unknown): CaissonError {
	return new CaissonError(
		'storage-damaged',
		`The database ${file} cannot be used: ${why}. It was left as it is.`,
		cause === undefined ? undefined : { cause },
	);
}
