// Tokens in the embedded store: the reader, and the statements behind TokenWriter. Which unit they run in is decided by
// unit.ts.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { NewToken, TokenReader } from '../../access/store.ts';
import { tokenColumns, tokenFromRow } from '../rows.ts';
import type { ReadConnection } from './readers.ts';

export function tokenReader(connection: ReadConnection): TokenReader {
	const one = (column: 'hash' | 'id', value: string) =>
		connection.read((statement) => {
			const row = statement(`select ${tokenColumns} from access_token where ${column} = ?`).get(value);
			return row === undefined ? undefined : tokenFromRow(row);
		});
	return {
		findByHash: async (hash) => one('hash', hash),
		find: async (id) => one('id', id),
		list: async ({ kinds, clientId }, after, limit) =>
			connection.read((statement) => {
				const places = kinds.map(() => '?').join(', ');
				const client = clientId === undefined ? '' : 'and client_id = ?';
				const sql = `select ${tokenColumns} from access_token where kind in (${places}) ${client} and seq > ? order by seq limit ?`;
				const values = [...kinds, ...(clientId === undefined ? [] : [clientId]), after, limit];
				return statement(sql)
					.all(...values)
					.map(tokenFromRow);
			}),
	};
}

/** The prepared statements of the write connection. */
export class TokenStatements {
	readonly #insert: StatementSync;
	readonly #revoke: StatementSync;
	readonly #used: StatementSync;

	constructor(database: DatabaseSync) {
		this.#insert = database.prepare(
			'insert into access_token (id, kind, name, client_id, roles, hash, created, created_by, expires) values (?, ?, ?, ?, ?, ?, ?, ?, ?)',
		);
		this.#revoke = database.prepare('update access_token set revoked = ? where id = ? and revoked is null');
		this.#used = database.prepare(
			'update access_token set last_used = ?1 where id = ?2 and (last_used is null or last_used < ?1)',
		);
	}

	insert(token: NewToken, hash: string): void {
		const { id, kind, name, clientId, roles, created, createdBy, expires } = token;
		const texts = [id, kind, name, clientId ?? null, JSON.stringify(roles), hash] as const;
		this.#insert.run(...texts, created, createdBy, expires ?? null);
	}

	revoke(id: string, time: number): void {
		this.#revoke.run(time, id);
	}

	used(uses: readonly { readonly id: string; readonly time: number }[]): void {
		for (const { id, time } of uses) this.#used.run(time, id);
	}
}
