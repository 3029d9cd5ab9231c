// An empty store on the shared PostgreSQL, in a schema of its own that goes away after the test, as the contract suite
// takes it.

import { openPostgres, type PostgresOptions } from '../../src/storage/postgres/open.ts';
import type { Storage } from '../../src/storage/store.ts';
import { type PostgresServer, sharedPostgres } from './server.ts';

export interface PostgresStore {
	readonly address: string;
	readonly storage: Storage;
	/** Closes and opens the same database again; `storage` is then a closed one. */
	reopen(): Promise<Storage>;
	/** Closes and removes it. */
	destroy(): Promise<void>;
	/** Opens the same database once more, as another server does; closed with the store. */
	another(options?: PostgresOptions): Promise<Storage>;
}

/** Schemas of tests that are over, with all tables and no rows: making the tables anew would take most of the time. */
const emptied: string[] = [];

/** What a database says of itself stays; everything that somebody put in goes. */
const kept = ['kysely_migration', 'kysely_migration_lock', 'caisson_schema', 'commit_order'];

async function empty(server: PostgresServer, schema: string): Promise<void> {
	const rows = await server.sql('select tablename from pg_tables where schemaname = $1', [schema]);
	const tables = rows.map((row) => String(row.tablename)).filter((table) => !kept.includes(table));
	const names = tables.map((table) => `${schema}.${table}`).join(', ');
	await server.sql(`truncate ${names} restart identity; update ${schema}.commit_order set event_id = 0, audit_id = 0`);
}

export async function openPostgresStore(options: PostgresOptions = {}): Promise<PostgresStore> {
	const server = await sharedPostgres();
	const address = emptied.pop() ?? (await server.createSchema());
	let current = await openPostgres(address, options);
	const others: Storage[] = [];
	return {
		address,
		storage: current,
		async another(more = {}) {
			const storage = await openPostgres(address, { ...options, ...more });
			others.push(storage);
			return storage;
		},
		async reopen() {
			await current.close();
			current = await openPostgres(address, options);
			return current;
		},
		async destroy() {
			for (const storage of [current, ...others]) await storage.close();
			await empty(server, schemaOf(address));
			emptied.push(address);
		},
	};
}

/** The schema that an address of the shared server names. */
export function schemaOf(address: string): string {
	return decodeURIComponent(address).split('search_path=')[1] ?? 'public';
}
