// One unit of work on the write connection: the statements behind JobWriter, WorkflowWriter, EventWriter and
// AuditWriter. It decides what each call writes; when a transaction begins, ends or is rolled back is the writer's
// business. Every call does its work before it returns its promise, so a unit never waits.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AuditRow, StoredSeal } from '../../audit/store.ts';
import { CaissonError } from '../../errors.ts';
import { type HistoryEntry, type Job, jobLimits } from '../../job/rules/model.ts';
import type { NewJobEvent } from '../../job/store.ts';
import type { TrustUnit } from '../../trust/store.ts';
import type { Workflow } from '../../workflow/rules/model.ts';
import { groupOf } from '../../workflow/rules/walk.ts';
import type { UnitOfWork } from '../store.ts';
import { trustWriter } from '../trust.ts';
import { lastSealQuery, sealFromRow } from './chain.ts';
import { jobColumns, jobFromRow, textOrNull, WorkflowCache } from './rows.ts';
import { isSqliteError, storageError } from './sqlite-error.ts';
import { TokenStatements } from './tokens.ts';
import { TrafficStatements } from './traffic.ts';
import { sqliteTrust, TrustStatements } from './trust.ts';

// History beyond what a reader ever sees is dropped every so many changes of a job, as looking for it takes a walk
// over the index.
const TRIM_EVERY = 512;

/** The prepared statements of the write connection, shared by all its units. */
export class UnitStatements {
	readonly workflows: WorkflowCache;
	readonly findJob: StatementSync;
	readonly insertJob: StatementSync;
	readonly updateJob: StatementSync;
	readonly deleteJob: StatementSync;
	readonly insertTag: StatementSync;
	readonly deleteTags: StatementSync;
	readonly insertHistory: StatementSync;
	readonly trimHistory: StatementSync;
	readonly findWorkflow: StatementSync;
	readonly insertWorkflow: StatementSync;
	readonly workflowInUse: StatementSync;
	readonly deleteWorkflow: StatementSync;
	readonly insertEvent: StatementSync;
	readonly insertAudit: StatementSync;
	readonly pruneEvents: StatementSync;
	readonly lastSeal: StatementSync;
	readonly insertSeal: StatementSync;
	readonly tokens: TokenStatements;
	readonly traffic: TrafficStatements;
	readonly trust: TrustStatements;

	constructor(database: DatabaseSync) {
		this.workflows = new WorkflowCache(database);
		this.findJob = database.prepare(`select ${jobColumns} from job where id = ?`);
		this.insertJob = database.prepare(
			'insert into job (id, client_id, workflow_seq, grp, state, tags, status, definition, stime, mtime, version, reports) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
		);
		this.updateJob = database.prepare(
			'update job set grp = ?, state = ?, tags = ?, status = ?, definition = ?, mtime = ?, version = ?, reports = ? where seq = ?',
		);
		this.deleteJob = database.prepare('delete from job where id = ?');
		this.insertTag = database.prepare('insert into job_tag (tag, stime, job_seq) values (?, ?, ?)');
		this.deleteTags = database.prepare('delete from job_tag where job_seq = ?');
		this.insertHistory = database.prepare(
			'insert into job_history (job_seq, mtime, status, definition, reports) values (?, ?, ?, ?, ?)',
		);
		this.trimHistory = database.prepare(
			`delete from job_history where job_seq = ?1 and seq <= (select seq from job_history where job_seq = ?1 order by seq desc limit 1 offset ${jobLimits.historyEntries})`,
		);
		this.findWorkflow = database.prepare('select seq from workflow where name = ?');
		this.insertWorkflow = database.prepare('insert into workflow (name, body) values (?, ?)');
		this.workflowInUse = database.prepare('select 1 from job where workflow_seq = ? limit 1');
		this.deleteWorkflow = database.prepare('delete from workflow where seq = ?');
		this.insertEvent = database.prepare(
			'insert into event (ctime, action, job_id, client_id, workflow, job) values (?, ?, ?, ?, ?, ?)',
		);
		this.insertAudit = database.prepare(
			'insert into audit (time, actor, action, subject, detail) values (?, ?, ?, ?, ?)',
		);
		this.lastSeal = database.prepare(lastSealQuery);
		this.insertSeal = database.prepare('insert into audit_seal (number, body) values (?, ?)');
		this.tokens = new TokenStatements(database);
		this.traffic = new TrafficStatements(database);
		this.trust = new TrustStatements(database);
		this.pruneEvents = database.prepare(
			'delete from event where id in (select id from event where ctime < ? order by ctime limit ?)',
		);
	}
}

/** What the unit has found of a job: enough to write it back. */
interface FoundJob {
	readonly seq: number;
	readonly tags: string;
	readonly stime: number;
}

export class SqliteUnit implements UnitOfWork, TrustUnit {
	readonly jobs: UnitOfWork['jobs'];
	readonly workflows: UnitOfWork['workflows'];
	readonly events: UnitOfWork['events'];
	readonly audit: UnitOfWork['audit'];
	readonly seals: UnitOfWork['seals'];
	readonly tokens: UnitOfWork['tokens'];
	readonly traffic: UnitOfWork['traffic'];
	#trust: TrustUnit['trust'] | undefined;
	/** How many events it has appended. */
	eventCount = 0;
	/** Row numbers that are free again when the unit is rolled back. */
	readonly insertedWorkflows: number[] = [];
	/** The first error of the database itself: the unit cannot be kept, whatever its step makes of the error. */
	failure: unknown;
	readonly #statements: UnitStatements;
	readonly #found = new Map<string, FoundJob>();
	#ended = false;

	constructor(statements: UnitStatements) {
		this.#statements = statements;
		this.jobs = {
			find: async (id) => this.#do(() => this.#findJob(id)),
			insert: async (job) => this.#do(() => this.#insertJob(job)),
			save: async (job, history) => this.#do(() => this.#saveJob(job, history)),
			remove: async (id) => this.#do(() => this.#removeJob(id)),
		};
		this.workflows = {
			find: async (name) => this.#do(() => this.#findWorkflow(name)),
			insert: async (workflow) => this.#do(() => this.#insertWorkflow(workflow)),
			remove: async (name) => this.#do(() => this.#removeWorkflow(name)),
		};
		this.events = { append: async (event) => this.#do(() => this.#appendEvent(event)) };
		this.audit = { append: async (row) => this.#do(() => this.#appendAudit(row)) };
		this.tokens = {
			insert: async (token, hash) => this.#do(() => this.#statements.tokens.insert(token, hash)),
			revoke: async (id, time) => this.#do(() => this.#statements.tokens.revoke(id, time)),
			used: async (uses) => this.#do(() => this.#statements.tokens.used(uses)),
		};
		this.traffic = {
			add: async (rows) => this.#do(() => this.#statements.traffic.add(rows)),
			prune: async (before) => this.#do(() => this.#statements.traffic.prune(before)),
		};
		// Units are serialised, so nobody else can seal between the two.
		this.seals = {
			last: async () => this.#do(() => sealFromRow(this.#statements.lastSeal.get())),
			append: async (seal) => this.#do(() => this.#appendSeal(seal)),
		};
	}

	/** Made where it is asked for: units of jobs, which are many, do not need it. */
	get trust(): TrustUnit['trust'] {
		this.#trust ??= trustWriter(sqliteTrust((sql, values) => this.#do(() => this.#statements.trust.all(sql, values))));
		return this.#trust;
	}

	/** Forgets `limit` events at most that were created before `time`. @returns how many */
	async pruneEvents(time: number, limit: number): Promise<number> {
		return this.#do(() => Number(this.#statements.pruneEvents.run(time, limit).changes));
	}

	/** From now on every call throws: a step that keeps its unit would write into somebody else's transaction. */
	end(): void {
		this.#ended = true;
	}

	#do<Result>(work: () => Result): Result {
		if (this.#ended) {
			throw new CaissonError('internal', 'A unit of work was used after its step had ended.');
		}
		if (this.failure !== undefined) throw this.failure;
		try {
			return work();
		} catch (error) {
			if (!isSqliteError(error)) throw error;
			this.failure = storageError(error);
			throw this.failure;
		}
	}

	#findJob(id: string): Job | undefined {
		const row = this.#statements.findJob.get(id);
		if (row === undefined) return undefined;
		this.#found.set(id, { seq: Number(row.seq), tags: String(row.tags), stime: Number(row.stime) });
		return jobFromRow(row, this.#statements.workflows);
	}

	#insertJob(job: Job): void {
		const workflow = this.#statements.findWorkflow.get(job.workflow.name);
		if (workflow === undefined) {
			throw new CaissonError('workflow-not-found', `There is no workflow ${job.workflow.name}.`);
		}
		const tags = JSON.stringify(job.tags);
		const { lastInsertRowid } = this.#statements.insertJob.run(
			job.id,
			job.clientId,
			Number(workflow.seq),
			groupOf(job.workflow, job.status.state),
			job.status.state,
			tags,
			JSON.stringify(job.status),
			textOrNull(job.definition),
			job.stime,
			job.mtime,
			job.version,
			job.reports,
		);
		const found = { seq: Number(lastInsertRowid), tags, stime: job.stime };
		for (const tag of job.tags) this.#statements.insertTag.run(tag, found.stime, found.seq);
		this.#found.set(job.id, found);
	}

	#saveJob(job: Job, history: readonly HistoryEntry[]): void {
		const found = this.#found.get(job.id);
		if (found === undefined) {
			throw new CaissonError('internal', `Job ${job.id} was saved without having been found in the same unit.`);
		}
		const tags = JSON.stringify(job.tags);
		this.#statements.updateJob.run(
			groupOf(job.workflow, job.status.state),
			job.status.state,
			tags,
			JSON.stringify(job.status),
			textOrNull(job.definition),
			job.mtime,
			job.version,
			job.reports,
			found.seq,
		);
		if (tags !== found.tags) {
			this.#statements.deleteTags.run(found.seq);
			for (const tag of job.tags) this.#statements.insertTag.run(tag, found.stime, found.seq);
			this.#found.set(job.id, { ...found, tags });
		}
		for (const { mtime, status, definition, reports } of history) {
			this.#statements.insertHistory.run(found.seq, mtime, textOrNull(status), textOrNull(definition), reports);
		}
		if (job.version % TRIM_EVERY === 0) this.#statements.trimHistory.run(found.seq);
	}

	#removeJob(id: string): boolean {
		this.#found.delete(id);
		return Number(this.#statements.deleteJob.run(id).changes) > 0;
	}

	#findWorkflow(name: string): Workflow | undefined {
		const row = this.#statements.findWorkflow.get(name);
		return row === undefined ? undefined : this.#statements.workflows.get(Number(row.seq));
	}

	#insertWorkflow(workflow: Workflow): void {
		if (this.#statements.findWorkflow.get(workflow.name) !== undefined) {
			throw new CaissonError('workflow-exists', `Workflow with name '${workflow.name}' already exists`);
		}
		const { lastInsertRowid } = this.#statements.insertWorkflow.run(workflow.name, JSON.stringify(workflow));
		this.insertedWorkflows.push(Number(lastInsertRowid));
	}

	#removeWorkflow(name: string): boolean {
		const row = this.#statements.findWorkflow.get(name);
		if (row === undefined) return false;
		const seq = Number(row.seq);
		if (this.#statements.workflowInUse.get(seq) !== undefined) {
			throw new CaissonError('workflow-in-use', `The workflow ${name} cannot be deleted: jobs refer to it.`);
		}
		this.#statements.deleteWorkflow.run(seq);
		this.#statements.workflows.forget(seq);
		return true;
	}

	#appendEvent(event: NewJobEvent): void {
		const { ctime, action, jobId, clientId, workflow, job } = event;
		this.#statements.insertEvent.run(ctime, action, jobId, clientId, workflow, job);
		this.eventCount++;
	}

	#appendSeal({ number, body }: StoredSeal): void {
		const last = Number(this.#statements.lastSeal.get()?.number ?? 0);
		if (number !== last + 1) {
			throw new CaissonError('internal', `Seal ${number} of the audit trail does not follow the last one, ${last}.`);
		}
		this.#statements.insertSeal.run(number, body);
	}

	#appendAudit(row: AuditRow): void {
		this.#statements.insertAudit.run(row.time, row.actor, row.action, row.subject, textOrNull(row.detail));
	}
}
