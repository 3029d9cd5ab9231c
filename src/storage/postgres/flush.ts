// Writes the changes of a batch in as many statements as there are kinds of change, however many units it has. The
// statements are sent one behind the other without waiting for answers; COMMIT may follow at once, as PostgreSQL turns
// it into a rollback where one of them failed. It decides their order. When to begin and commit is decided in writer.ts.

import type pg from 'pg';
import type { Changes, JobEntry, JobRow } from './changes.ts';
import { tokenStatements } from './tokens.ts';
import { trafficStatements } from './traffic.ts';
import { keptHistory } from './unit.ts';

interface Statement {
	readonly name: string;
	readonly text: string;
	readonly values: unknown[];
}

/** Sends everything. @returns the answers of the statements; the last one's rows hold the ids given (see number) */
export function flush(client: pg.Client, changes: Changes): Promise<pg.QueryResult>[] {
	const jobs = [...changes.jobs.values()].filter(({ changed }) => changed);
	return [
		...deletions(jobs),
		...workflowStatements(changes),
		...jobStatements(jobs),
		...tagStatements(jobs),
		...historyStatements(jobs),
		...sealStatements(changes),
		...tokenStatements(changes.tokens),
		...trafficStatements(changes.traffic),
		...numbered(changes),
	].map((statement) => client.query(statement));
}

function deletions(jobs: readonly JobEntry[]): Statement[] {
	const gone = jobs.flatMap(({ stored, job, inserted }) => (stored && (!job || inserted) ? [stored.seq] : []));
	if (gone.length === 0) return [];
	// Tags and history go with it.
	return [{ name: 'delete_jobs', text: 'delete from job where seq = any($1)', values: [gone] }];
}

function workflowStatements({ workflows }: Changes): Statement[] {
	const entries = [...workflows.values()];
	const gone = entries.flatMap(({ stored, workflow, inserted }) =>
		stored !== undefined && (!workflow || inserted) ? [stored] : [],
	);
	const made = entries.flatMap(({ workflow, inserted }) => (workflow && inserted ? [workflow] : []));
	const statements: Statement[] = [];
	if (gone.length > 0) {
		statements.push({ name: 'delete_workflows', text: 'delete from workflow where seq = any($1)', values: [gone] });
	}
	if (made.length > 0) {
		statements.push({
			name: 'insert_workflows',
			text: 'insert into workflow (name, body) select name, body from unnest($1::text[], $2::text[]) with ordinality as t(name, body, n) order by n',
			values: [made.map(({ name }) => name), made.map((workflow) => JSON.stringify(workflow))],
		});
	}
	return statements;
}

/** One array a column, in the order of `columns`. */
function arrays<Item>(items: readonly Item[], ...columns: readonly ((item: Item) => unknown)[]): unknown[][] {
	return columns.map((column) => items.map(column));
}

function jobStatements(entries: readonly JobEntry[]): Statement[] {
	const made = entries.flatMap(({ job, inserted }) => (job && inserted ? [job] : []));
	const changed = entries.flatMap(({ stored, job, inserted }) =>
		job && stored && !inserted ? [{ ...job, seq: stored.seq }] : [],
	);
	const statements: Statement[] = [];
	if (made.length > 0) {
		statements.push({
			name: 'insert_jobs',
			// The workflow's row is under lock, or was inserted just before; where it is not, the null is refused.
			text: `insert into job (id, client_id, workflow_seq, grp, state, tags, status, definition, stime, mtime, version, reports)
				select id, client_id, (select seq from workflow where workflow.name = t.workflow), grp, state, tags, status, definition, stime, mtime, version, reports
				from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])
				with ordinality as t(id, client_id, workflow, grp, state, tags, status, definition, stime, mtime, version, reports, n) order by n`,
			values: arrays(
				made,
				(job) => job.id,
				(job) => job.client_id,
				(job) => job.workflow.name,
				...changeableColumns.slice(0, 5),
				(job) => job.stime,
				...changeableColumns.slice(5),
			),
		});
	}
	if (changed.length > 0) {
		statements.push({
			name: 'update_jobs',
			text: `update job set grp = t.grp, state = t.state, tags = t.tags, status = t.status, definition = t.definition, mtime = t.mtime, version = t.version, reports = t.reports
				from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[])
				as t(seq, grp, state, tags, status, definition, mtime, version, reports) where job.seq = t.seq`,
			values: arrays(changed, (job) => job.seq, ...changeableColumns),
		});
	}
	return statements;
}

const changeableColumns: readonly ((job: JobRow) => unknown)[] = [
	(job) => job.grp,
	(job) => job.state,
	(job) => job.tags,
	(job) => job.status,
	(job) => job.definition,
	(job) => job.mtime,
	(job) => job.version,
	(job) => job.reports,
];

function tagStatements(entries: readonly JobEntry[]): Statement[] {
	const statements: Statement[] = [];
	const retagged = entries.flatMap(({ stored, job, inserted }) =>
		job && stored && !inserted && job.tags !== stored.tags ? [stored.seq] : [],
	);
	if (retagged.length > 0) {
		statements.push({ name: 'delete_tags', text: 'delete from job_tag where job_seq = any($1)', values: [retagged] });
	}
	const tags = entries.flatMap(({ stored, job, inserted }) =>
		job && (inserted || job.tags !== stored?.tags)
			? (JSON.parse(job.tags) as string[]).map((tag) => ({ id: job.id, tag }))
			: [],
	);
	if (tags.length > 0) {
		statements.push({
			name: 'insert_tags',
			text: 'insert into job_tag (tag, stime, job_seq) select t.tag, job.stime, job.seq from unnest($1::text[], $2::text[]) as t(id, tag) join job on job.id = t.id',
			values: arrays(
				tags,
				({ id }) => id,
				({ tag }) => tag,
			),
		});
	}
	return statements;
}

function historyStatements(entries: readonly JobEntry[]): Statement[] {
	const statements: Statement[] = [];
	const history = entries.flatMap(({ job, history }) =>
		job === undefined ? [] : history.map((entry) => ({ id: job.id, ...entry })),
	);
	if (history.length > 0) {
		statements.push({
			name: 'insert_history',
			text: `insert into job_history (job_seq, mtime, status, definition, reports) select job.seq, t.mtime, t.status, t.definition, t.reports
				from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[]) with ordinality as t(id, mtime, status, definition, reports, n)
				join job on job.id = t.id order by t.n`,
			values: arrays(
				history,
				({ id }) => id,
				({ mtime }) => mtime,
				({ status }) => status,
				({ definition }) => definition,
				({ reports }) => reports,
			),
		});
	}
	const trimmed = entries.flatMap(({ job, trim }) => (job && trim ? [job.id] : []));
	if (trimmed.length > 0) {
		statements.push({
			name: 'trim_history',
			text: `delete from job_history using job where job.id = any($1) and job_history.job_seq = job.seq and job_history.seq <=
				(select h.seq from job_history h where h.job_seq = job.seq order by h.seq desc limit 1 offset ${keptHistory})`,
			values: [trimmed],
		});
	}
	return statements;
}

function sealStatements({ seals }: Changes): Statement[] {
	if (seals.length === 0) return [];
	const text = 'insert into audit_seal (number, body) select * from unnest($1::bigint[], $2::text[])';
	return [
		{
			name: 'insert_seals',
			text,
			values: arrays(
				seals,
				(seal) => seal.number,
				(seal) => seal.body,
			),
		},
	];
}

/**
 * Events and audit rows get their numbers here, in the last statement: the row of commit_order stays locked until the
 * transaction has ended, so whoever numbers later also commits later. A rollback gives the numbers back.
 */
function numbered({ events, audit }: Changes): Statement[] {
	if (events.length === 0 && audit.length === 0) return [];
	return [
		{
			name: 'number',
			text: `with last as (
					update commit_order set event_id = event_id + $1, audit_id = audit_id + $2
					returning event_id - $1 as event_id, audit_id - $2 as audit_id
				), events as (
					insert into event (id, ctime, action, job_id, client_id, workflow, job)
					select last.event_id + n, ctime, action, job_id, client_id, workflow, job
					from last, unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
					with ordinality as t(ctime, action, job_id, client_id, workflow, job, n)
				), audits as (
					insert into audit (id, time, actor, action, subject, detail)
					select last.audit_id + n, time, actor, action, subject, detail
					from last, unnest($9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[])
					with ordinality as t(time, actor, action, subject, detail, n)
				) select event_id + $1 as last_event,
					case when $1 > 0 then pg_notify('caisson_event', current_schema() || ' ' || (event_id + $1)) end from last`,
			values: [
				events.length,
				audit.length,
				...arrays(
					events,
					(event) => event.ctime,
					(event) => event.action,
					(event) => event.jobId,
					(event) => event.clientId,
					(event) => event.workflow,
					(event) => event.job,
				),
				...arrays(
					audit,
					(row) => row.time,
					(row) => row.actor,
					(row) => row.action,
					(row) => row.subject,
					(row) => row.detail,
				),
			],
		},
	];
}
