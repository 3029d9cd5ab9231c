// Brings the tables of a PostgreSQL database up to date, one server at a time, and judges whether this Caisson may use
// them. It decides what a database says of itself (table caisson_schema); the migrations are in storage/migrations.

import { Kysely, PostgresDialect, type PostgresPoolClient, sql } from 'kysely';
import { type Migration, Migrator, NO_MIGRATIONS } from 'kysely/migration';
import type pg from 'pg';
import { CaissonError } from '../../errors.ts';
import { postgresColumnTypes } from '../migrations/column-types.ts';
import { migrationNames, migrationProvider, schemaVersion } from '../migrations/migrations.ts';
import { storageError } from './postgres-error.ts';

/** Held by whoever migrates; any number that nobody else uses in this database: 'Caisson' in ASCII. */
const LOCK = 0x43616973736f6en;

export interface SchemaState {
	/** Migrations that the database has had: 0 where it holds no tables of Caisson. */
	readonly version: number;
	/** The oldest Caisson, by the number of its last migration, that may use it. */
	readonly minimumReader: number;
}

/** What the tables of this connection's schema say of themselves. */
export async function schemaState(client: pg.ClientBase): Promise<SchemaState> {
	const found = await client.query("select to_regclass('caisson_schema') is not null as found");
	if (found.rows[0]?.found !== true) return { version: 0, minimumReader: 0 };
	const { rows } = await client.query('select version, minimum_reader from caisson_schema');
	return { version: Number(rows[0]?.version ?? 0), minimumReader: Number(rows[0]?.minimum_reader ?? 0) };
}

/**
 * Runs the migrations that the database has not had, in one transaction, while other servers that start wait.
 * @param upTo how many of all; fewer only to make an older database for a test
 * @returns their names
 * @throws CaissonError storage-damaged where a newer Caisson has left tables that this one does not understand
 */
export async function migrate(client: pg.Client, upTo = migrationNames.length): Promise<string[]> {
	requireReadable(await schemaState(client));
	if (!(await isPending(client, upTo))) return [];
	try {
		// Several servers may wait here for one that has much to do.
		await client.query('set lock_timeout = 0; set statement_timeout = 0');
		await client.query(`select pg_advisory_lock(${LOCK})`);
		// Whoever was first has done it by now.
		requireReadable(await schemaState(client));
		return (await isPending(client, upTo)) ? await runMigrations(client, upTo) : [];
	} catch (error) {
		throw storageError(error);
	} finally {
		await client.query(`select pg_advisory_unlock_all(); reset lock_timeout; reset statement_timeout`).catch(() => {});
	}
}

async function isPending(client: pg.ClientBase, upTo: number): Promise<boolean> {
	return (await schemaState(client)).version < upTo;
}

/** A database ahead of this Caisson is fine as long as what was added may be ignored. */
export function requireReadable({ version, minimumReader }: SchemaState): void {
	if (minimumReader <= migrationNames.length) return;
	throw new CaissonError(
		'storage-damaged',
		`The database was written by a newer Caisson: its tables have version ${version} and need one that knows version ${minimumReader}; this one knows ${migrationNames.length}. It was left as it is.`,
	);
}

async function runMigrations(client: pg.Client, upTo: number): Promise<string[]> {
	const { rows } = await client.query('select current_schema() as schema');
	const schema = rows[0]?.schema as string | null;
	if (schema === null)
		throw new CaissonError('storage-unavailable', 'The schema that search_path names does not exist.');
	const query = (text: string, values: readonly unknown[]) => client.query(text, [...values]);
	const only = { query, release: () => {} } as unknown as PostgresPoolClient;
	const pool = { connect: async () => only, end: async () => {}, options: {} };
	const dialect = new PostgresDialect({ pool });
	const migrator = new Migrator({
		db: new Kysely<unknown>({ dialect }),
		provider: { getMigrations: async () => recorded(await migrationProvider(postgresColumnTypes).getMigrations()) },
		migrationTableSchema: schema,
	});
	const { error, results } = await migrator.migrateTo(migrationNames[upTo - 1] ?? NO_MIGRATIONS);
	if (error !== undefined) throw error;
	return (results ?? []).map((result) => result.migrationName);
}

/** The migrations, each of which also writes down in its transaction what the database is then. */
function recorded(migrations: Record<string, Migration>): Record<string, Migration> {
	const wrap = (name: string, migration: Migration): Migration => ({
		async up(database) {
			await migration.up(database);
			const { version, minimumReader } = schemaVersion(name);
			await sql`create table if not exists caisson_schema
				(one boolean primary key default true check (one), version bigint not null, minimum_reader bigint not null)`.execute(
				database,
			);
			await sql`insert into caisson_schema (version, minimum_reader) values (${version}, ${minimumReader})
				on conflict (one) do update set version = excluded.version,
				minimum_reader = greatest(caisson_schema.minimum_reader, excluded.minimum_reader)`.execute(database);
		},
	});
	return Object.fromEntries(Object.entries(migrations).map(([name, migration]) => [name, wrap(name, migration)]));
}
