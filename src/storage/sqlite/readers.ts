// Reading what is committed, over a read-only connection of its own: a transaction of the writer that is under way is
// invisible to it, as WAL gives each reader the last committed state. https://www.sqlite.org/isolation.html

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AuditReader } from '../../audit/store.ts';
import { CaissonError } from '../../errors.ts';
import { jobLimits } from '../../job/rules/model.ts';
import type { EventReader, JobReader } from '../../job/store.ts';
import type { WorkflowReader } from '../../workflow/store.ts';
import { countQuery, manyChangedBefore, pageQuery, type Query } from './job-query.ts';
import { auditFromRow, eventFromRow, historyFromRow, jobColumns, jobFromRow, WorkflowCache } from './rows.ts';
import { withStorageErrors } from './sqlite-error.ts';

// Shapes of a dynamic query are few; a caller who varies the number of tags and groups at will cannot fill memory.
const MOST_STATEMENTS = 200;

export class ReadConnection {
	readonly #database: DatabaseSync;
	readonly #statements = new Map<string, StatementSync>();
	readonly workflows: WorkflowCache;
	#closed = false;

	constructor(database: DatabaseSync) {
		this.#database = database;
		this.workflows = new WorkflowCache(database);
	}

	/** Runs `work` with the statements of this connection and gives its errors Caisson's codes. */
	read<Result>(work: (statement: (sql: string) => StatementSync) => Result): Result {
		if (this.#closed) throw new CaissonError('storage-unavailable', 'The database is closed.');
		return withStorageErrors(() => work((sql) => this.#statement(sql)));
	}

	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		this.#statements.clear();
		this.#database.close();
	}

	#statement(sql: string): StatementSync {
		let statement = this.#statements.get(sql);
		if (statement === undefined) {
			if (this.#statements.size >= MOST_STATEMENTS) this.#statements.clear();
			statement = this.#database.prepare(sql);
			this.#statements.set(sql, statement);
		}
		return statement;
	}
}

export function jobReader(connection: ReadConnection): JobReader {
	return {
		find: async (id) =>
			connection.read((statement) => {
				const row = statement(`select ${jobColumns} from job where id = ?`).get(id);
				return row === undefined ? undefined : jobFromRow(row, connection.workflows);
			}),
		history: async (id) =>
			connection.read((statement) =>
				statement(
					'select mtime, status, definition, reports from job_history where job_seq = (select seq from job where id = ?) order by seq desc limit ?',
				)
					.all(id, jobLimits.historyEntries)
					.map(historyFromRow),
			),
		query: async (filter, page) =>
			connection.read((statement) => {
				const all = ({ sql, values }: Query) => statement(sql).all(...values);
				const byMtime = filter.changedBefore !== undefined && all(manyChangedBefore(filter.changedBefore)).length === 0;
				const jobs = all(pageQuery(filter, page, byMtime)).map((row) => jobFromRow(row, connection.workflows));
				return page.total ? { jobs, total: Number(all(countQuery(filter, byMtime))[0]?.total) } : { jobs };
			}),
	};
}

export function workflowReader(connection: ReadConnection): WorkflowReader {
	return {
		find: async (name) =>
			connection.read((statement) => {
				const row = statement('select seq from workflow where name = ?').get(name);
				return row === undefined ? undefined : connection.workflows.get(Number(row.seq));
			}),
		list: async ({ offset, limit, sort, total }) =>
			connection.read((statement) => {
				const order = sort === 'desc' ? 'desc' : 'asc';
				// The index on names holds the row numbers; the workflows themselves are parsed once.
				const page = statement(`select seq from workflow order by name ${order} limit ? offset ?`);
				const workflows = page.all(limit, offset).map((row) => connection.workflows.get(Number(row.seq)));
				if (!total) return { workflows };
				return { workflows, total: Number(statement('select count(*) as total from workflow').get()?.total) };
			}),
	};
}

/** `prune` is a write and is passed in. */
export function eventReader(connection: ReadConnection, prune: EventReader['prune']): EventReader {
	return {
		read: async (after, limit) =>
			connection.read((statement) =>
				statement(
					'select id, ctime, action, job_id, client_id, workflow, job from event where id > ? order by id limit ?',
				)
					.all(after, limit)
					.map(eventFromRow),
			),
		range: async () =>
			connection.read((statement) => {
				// One statement, so that both numbers are of the same state. The sequence stays when events are pruned.
				const row = statement(
					"select (select min(id) from event) as first, (select seq from sqlite_sequence where name = 'event') as last",
				).get();
				const last = Number(row?.last ?? 0);
				return { first: Number(row?.first ?? last + 1), last };
			}),
		prune,
	};
}

export function auditReader(connection: ReadConnection): AuditReader {
	return {
		read: async (after, limit) =>
			connection.read((statement) =>
				statement('select id, time, actor, action, subject, detail from audit where id > ? order by id limit ?')
					.all(after, limit)
					.map(auditFromRow),
			),
	};
}
