// Tokens of operators, sessions and devices. Of the secret only its SHA-256 is there, in hex: it has 256 random bits, so
// nothing slower is needed to keep it from being guessed.

import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { ColumnTypes } from './column-types.ts';

export function accessToken({ text, integer, numbered, tableEnd }: ColumnTypes): Migration {
	return {
		async up(database: Kysely<unknown>): Promise<void> {
			const table = database.schema
				.createTable('access_token')
				.addColumn('seq', integer as 'integer', numbered)
				.addColumn('id', text as 'text', (column) => column.notNull().unique())
				.addColumn('kind', text as 'text', (column) => column.notNull())
				.addColumn('name', text as 'text', (column) => column.notNull())
				.addColumn('client_id', text as 'text')
				.addColumn('roles', text as 'text', (column) => column.notNull())
				.addColumn('hash', text as 'text', (column) => column.notNull().unique())
				.addColumn('created', integer as 'integer', (column) => column.notNull())
				.addColumn('created_by', text as 'text', (column) => column.notNull())
				.addColumn('expires', integer as 'integer')
				.addColumn('revoked', integer as 'integer')
				.addColumn('last_used', integer as 'integer');
			await (tableEnd === undefined ? table : table.modifyEnd(tableEnd)).execute();
			for (const [name, columns] of [
				['access_token_by_kind', ['kind', 'seq']],
				['access_token_by_client', ['client_id', 'seq']],
			] as const) {
				await database.schema
					.createIndex(name)
					.on('access_token')
					.columns([...columns])
					.execute();
			}
		},
	};
}
