// Reading what is committed, over a pool of connections. Each read is one statement with a state of its own, or a few
// where nothing depends on their being of the same state. Statements are prepared once a connection.

import type pg from 'pg';
import type { AuditReader } from '../../audit/store.ts';
import { CaissonError } from '../../errors.ts';
import { jobLimits } from '../../job/rules/model.ts';
import type { EventReader, JobFilter, JobReader } from '../../job/store.ts';
import type { Workflow } from '../../workflow/rules/model.ts';
import type { WorkflowReader } from '../../workflow/store.ts';
import { auditFromRow, eventFromRow, historyFromRow, jobColumns, jobFromRow, parse, type Row } from '../rows.ts';
import { countQuery, pageQuery, type Query } from './job-query.ts';
import { storageError } from './postgres-error.ts';
import type { WorkflowCache } from './workflow-cache.ts';

// Shapes of a dynamic query are few; a caller who varies the number of tags and groups at will is not prepared for.
const MOST_STATEMENTS = 200;
// Events forgotten in one statement.
const PRUNE_AT_ONCE = 2000;

export class ReadPool {
	readonly #pool: pg.Pool;
	readonly #names = new Map<string, string>();
	readonly workflows: WorkflowCache;
	#closed: Promise<void> | undefined;

	constructor(pool: pg.Pool, workflows: WorkflowCache) {
		this.#pool = pool;
		this.workflows = workflows;
		// A connection that broke while nobody used it: the pool forgets it and opens another when it needs one.
		pool.on('error', () => {});
	}

	/** @throws CaissonError storage-unavailable and others */
	async rows(sql: string, values: readonly unknown[] = [], prepared = true): Promise<Row[]> {
		return (await this.#query(sql, values, prepared)).rows;
	}

	/** @returns how many rows were changed */
	async change(sql: string, values: readonly unknown[]): Promise<number> {
		return (await this.#query(sql, values)).rowCount ?? 0;
	}

	async jobs(rows: readonly Row[]) {
		const missing = new Set(rows.map((row) => Number(row.workflow_seq)).filter((seq) => !this.workflows.has(seq)));
		if (missing.size > 0) await this.#guarded(() => this.workflows.load(this.#pool, [...missing]));
		return rows.map((row) => jobFromRow(row, (seq) => this.workflows.get(seq)));
	}

	async close(): Promise<void> {
		this.#closed ??= this.#pool.end();
		await this.#closed;
	}

	#query(text: string, values: readonly unknown[], prepared = true): Promise<pg.QueryResult> {
		let name = prepared ? this.#names.get(text) : undefined;
		if (prepared && name === undefined && this.#names.size < MOST_STATEMENTS) {
			name = `read_${this.#names.size}`;
			this.#names.set(text, name);
		}
		return this.#guarded(() =>
			this.#pool.query({ ...(name === undefined ? {} : { name }), text, values: [...values] }),
		);
	}

	async #guarded<Result>(work: () => Promise<Result>): Promise<Result> {
		if (this.#closed !== undefined) throw new CaissonError('storage-unavailable', 'The database is closed.');
		try {
			return await work();
		} catch (error) {
			throw storageError(error);
		}
	}
}

export function jobReader(pool: ReadPool): JobReader {
	const all = ({ sql, values, planAnew }: Query) => pool.rows(sql, values, !planAnew);
	return {
		async find(id) {
			if (id.includes('\0')) return undefined;
			const rows = await pool.rows(`select ${jobColumns} from job where id = $1`, [id]);
			return (await pool.jobs(rows))[0];
		},
		async history(id) {
			if (id.includes('\0')) return [];
			const rows = await pool.rows(
				'select mtime, status, definition, reports from job_history where job_seq = (select seq from job where id = $1) order by seq desc limit $2',
				[id, jobLimits.historyEntries],
			);
			return rows.map(historyFromRow);
		},
		async query(filter, page) {
			if (matchesNothing(filter)) return page.total ? { jobs: [], total: 0 } : { jobs: [] };
			const [rows, counted] = await Promise.all([
				all(pageQuery(filter, page)),
				page.total ? all(countQuery(filter)) : undefined,
			]);
			const jobs = await pool.jobs(rows);
			return counted === undefined ? { jobs } : { jobs, total: Number(counted[0]?.total) };
		},
	};
}

/** U+0000 is in no text that is stored, and may not be in a parameter. */
function matchesNothing({ clientId, state, workflow, groups, tags }: JobFilter): boolean {
	if ([clientId, state, workflow].some((text) => text?.includes('\0'))) return true;
	return [groups, tags].some((texts) => texts?.length && texts.every((text) => text.includes('\0')));
}

export function workflowReader(pool: ReadPool): WorkflowReader {
	return {
		async find(name) {
			if (name.includes('\0')) return undefined;
			const [row] = await pool.rows('select body from workflow where name = $1', [name]);
			return row === undefined ? undefined : parse<Workflow>(row.body);
		},
		async list({ offset, limit, sort, total }) {
			const order = sort === 'desc' ? 'desc' : 'asc';
			const [rows, counted] = await Promise.all([
				pool.rows(`select body from workflow order by name ${order} limit $1::bigint offset $2::bigint`, [
					limit < 0 ? null : limit,
					Math.max(0, offset),
				]),
				total ? pool.rows('select count(*) as total from workflow') : undefined,
			]);
			const workflows = rows.map((row) => parse<Workflow>(row.body));
			return counted === undefined ? { workflows } : { workflows, total: Number(counted[0]?.total) };
		},
	};
}

export function eventReader(pool: ReadPool): EventReader {
	return {
		// Ids are given in the order of commits, so a row that is not visible yet has a higher one than all that are.
		async read(after, limit) {
			const rows = await pool.rows(
				'select id, ctime, action, job_id, client_id, workflow, job from event where id > $1::bigint order by id limit $2::bigint',
				[after, limit],
			);
			return rows.map(eventFromRow);
		},
		async range() {
			// One statement, so that both numbers are of the same state. The last one stays when events are pruned.
			const [row] = await pool.rows(
				'select (select min(id) from event) as first, (select event_id from commit_order) as last',
			);
			const last = Number(row?.last ?? 0);
			return { first: Number(row?.first ?? last + 1), last };
		},
		async prune(time) {
			let total = 0;
			for (;;) {
				const removed = await pool.change(
					'delete from event where id in (select id from event where ctime < $1::bigint order by ctime limit $2 for update skip locked)',
					[time, PRUNE_AT_ONCE],
				);
				total += removed;
				if (removed < PRUNE_AT_ONCE) return total;
			}
		},
	};
}

export function auditReader(pool: ReadPool): AuditReader {
	return {
		async read(after, limit) {
			const rows = await pool.rows(
				'select id, time, actor, action, subject, detail from audit where id > $1::bigint order by id limit $2::bigint',
				[after, limit],
			);
			return rows.map(auditFromRow);
		},
	};
}
