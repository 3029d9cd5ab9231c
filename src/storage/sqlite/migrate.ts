// Brings the tables of a SQLite database up to date with kysely's Migrator. It decides how kysely speaks to node:sqlite
// and that all pending migrations commit together; the migrations are in storage/migrations.

import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { Kysely, SqliteAdapter, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { sqliteColumnTypes } from '../migrations/column-types.ts';
import { migrationNames, migrationProvider } from '../migrations/migrations.ts';

// kysely says that SQLite has no transactional DDL because foreign keys cannot be switched off inside a transaction,
// which changing a table in place would need. SQLite itself has it, and a start that was killed half-way through the
// migrations must leave the old tables.
class TransactionalAdapter extends SqliteAdapter {
	override get supportsTransactionalDdl(): boolean {
		return true;
	}
}

class NodeSqliteDialect extends SqliteDialect {
	constructor(database: DatabaseSync) {
		super({
			database: {
				close: () => {},
				prepare(text) {
					const statement = database.prepare(text);
					const values = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[];
					return {
						reader: statement.columns().length > 0,
						all: (parameters) => statement.all(...values(parameters)),
						run: (parameters) => statement.run(...values(parameters)),
						iterate: (parameters) => statement.iterate(...values(parameters)),
					};
				},
			},
		});
	}

	override createAdapter(): SqliteAdapter {
		return new TransactionalAdapter();
	}
}

/** Runs the migrations that this database has not seen, all in one transaction, and returns their names. */
export async function migrate(database: DatabaseSync): Promise<string[]> {
	const migrator = new Migrator({
		db: new Kysely<unknown>({ dialect: new NodeSqliteDialect(database) }),
		provider: migrationProvider(sqliteColumnTypes),
	});
	const { error, results } = await migrator.migrateToLatest();
	if (error !== undefined) throw error;
	return (results ?? []).map((result) => result.migrationName);
}

/** `unknown`: seen by the database but not known here, so a newer Caisson wrote it. `pending`: the reverse. */
export function compareMigrations(database: DatabaseSync): { unknown: string[]; pending: boolean } {
	const rows = database.prepare('select name from kysely_migration order by name').all();
	const seen = new Set(rows.map((row) => String(row.name)));
	return {
		unknown: [...seen].filter((name) => !migrationNames.includes(name)),
		pending: migrationNames.some((name) => !seen.has(name)),
	};
}
