// The embedded store: one SQLite file in WAL mode, one writing connection with group commit, one reading connection.
// It decides the settings that durability and isolation stand on and puts the parts together. It leaves out who may
// open the file (the data directory's lock) and where it lies.
//
// When a commit fails, the error says either that nothing was stored or that the outcome is unknown. Unknown is rare
// (the disk refused to sync): what was written may be there after the next start. Whoever meets it reads first and
// decides anew.

import { DatabaseSync } from 'node:sqlite';
import type { Storage } from '../store.ts';
import { auditChainReader } from './chain.ts';
import { prepareDatabaseFile } from './database-file.ts';
import { auditReader, eventReader, jobReader, ReadConnection, workflowReader } from './readers.ts';
import { withStorageErrors } from './sqlite-error.ts';
import { tokenReader } from './tokens.ts';
import { definitionReader, trafficReader } from './traffic.ts';
import { sqliteTrustReader } from './trust.ts';
import { GroupCommitWriter, type WriterOptions } from './writer.ts';

export type SqliteOptions = Partial<WriterOptions>;

// How long a connection waits for a lock of another (ms). Only a backup or a checkpoint of another process can hold one.
const BUSY_TIMEOUT = 5000;
// Events pruned in one unit of work: few enough that writers in between hardly notice.
const PRUNE_AT_ONCE = 2000;

const writerSettings = [
	'pragma journal_mode = wal',
	// The log is synced by every COMMIT, before it returns. https://www.sqlite.org/pragma.html#pragma_synchronous
	'pragma synchronous = full',
	'pragma foreign_keys = on',
	// Pages of 4096 bytes after which the log is copied back: 8 MB.
	'pragma wal_autocheckpoint = 2000',
	// Bytes that the log keeps after that, where a burst made it longer.
	'pragma journal_size_limit = 67108864',
	// KiB of pages at most. The reader's is small, as the system caches the file as well; pages that a long unit changes
	// (an import of targets) would be written several times where they do not fit.
	'pragma cache_size = -65536',
	// Savepoints keep what they replace in memory, not in files in /tmp.
	'pragma temp_store = memory',
].join(';');

const readerSettings = 'pragma query_only = on; pragma cache_size = -16384; pragma temp_store = memory';

/**
 * Opens the database in `file`, making it where there is none and bringing its tables up to date.
 * @throws CaissonError storage-damaged where the file is no database of Caisson, is truncated or damaged, or was
 * written by a newer Caisson: it is left as it is. storage-unavailable where it cannot be read or written.
 */
export async function openSqlite(file: string, options: SqliteOptions = {}): Promise<Storage> {
	await prepareDatabaseFile(file);

	const listeners = new Set<() => void>();
	const notify = () => {
		// Each in a task of its own: what a listener throws is reported as uncaught and does not reach the writer.
		for (const listener of listeners) queueMicrotask(listener);
	};
	const openWriter = () =>
		withStorageErrors(() => {
			const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT });
			database.exec(writerSettings);
			return database;
		});
	const writer = new GroupCommitWriter(openWriter, { stepTimeLimit: 10_000, batchLimit: 256, ...options }, notify);
	const reader = withStorageErrors(() => {
		const database = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT });
		database.exec(readerSettings);
		return new ReadConnection(database);
	});

	return {
		jobs: jobReader(reader),
		workflows: workflowReader(reader),
		events: eventReader(reader, (time) => pruneEvents(writer, time)),
		audit: auditReader(reader),
		chain: auditChainReader(reader),
		tokens: tokenReader(reader),
		traffic: trafficReader(reader),
		definitions: definitionReader(reader),
		trust: sqliteTrustReader(reader),
		commit: (step) => writer.commit(step),
		commitTrust: (step) => writer.commit(step),
		onEvents(listener) {
			// Wrapped, so that one function given twice is two listeners.
			const own = () => listener();
			listeners.add(own);
			return () => listeners.delete(own);
		},
		check: async () => {
			reader.read((statement) => statement('select 1 from workflow limit 1').get());
		},
		close: async () => {
			await writer.finish();
			// First, as it cannot write: the last connection to close copies the log back and removes it.
			reader.close();
			writer.close();
		},
	};
}

async function pruneEvents(writer: GroupCommitWriter, time: number): Promise<number> {
	let total = 0;
	for (;;) {
		const removed = await writer.commit((unit) => unit.pruneEvents(time, PRUNE_AT_ONCE));
		total += removed;
		if (removed < PRUNE_AT_ONCE) return total;
	}
}
