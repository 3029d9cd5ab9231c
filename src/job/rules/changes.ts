// What a job becomes when it is created, when its status, definition or tags change, and which event says so. Values
// in, values out: nothing here is stored or sent. Event payloads are those of wfx (internal/handler/job/**), but that
// tag events name their workflow, which wfx leaves empty.

import type { Actor, Workflow } from '../../workflow/rules/model.ts';
import { followImmediate, initialState } from '../../workflow/rules/walk.ts';
import { definitionHash, type Sha256Hex } from './definition-hash.ts';
import type { HistoryEntry, Job, JobAction, JobStatus, JsonObject } from './model.ts';
import { decideStatusReport, historyOf, type StatusDecision, type StatusReport } from './status.ts';
import { compareUtf8 } from './utf8-order.ts';
import { definitionWire, type JobWire, jobWire } from './wire.ts';

export interface JobRequest {
	readonly clientId: string;
	/** Name of the workflow. */
	readonly workflow: string;
	readonly tags?: readonly string[];
	readonly definition?: JsonObject;
}

/** A change to commit: the job as it will be, what it was, and the event that says so. */
export interface JobChange {
	readonly job: Job;
	/** Oldest first. */
	readonly history: readonly HistoryEntry[];
	readonly action: JobAction;
	/** The `job` of the event. */
	readonly payload: JobWire;
}

/** A new job in the workflow's initial state, carried on along its IMMEDIATE transitions. */
export function newJob(
	request: JobRequest,
	workflow: Workflow,
	given: { id: string; now: number; sha256: Sha256Hex },
): JobChange {
	const initial = initialState(workflow);
	// Validation let no workflow in that has no single initial state.
	if (initial === undefined) throw new RangeError(`workflow ${workflow.name} has no initial state`);
	const job: Job = {
		id: given.id,
		clientId: request.clientId,
		workflow,
		tags: sortedTags(request.tags ?? []),
		...(request.definition && { definition: request.definition }),
		status: {
			clientId: request.clientId,
			state: followImmediate(workflow, initial).at(-1) ?? initial,
			definitionHash: definitionHash(request.definition, given.sha256),
		},
		stime: given.now,
		mtime: given.now,
		version: 1,
		reports: 1,
	};
	return { job, history: [], action: 'CREATE', payload: createdJobWire(job, request) };
}

/** The answer to a creation, which lists tags as they were sent and none where none were (wfx does). */
export function createdJobWire(job: Job, request: JobRequest): JobWire {
	const { tags: _, ...rest } = jobWire(job);
	return request.tags ? { ...rest, tags: request.tags } : rest;
}

/**
 * A status report, judged against the job as it is.
 * @returns the refusal as decideStatusReport gives it, or the change
 */
export function statusChange(
	job: Job,
	report: StatusReport,
	actor: Actor,
	now: number,
): JobChange | Extract<StatusDecision, { kind: 'refused' }> {
	const decision = decideStatusReport(job, report, actor);
	if (decision.kind === 'refused') return decision;
	const mtime = advance(job, now);
	const passed = decision.kind === 'changed' && decision.passed ? [{ mtime, status: decision.passed, reports: 1 }] : [];
	const changed: Job = { ...job, status: decision.status, mtime, version: job.version + 1, reports: 1 };
	return {
		job: changed,
		history: [historyOf(job), ...passed],
		action: 'UPDATE_STATUS',
		payload: { ...identity(changed), status: changed.status, mtime: time(mtime) },
	};
}

/**
 * Reports that were folded in memory become part of the job: same state, no entry in the history.
 * @returns undefined where the job has moved on meanwhile, so that the reports belong to a status that is past
 */
export function foldedChange(
	job: Job,
	folded: { readonly status: JobStatus; readonly reports: number; readonly mtime: number },
): JobChange | undefined {
	if (job.status.state !== folded.status.state || job.status.message !== folded.status.message) return undefined;
	const status = withHash(folded.status, job.status.definitionHash);
	const mtime = Math.max(job.mtime, folded.mtime);
	const changed: Job = { ...job, status, mtime, version: job.version + 1, reports: job.reports + folded.reports };
	return {
		job: changed,
		history: [],
		action: 'UPDATE_STATUS',
		payload: { ...identity(changed), status, mtime: time(mtime) },
	};
}

/** Replaces the definition; the history keeps the one that it replaces, with the hash that belonged to it. */
export function definitionChange(job: Job, definition: JsonObject, now: number, sha256: Sha256Hex): JobChange {
	const mtime = advance(job, now);
	const { definition: before, ...rest } = job;
	const hash = definitionHash(definition, sha256);
	const changed: Job = {
		...rest,
		definition,
		status: withHash(job.status, hash),
		mtime,
		version: job.version + 1,
	};
	return {
		job: changed,
		history: [{ ...historyOf(job), ...(before && { definition: before }) }],
		action: 'UPDATE_DEFINITION',
		payload: {
			...identity(changed),
			...definitionWire(changed),
			mtime: time(mtime),
			status: { state: '', definitionHash: hash },
		},
	};
}

/** Adds or removes tags; what is there already, or not there, is no error. A history entry without a status says when. */
export function tagsChange(job: Job, edit: 'add' | 'remove', tags: readonly string[], now: number): JobChange {
	const mtime = advance(job, now);
	const kept = edit === 'add' ? [...job.tags, ...tags] : job.tags.filter((tag) => !tags.includes(tag));
	const changed: Job = { ...job, tags: sortedTags(kept), mtime, version: job.version + 1 };
	return {
		job: changed,
		history: [{ mtime: job.mtime, reports: 1 }],
		action: edit === 'add' ? 'ADD_TAGS' : 'DELETE_TAGS',
		payload: { ...identity(changed), tags: changed.tags, mtime: time(mtime) },
	};
}

/** The payload of the event that says a job is gone. */
export function deletionPayload(job: Job): JobWire {
	return identity(job);
}

function identity(job: Job): JobWire {
	return { id: job.id, clientId: job.clientId, workflow: { name: job.workflow.name } };
}

function withHash(status: JobStatus, hash: string | undefined): JobStatus {
	const { definitionHash: _, ...rest } = status;
	return hash ? { ...rest, definitionHash: hash } : rest;
}

/** A job's mtime never runs backwards, also where the clock does. */
function advance(job: Job, now: number): number {
	return Math.max(job.mtime, now);
}

function time(ms: number): string {
	return new Date(ms).toISOString();
}

function sortedTags(tags: readonly string[]): string[] {
	return [...new Set(tags)].sort(compareUtf8);
}
