// Rows of the tables and the values that they stand for. It decides how each value is written; which rows are read or
// written is decided by the readers and the unit of work.

import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { StoredAuditRow } from '../../audit/store.ts';
import { CaissonError } from '../../errors.ts';
import type { HistoryEntry, Job, JobAction, JsonObject } from '../../job/rules/model.ts';
import type { JobEvent } from '../../job/store.ts';
import type { Workflow } from '../../workflow/rules/model.ts';

export type Row = Record<string, SQLOutputValue>;

/** The columns that jobFromRow reads; seq is Caisson's own number of the row. */
export const jobColumns =
	'job.seq, job.id, job.client_id, job.workflow_seq, job.tags, job.status, job.definition, job.stime, job.mtime, job.version, job.reports';

/**
 * Parsed workflows by row number, which is never used twice, so an entry can be old but never wrong. Holds a bounded
 * number; the server's fleet usually has a handful of workflows and many thousand jobs.
 */
export class WorkflowCache {
	static readonly #limit = 1000;
	readonly #bodies = new Map<number, Workflow>();
	readonly #find: StatementSync;

	constructor(database: DatabaseSync) {
		this.#find = database.prepare('select body from workflow where seq = ?');
	}

	get(seq: number): Workflow {
		const known = this.#bodies.get(seq);
		if (known !== undefined) return known;
		const row = this.#find.get(seq);
		if (row === undefined) throw new CaissonError('storage-damaged', `The workflow in row ${seq} is missing.`);
		const workflow = parse<Workflow>(row.body);
		if (this.#bodies.size >= WorkflowCache.#limit) this.#bodies.clear();
		this.#bodies.set(seq, workflow);
		return workflow;
	}

	forget(seq: number): void {
		this.#bodies.delete(seq);
	}
}

export function jobFromRow(row: Row, workflows: WorkflowCache): Job {
	return {
		id: String(row.id),
		clientId: String(row.client_id),
		workflow: workflows.get(Number(row.workflow_seq)),
		tags: row.tags === '[]' ? [] : parse<string[]>(row.tags),
		...(row.definition === null ? {} : { definition: parse<JsonObject>(row.definition) }),
		status: parse<Job['status']>(row.status),
		stime: Number(row.stime),
		mtime: Number(row.mtime),
		version: Number(row.version),
		reports: Number(row.reports),
	};
}

export function historyFromRow(row: Row): HistoryEntry {
	return {
		mtime: Number(row.mtime),
		...(row.status === null ? {} : { status: parse<Job['status']>(row.status) }),
		...(row.definition === null ? {} : { definition: parse<JsonObject>(row.definition) }),
		reports: Number(row.reports),
	};
}

export function eventFromRow(row: Row): JobEvent {
	return {
		id: Number(row.id),
		ctime: Number(row.ctime),
		action: String(row.action) as JobAction,
		jobId: String(row.job_id),
		clientId: String(row.client_id),
		workflow: String(row.workflow),
		job: String(row.job),
	};
}

export function auditFromRow(row: Row): StoredAuditRow {
	return {
		id: Number(row.id),
		time: Number(row.time),
		actor: String(row.actor),
		action: String(row.action),
		subject: String(row.subject),
		...(row.detail === null ? {} : { detail: parse<Record<string, unknown>>(row.detail) }),
	};
}

/** JSON text of an optional value: null where it is absent. */
export function textOrNull(value: unknown): string | null {
	return value === undefined ? null : JSON.stringify(value);
}

/** Text that is not JSON was not written by Caisson: a damaged page can end up as such. */
export function parse<Value>(text: SQLOutputValue | undefined): Value {
	try {
		return JSON.parse(String(text)) as Value;
	} catch (cause) {
		throw new CaissonError('storage-damaged', 'The database is damaged: a stored value is not JSON.', { cause });
	}
}
