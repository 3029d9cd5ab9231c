// What the commands on a whole database need of storage: bringing its tables up to date, judging what it holds, copying
// it into another. A database is named as a person names it: the path of an SQLite file, or a postgres:// address.

export interface Finding {
	/** Which check found it, e.g. 'state unknown to the workflow'. */
	readonly check: string;
	/** The id or the number of the row. */
	readonly subject: string;
	readonly detail: string;
}

export interface DatabaseReport {
	/** As it may be shown: without a password. */
	readonly database: string;
	/** Migrations that it has had, and those that this Caisson knows. */
	readonly version: number;
	readonly known: number;
	/** Rows of each table. */
	readonly rows: Readonly<Record<string, number>>;
	/** The first of them, a hundred of each check at most. */
	readonly findings: readonly Finding[];
	/** All of them. */
	readonly found: number;
}

export interface CopiedTable {
	readonly table: string;
	readonly rows: number;
	/** SHA-256 over all rows in the order of their key, the same in source and target. */
	readonly digest: string;
}

/** Called now and then while a table is read or written. `rows`: done so far. */
export type Progress = (table: string, rows: number) => void;

/** @throws CaissonError storage-unavailable, storage-damaged, data-directory-refused (the file is in use) */
export interface Databases {
	/** Makes the tables where there are none. @returns names of the migrations that were run */
	migrate(database: string): Promise<readonly string[]>;
	/** Reads all of it, of one moment; changes nothing. */
	check(database: string, progress: Progress): Promise<DatabaseReport>;
	/**
	 * Copies everything, with its ids, numbers and order, in one transaction of the target, reads it back and compares:
	 * it is there as a whole on return, or the target is as empty as it was.
	 * @throws CaissonError database-not-empty, database-not-copied
	 */
	copy(from: string, to: string, progress: Progress): Promise<readonly CopiedTable[]>;
}
