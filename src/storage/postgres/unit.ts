// One unit of work: what a step may call, on top of what its batch has read and changed so far. It decides what each
// call means for the changes in memory and when a call has to wait: for the unit's turn, or for rows. Nothing is
// written here; the batch writes all its changes at once (flush.ts).

import type { NewToken } from '../../access/store.ts';
import type { Traffic } from '../../artifact/store.ts';
import type { AuditRow, StoredSeal } from '../../audit/store.ts';
import { CaissonError } from '../../errors.ts';
import { type HistoryEntry, type Job, jobLimits } from '../../job/rules/model.ts';
import type { NewJobEvent } from '../../job/store.ts';
import type { Workflow } from '../../workflow/rules/model.ts';
import { groupOf } from '../../workflow/rules/walk.ts';
import { jobFromRow, textOrNull } from '../rows.ts';
import type { UnitOfWork } from '../store.ts';
import { type AuditLine, Changes, type HistoryRow, type JobEntry, type JobRow, type WorkflowEntry } from './changes.ts';
import type { Fetch } from './fetch.ts';
import { requireStorable, visibleText } from './text.ts';

/** As in the SQLite store: history that no reader sees is dropped every so many changes of a job. */
const TRIM_EVERY = 512;
export const keptHistory = jobLimits.historyEntries;

/** What the first call of a step asks for, before its turn has come: fetched for all units of the batch at once. */
export interface Wanted {
	readonly ids: Set<string>;
	readonly names: Set<string>;
}

export class PostgresUnit implements UnitOfWork {
	readonly jobs: UnitOfWork['jobs'];
	readonly workflows: UnitOfWork['workflows'];
	readonly events: UnitOfWork['events'];
	readonly audit: UnitOfWork['audit'];
	readonly seals: UnitOfWork['seals'];
	readonly tokens: UnitOfWork['tokens'];
	readonly traffic: UnitOfWork['traffic'];
	readonly changes = new Changes();
	/** The first error of the database itself: the unit cannot be kept, whatever its step makes of the error. */
	failure: unknown;
	readonly #batch: Changes;
	readonly #fetch: Fetch;
	readonly #wanted: Wanted;
	readonly #found = new Set<string>();
	readonly #turn = Promise.withResolvers<void>();
	#hasTurn = false;
	#ended = false;

	constructor(batch: Changes, fetch: Fetch, wanted: Wanted) {
		this.#batch = batch;
		this.#fetch = fetch;
		this.#wanted = wanted;
		this.#turn.promise.catch(() => {});
		this.jobs = {
			find: (id) => this.#do({ id }, () => this.#findJob(id)),
			insert: (job) => this.#do({ name: job.workflow.name }, () => this.#insertJob(job)),
			save: (job, history) => this.#do({}, async () => this.#saveJob(job, history)),
			remove: (id) => this.#do({ id }, () => this.#removeJob(id)),
		};
		this.workflows = {
			find: (name) => this.#do({ name }, async () => (await this.#workflow(name)).workflow),
			insert: (workflow) => this.#do({ name: workflow.name }, () => this.#insertWorkflow(workflow)),
			remove: (name) => this.#do({ name }, () => this.#removeWorkflow(name)),
		};
		this.events = { append: (event) => this.#do({}, async () => this.#appendEvent(event)) };
		this.seals = {
			last: () => this.#do({}, () => this.#lastSeal()),
			append: (seal) => this.#do({}, () => this.#appendSeal(seal)),
		};
		this.tokens = {
			insert: (token, hash) => this.#do({}, async () => this.#insertToken(token, hash)),
			revoke: (id, time) => this.#do({}, async () => void this.changes.tokens.revoked.push({ id, time })),
			used: (uses) => this.#do({}, async () => void this.changes.tokens.used.push(...uses)),
		};
		this.traffic = {
			add: (rows) => this.#do({}, async () => this.#addTraffic(rows)),
			prune: (before) => this.#do({}, async () => void this.changes.traffic.pruned.push(before)),
		};
		this.audit = { append: (row) => this.#do({}, async () => void this.changes.audit.push(auditLine(row))) };
	}

	/** The units before it have ended: from now on its calls go through. */
	begin(): void {
		this.#hasTurn = true;
		this.#turn.resolve();
	}

	/** From now on every call throws: a step that keeps its unit would change what it no longer sees. */
	end(): void {
		this.#ended = true;
		this.#turn.reject(new CaissonError('internal', 'The transaction of this unit of work was given up.'));
	}

	async #do<Result>(wants: { id?: string; name?: string }, work: () => Promise<Result>): Promise<Result> {
		this.#requireOpen();
		if (!this.#hasTurn) {
			if (wants.id !== undefined) this.#wanted.ids.add(wants.id);
			if (wants.name !== undefined) this.#wanted.names.add(wants.name);
			await this.#turn.promise;
			this.#requireOpen();
		}
		return work();
	}

	#requireOpen(): void {
		if (this.#ended) throw new CaissonError('internal', 'A unit of work was used after its step had ended.');
		if (this.failure !== undefined) throw this.failure;
		if (this.#fetch.failure !== undefined) throw this.#fetch.failure;
	}

	async #job(id: string): Promise<JobEntry | undefined> {
		if (id.includes('\0')) return undefined;
		const own = this.changes.jobs.get(id);
		if (own !== undefined) return own;
		if (!this.#batch.jobs.has(id)) await this.#fetch.load([id], []);
		return this.#batch.jobs.get(id);
	}

	async #workflow(name: string): Promise<WorkflowEntry> {
		const own = this.changes.workflows.get(name);
		if (own !== undefined) return own;
		if (!this.#batch.workflows.has(name)) await this.#fetch.load([], [name]);
		return this.#batch.workflows.get(name) ?? { stored: undefined, workflow: undefined, inserted: false };
	}

	async #findJob(id: string): Promise<Job | undefined> {
		const job = (await this.#job(id))?.job;
		if (job === undefined) return undefined;
		this.#found.add(id);
		return jobFromRow({ ...job }, () => job.workflow);
	}

	async #insertJob(job: Job): Promise<void> {
		const { workflow } = await this.#workflow(job.workflow.name);
		if (workflow === undefined) {
			throw new CaissonError('workflow-not-found', `There is no workflow ${job.workflow.name}.`);
		}
		requireStorable('id', job.id);
		requireStorable('clientId', job.clientId);
		requireStorableColumns(job);
		// One that was not asked for is not looked up: the index says so where the id is taken.
		const before = this.changes.jobs.get(job.id) ?? this.#batch.jobs.get(job.id);
		if (before?.job !== undefined) {
			this.failure = new CaissonError(
				'internal',
				`The database refused a statement: there is a job ${job.id} already.`,
			);
			throw this.failure;
		}
		this.#found.add(job.id);
		const row = { id: job.id, client_id: job.clientId, stime: job.stime, ...changeable(job) };
		this.#set(job.id, { stored: before?.stored, job: row, inserted: true, changed: true, history: [], trim: false });
	}

	#saveJob(job: Job, history: readonly HistoryEntry[]): void {
		const before = this.changes.jobs.get(job.id) ?? this.#batch.jobs.get(job.id);
		if (!this.#found.has(job.id) || before?.job === undefined) {
			throw new CaissonError('internal', `Job ${job.id} was saved without having been found in the same unit.`);
		}
		requireStorableColumns(job);
		const row = { ...before.job, ...changeable({ ...job, workflow: before.job.workflow }) };
		const trim = before.trim || job.version % TRIM_EVERY === 0;
		this.#set(job.id, {
			...before,
			job: row,
			changed: true,
			history: [...before.history, ...history.map(historyRow)],
			trim,
		});
	}

	async #removeJob(id: string): Promise<boolean> {
		const before = await this.#job(id);
		this.#found.delete(id);
		if (before?.job === undefined) return false;
		this.#set(id, { stored: before.stored, job: undefined, inserted: false, changed: true, history: [], trim: false });
		return true;
	}

	#set(id: string, entry: JobEntry): void {
		if (entry.inserted && !this.changes.jobs.get(id)?.inserted) this.changes.jobs.delete(id);
		this.changes.jobs.set(id, entry);
	}

	async #insertWorkflow(workflow: Workflow): Promise<void> {
		const before = await this.#workflow(workflow.name);
		if (before.workflow !== undefined) {
			throw new CaissonError('workflow-exists', `A workflow ${workflow.name} exists already.`);
		}
		// As it will be read: what JSON cannot say is not there.
		const stored = JSON.parse(JSON.stringify(workflow)) as Workflow;
		this.changes.workflows.set(workflow.name, { stored: before.stored, workflow: stored, inserted: true });
	}

	async #removeWorkflow(name: string): Promise<boolean> {
		const before = await this.#workflow(name);
		if (before.workflow === undefined) return false;
		const jobs = [...new Map([...this.#batch.jobs, ...this.changes.jobs]).values()];
		const gone = jobs.flatMap(({ stored, job, inserted }) => (stored && (!job || inserted) ? [stored.seq] : []));
		const used =
			jobs.some(({ job, inserted }) => inserted && job?.workflow.name === name) ||
			(!before.inserted && before.stored !== undefined && (await this.#fetch.inUse(before.stored, gone)));
		if (used) throw new CaissonError('workflow-in-use', `The workflow ${name} cannot be deleted: jobs refer to it.`);
		this.changes.workflows.set(name, { stored: before.stored, workflow: undefined, inserted: false });
		return true;
	}

	async #lastSeal(): Promise<StoredSeal | undefined> {
		return this.changes.seals.at(-1) ?? this.#batch.seals.at(-1) ?? (await this.#fetch.lastSeal());
	}

	async #appendSeal(seal: StoredSeal): Promise<void> {
		const last = (await this.#lastSeal())?.number ?? 0;
		if (seal.number !== last + 1) {
			throw new CaissonError(
				'internal',
				`Seal ${seal.number} of the audit trail does not follow the last one, ${last}.`,
			);
		}
		this.changes.seals.push(seal);
	}

	#insertToken(token: NewToken, hash: string): void {
		requireStorable('name', token.name);
		requireStorable('clientId', token.clientId ?? '');
		this.changes.tokens.inserted.push({ ...token, hash });
	}

	#addTraffic(rows: readonly Traffic[]): void {
		for (const { clientId } of rows) requireStorable('clientId', clientId);
		this.changes.traffic.added.push(...rows);
	}

	#appendEvent(event: NewJobEvent): void {
		for (const [name, text] of Object.entries(event)) if (typeof text === 'string') requireStorable(name, text);
		this.changes.events.push(event);
	}
}

/** What stands in columns of its own; all else is JSON. */
function requireStorableColumns(job: Job): void {
	for (const tag of job.tags) requireStorable('tag', tag);
	requireStorable('state', job.status.state);
	requireStorable('group', groupOf(job.workflow, job.status.state));
}

// What is JSON becomes text at once: a value that cannot be written fails its own step, not the batch.
function historyRow({ mtime, status, definition, reports }: HistoryEntry): HistoryRow {
	return { mtime, status: textOrNull(status), definition: textOrNull(definition), reports };
}

export function auditLine({ time, actor, action, subject, detail }: AuditRow): AuditLine {
	return {
		time,
		actor: visibleText(actor),
		action: visibleText(action),
		subject: visibleText(subject),
		detail: textOrNull(detail),
	};
}

function changeable(job: Job): Omit<JobRow, 'id' | 'client_id' | 'stime'> {
	return {
		tags: JSON.stringify(job.tags),
		status: JSON.stringify(job.status),
		definition: textOrNull(job.definition),
		mtime: job.mtime,
		version: job.version,
		reports: job.reports,
		workflow: job.workflow,
		grp: groupOf(job.workflow, job.status.state),
		state: job.status.state,
	};
}
