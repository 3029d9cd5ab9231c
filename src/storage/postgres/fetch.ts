// Reading inside a transaction: jobs and workflows that steps ask for, locked until it ends, each fetched once a batch.
// It decides the locks and their order. It leaves out what becomes of the rows (changes.ts, unit.ts).

import type pg from 'pg';
import type { StoredSeal } from '../../audit/store.ts';
import { CaissonError } from '../../errors.ts';
import type { Workflow } from '../../workflow/rules/model.ts';
import { groupOf } from '../../workflow/rules/walk.ts';
import { parse, type Row } from '../rows.ts';
import { lastSealQuery, sealFromRow } from './chain.ts';
import type { Changes, JobEntry, JobRow } from './changes.ts';
import type { WorkflowCache } from './workflow-cache.ts';

// In the order of ids, so that two servers who want the same jobs stand in line instead of blocking each other.
const lockJobs = {
	name: 'lock_jobs',
	text: 'select seq, id, client_id, workflow_seq, tags, status, definition, stime, mtime, version, reports from job where id = any($1) order by id for update',
};
// As strong a lock as a foreign key takes: the workflow stays, and others may use it.
const lockWorkflows = {
	name: 'lock_workflows',
	text: 'select seq, name, body from workflow where name = any($1) order by name for key share',
};
const lockWorkflowToRemove = {
	name: 'lock_workflow_to_remove',
	text: 'select seq from workflow where seq = $1 for update',
};
const workflowInUse = {
	name: 'workflow_in_use',
	text: 'select 1 from job where workflow_seq = $1 and not seq = any($2) limit 1',
};

export class Fetch {
	readonly #client: pg.Client;
	readonly #cache: WorkflowCache;
	readonly #batch: Changes;
	/** The first error of the database: the transaction is lost with it. */
	failure: unknown;

	constructor(client: pg.Client, cache: WorkflowCache, batch: Changes) {
		this.#client = client;
		this.#cache = cache;
		this.#batch = batch;
	}

	/** Sees to it that the batch knows these jobs and workflows, or knows that there are none. */
	async load(ids: Iterable<string>, names: Iterable<string>): Promise<void> {
		const { jobs, workflows } = this.#batch;
		const newIds = [...new Set(ids)].filter((id) => !jobs.has(id));
		const newNames = [...new Set(names)].filter((name) => !workflows.has(name));
		// Both are on their way before the first is waited for.
		await Promise.all([
			newNames.length === 0 ? undefined : this.#loadWorkflows(newNames),
			newIds.length === 0 ? undefined : this.#loadJobs(newIds),
		]);
	}

	async #loadJobs(ids: readonly string[]): Promise<void> {
		const rows = await this.#rows(lockJobs, [ids]);
		const unknown = new Set(rows.map((row) => Number(row.workflow_seq)).filter((seq) => !this.#cache.has(seq)));
		if (unknown.size > 0) await this.#do(() => this.#cache.load(this.#client, [...unknown]));
		for (const id of ids) this.#batch.jobs.set(id, absent);
		for (const row of rows) {
			const job = jobRow(row, this.#cache.get(Number(row.workflow_seq)));
			const stored = { seq: Number(row.seq), tags: job.tags };
			this.#batch.jobs.set(job.id, { ...absent, stored, job });
		}
	}

	async #loadWorkflows(names: readonly string[]): Promise<void> {
		const rows = await this.#rows(lockWorkflows, [names]);
		for (const name of names)
			this.#batch.workflows.set(name, { stored: undefined, workflow: undefined, inserted: false });
		for (const row of rows) {
			const seq = Number(row.seq);
			const workflow = this.#cache.has(seq) ? this.#cache.get(seq) : parse<Workflow>(row.body);
			this.#cache.set(seq, workflow);
			this.#batch.workflows.set(String(row.name), { stored: seq, workflow, inserted: false });
		}
	}

	/** Locks the workflow so that nobody begins to use it. @returns whether a job uses it, those in `without` apart */
	async inUse(seq: number, without: readonly number[]): Promise<boolean> {
		const locked = this.#rows(lockWorkflowToRemove, [seq]);
		const [, rows] = await Promise.all([locked, this.#rows(workflowInUse, [seq, without])]);
		return rows.length > 0;
	}

	/** The newest seal. Whoever else wants to seal waits until this transaction has ended. */
	async lastSeal(): Promise<StoredSeal | undefined> {
		if (this.#batch.storedSeal === undefined) {
			// A statement of its own: the next one then sees what the holder of the lock before has committed.
			const locked = this.#do(() => this.#client.query('lock table audit_seal in share row exclusive mode'));
			const [, [row]] = await Promise.all([locked, this.#rows({ name: 'last_seal', text: lastSealQuery }, [])]);
			this.#batch.storedSeal = { seal: sealFromRow(row) };
		}
		return this.#batch.storedSeal.seal;
	}

	#rows(statement: { name: string; text: string }, values: unknown[]): Promise<Row[]> {
		return this.#do(async () => (await this.#client.query({ ...statement, values })).rows);
	}

	async #do<Result>(work: () => Promise<Result>): Promise<Result> {
		if (this.failure !== undefined) throw this.failure;
		try {
			return await work();
		} catch (error) {
			this.failure ??= error;
			throw error;
		}
	}
}

const absent: JobEntry = {
	stored: undefined,
	job: undefined,
	inserted: false,
	changed: false,
	history: [],
	trim: false,
};

function jobRow(row: Row, workflow: Workflow): JobRow {
	const status = String(row.status);
	const { state } = parse<{ state: string }>(status);
	if (typeof state !== 'string') throw new CaissonError('storage-damaged', `The job ${row.id} has no state.`);
	return {
		id: String(row.id),
		client_id: String(row.client_id),
		tags: String(row.tags),
		status,
		definition: row.definition === null ? null : String(row.definition),
		stime: Number(row.stime),
		mtime: Number(row.mtime),
		version: Number(row.version),
		reports: Number(row.reports),
		workflow,
		grp: groupOf(workflow, state),
		state,
	};
}
