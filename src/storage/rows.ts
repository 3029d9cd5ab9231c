// Rows of the tables and the values that they stand for, for both stores. It decides how each value is written; which
// rows are read or written is decided by the readers and the units of work.

import type { StoredToken, TokenKind } from '../access/store.ts';
import type { StoredDefinition, TrafficKey, TrafficSum } from '../artifact/store.ts';
import type { StoredAuditRow } from '../audit/store.ts';
import { CaissonError } from '../errors.ts';
import type { HistoryEntry, Job, JobAction, JsonObject } from '../job/rules/model.ts';
import type { JobEvent } from '../job/store.ts';
import type { Workflow } from '../workflow/rules/model.ts';

export type Row = Readonly<Record<string, unknown>>;

/** The columns that jobFromRow reads; seq is Caisson's own number of the row. */
export const jobColumns =
	'job.seq, job.id, job.client_id, job.workflow_seq, job.tags, job.status, job.definition, job.stime, job.mtime, job.version, job.reports';

export function jobFromRow(row: Row, workflowOf: (seq: number) => Workflow): Job {
	return {
		id: String(row.id),
		clientId: String(row.client_id),
		workflow: workflowOf(Number(row.workflow_seq)),
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

/** The columns that tokenFromRow reads: all but the hash. */
export const tokenColumns = 'seq, id, kind, name, client_id, roles, created, created_by, expires, revoked, last_used';

export function tokenFromRow(row: Row): StoredToken {
	return {
		number: Number(row.seq),
		id: String(row.id),
		kind: String(row.kind) as TokenKind,
		name: String(row.name),
		...(row.client_id === null ? {} : { clientId: String(row.client_id) }),
		roles: parse<string[]>(row.roles),
		created: Number(row.created),
		createdBy: String(row.created_by),
		...(row.expires === null ? {} : { expires: Number(row.expires) }),
		...(row.revoked === null ? {} : { revoked: Number(row.revoked) }),
		...(row.last_used === null ? {} : { lastUsed: Number(row.last_used) }),
	};
}

/** The column that each sum of traffic is told by. */
export const trafficColumns: Readonly<Record<TrafficKey, string>> = {
	artifact: 'digest',
	device: 'client_id',
	day: 'day',
};

export function trafficFromRow(row: Row): TrafficSum {
	const { requests, ranges, bytes } = row;
	return { key: String(row.key), requests: Number(requests), ranges: Number(ranges), bytes: Number(bytes) };
}

export function definitionFromRow(row: Row): StoredDefinition {
	return {
		place: { stime: Number(row.stime), seq: Number(row.seq) },
		jobId: String(row.id),
		workflow: String(row.workflow),
		definition: String(row.definition),
	};
}

/** JSON text of an optional value: null where it is absent. */
export function textOrNull(value: unknown): string | null {
	return value === undefined ? null : JSON.stringify(value);
}

/** Text that is not JSON was not written by Caisson: a damaged page can end up as such. */
export function parse<Value>(text: unknown): Value {
	try {
		return JSON.parse(String(text)) as Value;
	} catch (cause) {
		throw new CaissonError('storage-damaged', 'The database is damaged: a stored value is not JSON.', { cause });
	}
}
