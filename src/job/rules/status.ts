// May this actor report this status, and what does the job become? The heart of the job engine: values in, decision
// out (siemens/wfx, internal/handler/job/status/update.go). It leaves out who the actor is (the port and, later, the
// device's identity decide) and what becomes durable when (see folding.ts).

import type { Actor } from '../../workflow/rules/model.ts';
import { followImmediate, transitionAllowed } from '../../workflow/rules/walk.ts';
import type { HistoryEntry, Job, JobStatus, JsonObject } from './model.ts';

/** What a client sent; a definitionHash in it is ignored. */
export interface StatusReport {
	readonly state: string;
	readonly clientId?: string;
	readonly progress?: number;
	readonly message?: string;
	readonly context?: JsonObject;
}

export type StatusDecision =
	| { readonly kind: 'refused'; readonly reason: 'not-for-this-actor' | 'no-such-transition'; readonly message: string }
	/** The device says again what it said before; only its progress may differ. Need not be durable by itself. */
	| { readonly kind: 'repeated'; readonly status: JobStatus }
	| {
			readonly kind: 'changed';
			readonly status: JobStatus;
			/** The report as it was sent, where an IMMEDIATE hop replaced it: kept in the history. */
			readonly passed?: JobStatus;
	  };

/**
 * Decides a status report.
 * - A report of the state that the job is in is always allowed, also in a final state; otherwise the workflow must
 *   have the transition, and for this actor.
 * - IMMEDIATE transitions then carry the job on at once. Where they do, the new status has neither message, progress,
 *   context nor client id, as in wfx; what was sent is returned as `passed`.
 * - The definition hash is the job's own, whatever was sent.
 */
export function decideStatusReport(job: Job, report: StatusReport, actor: Actor): StatusDecision {
	const { workflow } = job;
	const from = job.status.state;
	const allowed = transitionAllowed(workflow, from, report.state, actor);
	if (allowed !== 'allowed') {
		const edge = `transition from '${from}' to '${report.state}'`;
		const message =
			allowed === 'no-such-transition' ? `${edge} does not exist` : `${edge} is not allowed for actor '${actor}'`;
		return { kind: 'refused', reason: allowed, message };
	}
	const hash = job.status.definitionHash;
	const sent = statusOf(report, hash);
	const resting = followImmediate(workflow, report.state).at(-1) ?? report.state;
	if (resting !== report.state) {
		return { kind: 'changed', status: { state: resting, ...(hash && { definitionHash: hash }) }, passed: sent };
	}
	const repeated = actor === 'CLIENT' && saysTheSame(job.status, sent);
	return { kind: repeated ? 'repeated' : 'changed', status: sent };
}

/** A status as it is kept: empty texts are absent (as wfx's JSON omits them), the hash is the given one. */
function statusOf(report: StatusReport, hash: string | undefined): JobStatus {
	return {
		state: report.state,
		...(report.clientId && { clientId: report.clientId }),
		...(report.progress !== undefined && { progress: report.progress }),
		...(report.message && { message: report.message }),
		...(report.context && { context: report.context }),
		...(hash && { definitionHash: hash }),
	};
}

/** Equal but for progress. */
function saysTheSame(a: JobStatus, b: JobStatus): boolean {
	return (
		a.state === b.state &&
		a.clientId === b.clientId &&
		a.message === b.message &&
		(a.progress === undefined) === (b.progress === undefined) &&
		jsonEqual(a.context, b.context)
	);
}

/** Equality of JSON values; the order of an object's members does not count. */
function jsonEqual(a: unknown, b: unknown): boolean {
	if (a === b) return true;
	if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
	if (Array.isArray(a) !== Array.isArray(b)) return false;
	const left = Object.entries(a);
	const right = new Map(Object.entries(b));
	return left.length === right.size && left.every(([key, value]) => right.has(key) && jsonEqual(value, right.get(key)));
}

/** What the job was, for the history, before a change of its status. */
export function historyOf(job: Job): HistoryEntry {
	return { mtime: job.mtime, status: job.status, reports: job.reports };
}
