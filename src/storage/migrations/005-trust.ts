// The repository of trust: its settings, roles, targets, signed documents, signatures being collected, and the outbox.
// Documents and targets are text, because canonical JSON is what was signed.

import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { ColumnTypes } from './column-types.ts';

export function trust({ text, integer, numbered, tableEnd }: ColumnTypes): Migration {
	return {
		async up(database: Kysely<unknown>): Promise<void> {
			const { schema } = database;
			const words = text as 'text';
			const whole = integer as 'integer';
			const tables = [
				schema
					.createTable('trust_setting')
					.addColumn('name', words, (column) => column.primaryKey().notNull())
					.addColumn('body', words, (column) => column.notNull()),
				schema
					.createTable('trust_role')
					.addColumn('name', words, (column) => column.primaryKey().notNull())
					.addColumn('kind', words, (column) => column.notNull())
					.addColumn('delegator', words, (column) => column.notNull())
					.addColumn('version', whole, (column) => column.notNull())
					.addColumn('length', whole, (column) => column.notNull())
					.addColumn('sha256', words, (column) => column.notNull())
					.addColumn('expires', whole, (column) => column.notNull())
					.addColumn('revision', whole, (column) => column.notNull())
					.addColumn('built', whole, (column) => column.notNull())
					.addColumn('settings', words, (column) => column.notNull()),
				schema
					.createTable('trust_target')
					.addColumn('path', words, (column) => column.primaryKey().notNull())
					.addColumn('role', words, (column) => column.notNull())
					.addColumn('wanted', words)
					.addColumn('published', words)
					// 1 while a change waits to be published, and 1 while it is held back.
					.addColumn('waiting', whole, (column) => column.notNull())
					.addColumn('held', whole, (column) => column.notNull()),
				schema
					.createTable('trust_document')
					.addColumn('role', words, (column) => column.notNull())
					.addColumn('version', whole, (column) => column.notNull())
					.addColumn('body', words, (column) => column.notNull())
					.addColumn('committed', whole, (column) => column.notNull())
					.addPrimaryKeyConstraint('trust_document_key', ['role', 'version']),
				schema
					.createTable('trust_pending')
					.addColumn('role', words, (column) => column.primaryKey().notNull())
					.addColumn('version', whole, (column) => column.notNull())
					.addColumn('body', words, (column) => column.notNull())
					.addColumn('started', whole, (column) => column.notNull())
					.addColumn('started_by', words, (column) => column.notNull()),
				schema
					.createTable('trust_outbox')
					.addColumn('seq', whole, numbered)
					.addColumn('role', words, (column) => column.notNull())
					.addColumn('version', whole, (column) => column.notNull()),
			];
			for (const table of tables) await (tableEnd === undefined ? table : table.modifyEnd(tableEnd)).execute();
			await schema.createIndex('trust_target_by_role').on('trust_target').columns(['role', 'path']).execute();
			// Its entries are in the order of the rows: an import adds them at the end.
			await schema
				.createIndex('trust_target_waiting')
				.on('trust_target')
				.column('waiting')
				.where(sql.ref('waiting'), '=', 1)
				.execute();
		},
	};
}
