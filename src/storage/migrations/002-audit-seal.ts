// The seals over the audit trail: each is one line of text as docs/formats/audit.md defines it. Its number is given by
// the chain and not by the database.

import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { ColumnTypes } from './column-types.ts';

export function auditSeal({ text, integer, tableEnd }: ColumnTypes): Migration {
	return {
		async up(database: Kysely<unknown>): Promise<void> {
			const table = database.schema
				.createTable('audit_seal')
				.addColumn('number', integer as 'integer', (column) => column.primaryKey())
				.addColumn('body', text as 'text', (column) => column.notNull());
			await (tableEnd === undefined ? table : table.modifyEnd(tableEnd)).execute();
		},
	};
}
