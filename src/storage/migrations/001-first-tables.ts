// The tables of the job engine: workflows, jobs with their tags and history, events, the audit trail. Times are
// milliseconds since the epoch; what only Caisson reads back as a whole (status, definition, body) is JSON text.

import { type CreateTableBuilder, type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { ColumnTypes } from './column-types.ts';

export function firstTables(types: ColumnTypes): Migration {
	return {
		async up(database: Kysely<unknown>): Promise<void> {
			for (const table of tables(database, types)) {
				await (types.tableEnd === undefined ? table : table.modifyEnd(types.tableEnd)).execute();
			}
			if (types.commitOrderTable) await sql`insert into commit_order values (true, 0, 0)`.execute(database);
			for (const [name, table, columns] of indexes) {
				await database.schema
					.createIndex(name)
					.on(table)
					.columns([...columns])
					.execute();
			}
		},
	};
}

function tables(
	database: Kysely<unknown>,
	{ text, integer, numbered, numberedAtCommit, commitOrderTable }: ColumnTypes,
): CreateTableBuilder<string, string>[] {
	const create = (name: string) => database.schema.createTable(name);
	return [
		create('workflow')
			.addColumn('seq', integer as 'integer', numbered)
			.addColumn('name', text as 'text', (column) => column.notNull().unique())
			.addColumn('body', text as 'text', (column) => column.notNull()),
		create('job')
			.addColumn('seq', integer as 'integer', numbered)
			.addColumn('id', text as 'text', (column) => column.notNull().unique())
			.addColumn('client_id', text as 'text', (column) => column.notNull())
			.addColumn('workflow_seq', integer as 'integer', (column) => column.notNull().references('workflow.seq'))
			// The group of the workflow that holds the state, '' for none: it follows from the two and is kept for filters.
			.addColumn('grp', text as 'text', (column) => column.notNull())
			.addColumn('state', text as 'text', (column) => column.notNull())
			// What pages of jobs are read from; job_tag repeats it for filters.
			.addColumn('tags', text as 'text', (column) => column.notNull())
			.addColumn('status', text as 'text', (column) => column.notNull())
			.addColumn('definition', text as 'text')
			.addColumn('stime', integer as 'integer', (column) => column.notNull())
			.addColumn('mtime', integer as 'integer', (column) => column.notNull())
			.addColumn('version', integer as 'integer', (column) => column.notNull())
			.addColumn('reports', integer as 'integer', (column) => column.notNull()),
		create('job_tag')
			.addColumn('tag', text as 'text', (column) => column.notNull())
			// Repeats the job's, which never changes, so that the key alone gives a page in order.
			.addColumn('stime', integer as 'integer', (column) => column.notNull())
			.addColumn('job_seq', integer as 'integer', (column) =>
				column.notNull().references('job.seq').onDelete('cascade'),
			)
			.addPrimaryKeyConstraint('job_tag_key', ['tag', 'stime', 'job_seq'] as never),
		create('job_history')
			.addColumn('seq', integer as 'integer', numbered)
			.addColumn('job_seq', integer as 'integer', (column) =>
				column.notNull().references('job.seq').onDelete('cascade'),
			)
			.addColumn('mtime', integer as 'integer', (column) => column.notNull())
			.addColumn('status', text as 'text')
			.addColumn('definition', text as 'text')
			.addColumn('reports', integer as 'integer', (column) => column.notNull()),
		create('event')
			.addColumn('id', integer as 'integer', numberedAtCommit)
			.addColumn('ctime', integer as 'integer', (column) => column.notNull())
			.addColumn('action', text as 'text', (column) => column.notNull())
			// No reference to job: events outlive it.
			.addColumn('job_id', text as 'text', (column) => column.notNull())
			.addColumn('client_id', text as 'text', (column) => column.notNull())
			.addColumn('workflow', text as 'text', (column) => column.notNull())
			.addColumn('job', text as 'text', (column) => column.notNull()),
		create('audit')
			.addColumn('id', integer as 'integer', numberedAtCommit)
			.addColumn('time', integer as 'integer', (column) => column.notNull())
			.addColumn('actor', text as 'text', (column) => column.notNull())
			.addColumn('action', text as 'text', (column) => column.notNull())
			.addColumn('subject', text as 'text', (column) => column.notNull())
			.addColumn('detail', text as 'text'),
		...(commitOrderTable ? [commitOrder(create('commit_order'), integer)] : []),
	];
}

/** One row: the last number given to an event and to an audit row. Its row lock is what puts commits into an order. */
function commitOrder(
	table: CreateTableBuilder<string, string>,
	integer: ColumnTypes['integer'],
): CreateTableBuilder<string, string> {
	return table
		.addColumn('one', 'boolean', (column) => column.primaryKey().check(sql`one`))
		.addColumn('event_id', integer as 'integer', (column) => column.notNull())
		.addColumn('audit_id', integer as 'integer', (column) => column.notNull());
}

// Each filter of JobFilter has an index that continues with stime (and, in SQLite, the row number), so that a page
// comes in order without sorting.
const indexes: readonly (readonly [name: string, table: string, columns: readonly string[]])[] = [
	['job_by_client', 'job', ['client_id', 'grp', 'stime', 'seq']],
	['job_by_group', 'job', ['grp', 'stime', 'seq']],
	['job_by_state', 'job', ['state', 'stime', 'seq']],
	['job_by_workflow', 'job', ['workflow_seq', 'stime', 'seq']],
	['job_by_stime', 'job', ['stime', 'seq']],
	['job_by_mtime', 'job', ['mtime']],
	['job_tag_by_job', 'job_tag', ['job_seq']],
	['job_history_by_job', 'job_history', ['job_seq', 'seq']],
	['event_by_ctime', 'event', ['ctime']],
];
