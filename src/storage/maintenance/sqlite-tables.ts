// An SQLite file as tables and rows, for copying and checking. Who may open it (the data directory's lock) is decided by
// the programs.

import { existsSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { CaissonError } from '../../errors.ts';
import type { Row } from '../rows.ts';
import { applicationId, prepareDatabaseFile } from '../sqlite/database-file.ts';
import { migrate } from '../sqlite/migrate.ts';
import { withStorageErrors } from '../sqlite/sqlite-error.ts';
import type { Column, LastNumbers, Table, TableDatabase, TableTarget } from './tables.ts';

const BUSY_TIMEOUT = 5000;
const ROWS_AT_ONCE = 1000;

/** @returns names of the migrations that were run */
export async function migrateSqlite(file: string): Promise<readonly string[]> {
	const before = existsSync(file) ? migrationsOf(file) : [];
	await prepareDatabaseFile(file);
	return migrationsOf(file).filter((name) => !before.includes(name));
}

function migrationsOf(file: string): string[] {
	const database = open(file, true);
	try {
		return names(database);
	} finally {
		database.close();
	}
}

function names(database: DatabaseSync): string[] {
	const rows = withStorageErrors(() => database.prepare('select name from kysely_migration order by name').all());
	return rows.map((row) => String(row.name));
}

function open(file: string, readOnly: boolean): DatabaseSync {
	if (!existsSync(file)) throw new CaissonError('storage-unavailable', `There is no database ${file}.`);
	return withStorageErrors(() => {
		const database = new DatabaseSync(file, { readOnly, timeout: BUSY_TIMEOUT });
		if (database.prepare('pragma application_id').get()?.application_id !== applicationId) {
			database.close();
			throw new CaissonError('storage-damaged', `${file} is no database of Caisson.`);
		}
		return database;
	});
}

/** Opens it for reading, as it is now. */
export async function readSqlite(file: string): Promise<TableDatabase> {
	const database = open(file, true);
	withStorageErrors(() => database.exec('begin; select count(*) from sqlite_schema'));
	return tableDatabase(file, database);
}

/** Opens it for writing, making it where there is none. */
export async function writeSqlite(file: string): Promise<TableTarget> {
	await prepareDatabaseFile(file);
	const database = open(file, false);
	await migrate(database);
	withStorageErrors(() => database.exec('pragma synchronous = full; pragma foreign_keys = on; begin immediate'));
	return {
		...tableDatabase(file, database),
		insert: async (table, columns, rows) => {
			const list = columns.map(({ name }) => name).join(', ');
			const marks = columns.map(() => '?').join(', ');
			withStorageErrors(() => {
				const statement = database.prepare(`insert into ${table} (${list}) values (${marks})`);
				for (const row of rows) statement.run(...columns.map(({ name }) => (row[name] ?? null) as SQLInputValue));
			});
		},
		setLastNumbers: async (numbers) => {
			for (const [table, last] of Object.entries(numbers)) {
				withStorageErrors(() => {
					database.prepare('delete from sqlite_sequence where name = ?').run(table);
					database.prepare('insert into sqlite_sequence (name, seq) values (?, ?)').run(table, last);
				});
			}
		},
		commit: async () => withStorageErrors(() => database.exec('commit')),
	};
}

function tableDatabase(file: string, database: DatabaseSync): TableDatabase {
	const columns = async (table: string): Promise<readonly Column[]> =>
		withStorageErrors(() =>
			database
				.prepare('select name, type from pragma_table_info(?) order by name')
				.all(table)
				.map((row) => ({
					name: String(row.name),
					type: String(row.type).toLowerCase() === 'text' ? 'text' : 'integer',
				})),
		);
	return {
		name: file,
		version: names(database).length,
		columns,
		async *pages({ name, key }: Table) {
			let page: Row[] = [];
			const statement = withStorageErrors(() => database.prepare(`select * from ${name} order by ${key.join(', ')}`));
			const rows = statement.iterate();
			for (;;) {
				const next = withStorageErrors(() => rows.next());
				if (next.done) break;
				page.push(next.value as Row);
				if (page.length < ROWS_AT_ONCE) continue;
				yield page;
				page = [];
			}
			if (page.length > 0) yield page;
		},
		query: async (sql) => withStorageErrors(() => database.prepare(sql).all()),
		lastNumbers: async (): Promise<LastNumbers> =>
			Object.fromEntries(
				withStorageErrors(() => database.prepare('select name, seq from sqlite_sequence').all()).map((row) => [
					String(row.name),
					Number(row.seq),
				]),
			),
		soundness: async () =>
			withStorageErrors(() => [
				...database
					.prepare('pragma integrity_check(100)')
					.all()
					.map((row) => String(row.integrity_check))
					.filter((text) => text !== 'ok'),
				...database
					.prepare('pragma foreign_key_check')
					.all()
					.map((row) => `row ${row.rowid} of ${row.table} refers to a row of ${row.parent} that is not there`),
			]),
		close: async () => {
			if (database.isOpen) database.close();
		},
	};
}
