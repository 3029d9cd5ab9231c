// What backup and restore need of the database behind a data directory.

/** Where the audit chain stood. */
export interface AuditHead {
	readonly seal: number;
	readonly hash: string;
}

export interface CopyObserver {
	/** A line for the person who waits. */
	progress(line: string): void;
	/** Ends the copy when it aborts; its reason is then thrown. */
	readonly signal: AbortSignal;
}

/** What is noted of a restore in the restored database. */
export interface RestoreNote {
	/** Of the backup. */
	readonly created: string;
	/** SHA-256 of its manifest. */
	readonly manifest: string;
}

export interface RestoredDatabase {
	/** What `audit verify` says of the trail as it came out of the backup. */
	readonly audit: string;
	/** True where that is no finding. */
	readonly auditWhole: boolean;
	/** After the note of the restore was sealed. */
	readonly head: AuditHead | undefined;
	/** Rows that stand in it now. */
	readonly jobs: number;
}

export interface DatabaseFiles {
	/**
	 * Copies the database in `source` (a file, or the address of a PostgreSQL), as it was at one moment, to the SQLite file
	 * `target`, which does not exist yet. Servers may go on writing; they are not waited for, and they do not wait. The copy
	 * was read back and found whole.
	 * @throws CaissonError storage-damaged, storage-unavailable, file-unusable, database-not-copied
	 */
	copy(source: string, target: string, observer: CopyObserver): Promise<void>;
	/** Where the audit chain of a copy stands; undefined where nothing was sealed. */
	head(file: string): Promise<AuditHead | undefined>;
	/**
	 * Makes a copy fit for going on: brings its tables up to date, leaves a gap in the ids of events and audit rows so
	 * that none of those given after the backup is given again, notes the restore in the audit trail and seals it.
	 * @throws CaissonError storage-damaged where it is no database, or a newer Caisson wrote it
	 */
	settle(file: string, note: RestoreNote): Promise<RestoredDatabase>;
}
