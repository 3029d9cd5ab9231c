// Trust in the embedded store: how its statements get to SQLite. The order of its units is the writer's, as for all.

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { TrustReader } from '../../trust/store.ts';
import type { Row } from '../rows.ts';
import { type TrustSql, trustReader } from '../trust.ts';
import type { ReadConnection } from './readers.ts';

/** Every call does its work before it returns its promise. */
export function sqliteTrust(run: (sql: string, values: readonly SQLInputValue[]) => readonly Row[]): TrustSql {
	return {
		query: async (sql, values) => run(sql.replaceAll(/\$(\d+)/g, '?$1'), values as readonly SQLInputValue[]),
		// One parameter for any number of rows: a statement with a parameter a value would have to be prepared each time.
		batch: (name, columns, rows) => ({
			sql: `${name}(${columns.map(([column]) => column).join(', ')}) as materialized (select ${columns
				.map((_, index) => `value ->> ${index}`)
				.join(', ')} from json_each($1))`,
			values: [JSON.stringify(rows)],
		}),
	};
}

export function sqliteTrustReader(connection: ReadConnection): TrustReader {
	return trustReader(sqliteTrust((sql, values) => connection.read((statement) => statement(sql).all(...values))));
}

/** The statements of the write connection, prepared when they are first needed. */
export class TrustStatements {
	readonly #database: DatabaseSync;
	readonly #prepared = new Map<string, StatementSync>();

	constructor(database: DatabaseSync) {
		this.#database = database;
	}

	all(sql: string, values: readonly SQLInputValue[]): readonly Row[] {
		let statement = this.#prepared.get(sql);
		if (statement === undefined) {
			statement = this.#database.prepare(sql);
			this.#prepared.set(sql, statement);
		}
		return statement.all(...values);
	}
}
