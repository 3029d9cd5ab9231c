// A PostgreSQL database as tables and rows, for copying and checking.

import type pg from 'pg';
import { DatabaseAddress } from '../postgres/address.ts';
import { checkServer, clientConfig, connect } from '../postgres/connection.ts';
import { migrate, requireReadable, schemaState } from '../postgres/migrate.ts';
import { storageError } from '../postgres/postgres-error.ts';
import type { Row } from '../rows.ts';
import { type Column, type LastNumbers, type Table, type TableDatabase, type TableTarget, tables } from './tables.ts';

const ROWS_AT_ONCE = 1000;
/** These get their numbers from commit_order, the other numbered tables from a sequence. */
const byCommit = ['event', 'audit'];
/** A copy may take as long as it takes. */
const patient = ['statement_timeout=0', 'idle_in_transaction_session_timeout=0'];

/** @returns names of the migrations that were run */
export async function migratePostgres(address: string): Promise<readonly string[]> {
	const client = await connect(clientConfig(new DatabaseAddress(address)));
	try {
		await checkServer(client);
		return await migrate(client);
	} finally {
		await client.end();
	}
}

/** Opens it for reading, as it is now, while servers may write on. */
export async function readPostgres(address: string): Promise<TableDatabase> {
	const at = new DatabaseAddress(address);
	const client = await connect(clientConfig(at, patient));
	try {
		await checkServer(client);
		await client.query('begin isolation level repeatable read read only');
		const state = await schemaState(client);
		requireReadable(state);
		return tableDatabase(String(at), state.version, client);
	} catch (error) {
		await client.end();
		throw storageError(error);
	}
}

/** Opens it for writing, with tables up to date. Whoever else wants to write waits. */
export async function writePostgres(address: string): Promise<TableTarget> {
	const at = new DatabaseAddress(address);
	const client = await connect(clientConfig(at, patient));
	try {
		await checkServer(client);
		await migrate(client);
		const { version } = await schemaState(client);
		const names = tables.map(({ name }) => name).join(', ');
		await client.query(`begin; lock table ${names}, commit_order in exclusive mode`);
		return target(tableDatabase(String(at), version, client), client);
	} catch (error) {
		await client.end();
		throw storageError(error);
	}
}

async function rowsOf(client: pg.Client, text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
	try {
		return (await client.query(text, [...values])).rows;
	} catch (error) {
		throw storageError(error);
	}
}

function target(database: TableDatabase, client: pg.Client): TableTarget {
	return {
		...database,
		async insert(table, columns, rows) {
			const list = columns.map(({ name }) => name).join(', ');
			const arrays = columns.map(({ type }, index) => `$${index + 1}::${type === 'text' ? 'text' : 'bigint'}[]`);
			const values = columns.map(({ name }) => rows.map((row) => row[name] ?? null));
			await rowsOf(client, `insert into ${table} (${list}) select * from unnest(${arrays.join(', ')})`, values);
		},
		async setLastNumbers(numbers) {
			for (const { name, numbered } of tables) {
				const last = numbers[name];
				if (last === undefined || numbered === undefined) continue;
				if (byCommit.includes(name)) await rowsOf(client, `update commit_order set ${name}_id = $1`, [last]);
				else if (last > 0)
					await rowsOf(client, `select setval(pg_get_serial_sequence('${name}', '${numbered}'), $1)`, [last]);
			}
		},
		async commit() {
			await rowsOf(client, 'commit');
		},
	};
}

function tableDatabase(name: string, version: number, client: pg.Client): TableDatabase {
	return {
		name,
		version,
		async columns(table): Promise<readonly Column[]> {
			const rows = await rowsOf(
				client,
				'select column_name as name, data_type as type from information_schema.columns where table_schema = current_schema() and table_name = $1 order by column_name collate "C"',
				[table],
			);
			return rows.map((row) => ({ name: String(row.name), type: row.type === 'text' ? 'text' : 'integer' }));
		},
		async *pages({ name: table, key }: Table) {
			const cursor = `rows_of_${table}`;
			await rowsOf(client, `declare ${cursor} no scroll cursor for select * from ${table} order by ${key.join(', ')}`);
			for (;;) {
				const page = await rowsOf(client, `fetch ${ROWS_AT_ONCE} from ${cursor}`);
				if (page.length > 0) yield page;
				if (page.length < ROWS_AT_ONCE) break;
			}
			await rowsOf(client, `close ${cursor}`);
		},
		query: (sql) => rowsOf(client, sql),
		async lastNumbers() {
			const numbers: Record<string, number> = {};
			for (const { name: table, numbered } of tables) {
				if (numbered === undefined) continue;
				const text = byCommit.includes(table)
					? `select ${table}_id as last from commit_order`
					: `select case when is_called then last_value else 0 end as last from ${table}_${numbered}_seq`;
				numbers[table] = Number((await rowsOf(client, text))[0]?.last ?? 0);
			}
			return numbers as LastNumbers;
		},
		async soundness() {
			const invalid = await rowsOf(
				client,
				'select indexrelid::regclass::text as name from pg_index join pg_class on pg_class.oid = indexrelid where not indisvalid and relnamespace = current_schema()::regnamespace',
			);
			const [sums] = await rowsOf(
				client,
				'select coalesce(checksum_failures, 0) as failures from pg_stat_database where datname = current_database()',
			);
			const failures = Number(sums?.failures ?? 0);
			return [
				...invalid.map((row) => `the index ${row.name} is not valid`),
				...(failures > 0 ? [`PostgreSQL has met ${failures} pages with a wrong checksum`] : []),
			];
		},
		async close() {
			await client.end();
		},
	};
}
