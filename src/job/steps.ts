// What happens to jobs, each as one unit of work: load, decide by the rules, save, say so in an event and an audit
// row, all committed together. Routes, housekeeping and later campaigns call these; nobody else writes jobs. It leaves
// out who is asking and whether they may ask at all (the ports and src/access decide).

import { CaissonError } from '../errors.ts';
import type { Commit } from '../unit-of-work.ts';
import type { Actor } from '../workflow/rules/model.ts';
import type { FoldedReports, Folding } from './folding.ts';
import {
	createdJobWire,
	definitionChange,
	deletionPayload,
	foldedChange,
	type JobChange,
	type JobRequest,
	newJob,
	statusChange,
	tagsChange,
} from './rules/changes.ts';
import type { Sha256Hex } from './rules/definition-hash.ts';
import { jobMatches } from './rules/filter.ts';
import type { Job, JobStatus, JsonObject } from './rules/model.ts';
import { decideStatusReport, type StatusReport } from './rules/status.ts';
import type { JobWire } from './rules/wire.ts';
import type { JobFilter, JobReader, JobUnit } from './store.ts';

/** What the steps stand on. */
export interface JobWorld {
	readonly jobs: JobReader;
	readonly commit: Commit<JobUnit>;
	readonly folding: Folding;
	readonly now: () => number;
	readonly newId: () => string;
	readonly sha256: Sha256Hex;
}

/** Who asks: a name for the audit trail, and what the job must be for the change to be made. */
export interface Request {
	readonly by: string;
	/** The version that the job must have (If-Match). */
	readonly ifVersion?: number;
	/** The device whose job it must be: another's is unknown to it. */
	readonly owner?: string;
}

/** At most this many jobs are created or deleted in one unit of work, so that others wait only briefly. */
const bulkUnit = 200;

/**
 * Creates a job.
 * @returns its wire form as wfx answers it
 * @throws CaissonError workflow-not-found
 */
export async function createJob(world: JobWorld, request: JobRequest, by: string): Promise<JobWire> {
	const job = await world.commit((unit) => insertJob(world, unit, request, by));
	return createdJobWire(job, request);
}

/**
 * Creates one job a client, all with the same workflow, definition and tags, in units of work of 200. Not all or
 * nothing: where one unit fails, those before it stay.
 */
export async function createJobs(
	world: JobWorld,
	clientIds: readonly string[],
	request: Omit<JobRequest, 'clientId'>,
	by: string,
): Promise<{ clientId: string; id: string }[]> {
	const made: { clientId: string; id: string }[] = [];
	for (let start = 0; start < clientIds.length; start += bulkUnit) {
		const some = clientIds.slice(start, start + bulkUnit);
		const jobs = await world.commit(async (unit) => {
			const inserted: Job[] = [];
			for (const clientId of some) inserted.push(await insertJob(world, unit, { ...request, clientId }, by));
			return inserted;
		});
		made.push(...jobs.map((job) => ({ clientId: job.clientId, id: job.id })));
	}
	return made;
}

async function insertJob(world: JobWorld, unit: JobUnit, request: JobRequest, by: string): Promise<Job> {
	const workflow = await unit.workflows.find(request.workflow);
	if (workflow === undefined) {
		throw new CaissonError('workflow-not-found', `workflow ${request.workflow} does not exist`);
	}
	const now = world.now();
	const change = newJob(request, workflow, { id: world.newId(), now, sha256: world.sha256 });
	await unit.jobs.insert(change.job);
	await tell(unit, change, by, now, { clientId: request.clientId, workflow: request.workflow });
	return change.job;
}

/**
 * A status report from a device (CLIENT) or an operator (WFX). A device's repetition of its last report is folded in
 * memory; everything else is on disk when this returns.
 * @throws CaissonError job-not-found, transition-refused, precondition-failed
 */
export async function updateStatus(
	world: JobWorld,
	id: string,
	report: StatusReport,
	actor: Actor,
	request: Request,
): Promise<{ status: JobStatus; version: number }> {
	if (actor === 'CLIENT' && request.ifVersion === undefined) {
		const stored = await world.jobs.find(id);
		if (stored === undefined || !isOwn(stored, request)) throw jobNotFound(id);
		const job = world.folding.shown(stored);
		const decision = decideStatusReport(job, report, actor);
		if (decision.kind === 'repeated') {
			world.folding.add(job, decision.status, world.now());
			return { status: decision.status, version: stored.version };
		}
	}
	return changeJob(world, id, request, async (unit, job, now) => {
		const change = statusChange(job, report, actor, now);
		if ('kind' in change) throw new CaissonError('transition-refused', change.message);
		await tell(unit, change, request.by, now, { from: job.status.state, to: change.job.status.state });
		return change;
	}).then((job) => ({ status: job.status, version: job.version }));
}

/** Replaces a job's definition. @throws CaissonError job-not-found, precondition-failed */
export async function updateDefinition(
	world: JobWorld,
	id: string,
	definition: JsonObject,
	request: Request,
): Promise<Job> {
	return changeJob(world, id, request, async (unit, job, now) => {
		const change = definitionChange(job, definition, now, world.sha256);
		await tell(unit, change, request.by, now, { definitionHash: change.job.status.definitionHash });
		return change;
	});
}

/** Adds or removes tags. @throws CaissonError job-not-found, precondition-failed */
export async function editTags(
	world: JobWorld,
	id: string,
	edit: 'add' | 'remove',
	tags: readonly string[],
	request: Request,
): Promise<Job> {
	return changeJob(world, id, request, async (unit, job, now) => {
		const change = tagsChange(job, edit, tags, now);
		await tell(unit, change, request.by, now, { tags });
		return change;
	});
}

/** Deletes a job with its history. @throws CaissonError job-not-found, precondition-failed */
export async function deleteJob(world: JobWorld, id: string, request: Request): Promise<void> {
	await world.commit(async (unit) => {
		const job = await unit.jobs.find(id);
		if (job === undefined) throw jobNotFound(id);
		requireVersion(job, request.ifVersion);
		await removeJob(world, unit, job, request.by);
	});
	world.folding.forget(id);
}

/**
 * Deletes the jobs that match, oldest first, in units of work of 200, until none or `limit` are gone.
 * @returns how many were deleted
 */
export async function deleteJobs(world: JobWorld, filter: JobFilter, limit: number, by: string): Promise<number> {
	let deleted = 0;
	while (deleted < limit) {
		const before = deleted;
		const page = { offset: 0, limit: Math.min(bulkUnit, limit - deleted), sort: 'asc', total: false } as const;
		const { jobs } = await world.jobs.query(filter, page);
		if (jobs.length === 0) break;
		deleted += await world.commit(async (unit) => {
			let removed = 0;
			for (const { id } of jobs) {
				const job = await unit.jobs.find(id);
				// It may have changed since it was found.
				if (job === undefined || !jobMatches(filter, job)) continue;
				await removeJob(world, unit, job, by);
				removed++;
			}
			return removed;
		});
		for (const { id } of jobs) world.folding.forget(id);
		if (deleted === before) break;
	}
	return deleted;
}

async function removeJob(world: JobWorld, unit: JobUnit, job: Job, by: string): Promise<void> {
	const now = world.now();
	await unit.jobs.remove(job.id);
	await tell(unit, { job, action: 'DELETE', payload: deletionPayload(job) }, by, now, {
		clientId: job.clientId,
		workflow: job.workflow.name,
		state: job.status.state,
	});
}

/**
 * Writes folded reports into their jobs: one event each, no history, and no audit row, as no state changes.
 * @returns how many jobs were written
 */
export async function writeFolded(world: JobWorld, folded: readonly FoldedReports[]): Promise<number> {
	let written = 0;
	for (let start = 0; start < folded.length; start += bulkUnit) {
		const some = folded.slice(start, start + bulkUnit);
		written += await world.commit(async (unit) => {
			let saved = 0;
			for (const reports of some) {
				const job = await unit.jobs.find(reports.jobId);
				const change = job && foldedChange(job, reports);
				if (change === undefined) continue;
				await unit.jobs.save(change.job, change.history);
				if (reports.progressed) await appendEvent(unit, change, world.now());
				saved++;
			}
			return saved;
		});
		for (const reports of some) world.folding.settle(reports);
	}
	return written;
}

/** Loads the job with its folded reports, lets `decide` change it, saves it, and settles the reports. */
async function changeJob(
	world: JobWorld,
	id: string,
	request: Request,
	decide: (unit: JobUnit, job: Job, now: number) => Promise<JobChange>,
): Promise<Job> {
	let folded: FoldedReports | undefined;
	const saved = await world.commit(async (unit) => {
		const stored = await unit.jobs.find(id);
		if (stored === undefined || !isOwn(stored, request)) throw jobNotFound(id);
		requireVersion(stored, request.ifVersion);
		folded = world.folding.of(id);
		const now = world.now();
		const change = await decide(unit, world.folding.shown(stored), now);
		await unit.jobs.save(change.job, change.history);
		return change.job;
	});
	if (folded) world.folding.settle(folded);
	return saved;
}

function isOwn(job: Job, { owner }: Request): boolean {
	return owner === undefined || job.clientId === owner;
}

function requireVersion(job: Job, version: number | undefined): void {
	if (version !== undefined && version !== job.version) {
		throw new CaissonError('precondition-failed', `job ${job.id} is at version ${job.version}, not ${version}`);
	}
}

function jobNotFound(id: string): CaissonError {
	return new CaissonError('job-not-found', `job with id ${id} does not exist`);
}

const auditNames = {
	CREATE: 'job.create',
	DELETE: 'job.delete',
	ADD_TAGS: 'job.add-tags',
	DELETE_TAGS: 'job.delete-tags',
	UPDATE_STATUS: 'job.update-status',
	UPDATE_DEFINITION: 'job.update-definition',
} as const;

/** The event and the audit row of a change, in its unit of work. */
async function tell(
	unit: JobUnit,
	change: Pick<JobChange, 'job' | 'action' | 'payload'>,
	by: string,
	time: number,
	detail: Readonly<Record<string, unknown>>,
): Promise<void> {
	await appendEvent(unit, change, time);
	await unit.audit.append({ time, actor: by, action: auditNames[change.action], subject: change.job.id, detail });
}

async function appendEvent(
	unit: JobUnit,
	{ job, action, payload }: Pick<JobChange, 'job' | 'action' | 'payload'>,
	ctime: number,
): Promise<void> {
	await unit.events.append({
		ctime,
		action,
		jobId: job.id,
		clientId: job.clientId,
		workflow: job.workflow.name,
		job: JSON.stringify(payload),
	});
}
