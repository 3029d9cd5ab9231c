// An embedded database in a folder of its own that goes away after the test.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite, type SqliteOptions } from '../../src/storage/sqlite/open.ts';
import type { Storage } from '../../src/storage/store.ts';

export interface TemporaryFile {
	readonly file: string;
	remove(): void;
}

export interface TemporaryDatabase {
	readonly file: string;
	readonly storage: Storage;
	/** Closes and opens the same file again; `storage` is then a closed one. */
	reopen(): Promise<Storage>;
	/** Closes and removes it. */
	destroy(): Promise<void>;
}

/** The path of a database that does not exist yet. */
export function temporaryFile(): TemporaryFile {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-sqlite-'));
	return { file: join(folder, 'caisson.db'), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A new, empty database with all tables. */
export async function openTemporary(options: SqliteOptions = {}): Promise<TemporaryDatabase> {
	const { file, remove } = temporaryFile();
	let current = await openSqlite(file, options);
	return {
		file,
		storage: current,
		async reopen() {
			await current.close();
			current = await openSqlite(file, options);
			return current;
		},
		async destroy() {
			await current.close();
			remove();
		},
	};
}
