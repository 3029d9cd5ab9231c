// What a job is: one device taken through one workflow (siemens/wfx, spec/wfx.openapi.yml, schemas Job, JobStatus,
// History, JobEvent). Values only; times are milliseconds since the epoch.

import type { Workflow } from '../../workflow/rules/model.ts';

/** A JSON object as a client sent it. */
export type JsonObject = { readonly [key: string]: unknown };

export interface JobStatus {
	readonly state: string;
	readonly clientId?: string;
	/** Percent; at most 100, negative allowed as in wfx. */
	readonly progress?: number;
	/** At most 1024 characters. */
	readonly message?: string;
	readonly context?: JsonObject;
	/** Hex SHA-256 of the definition (see definition-hash.ts); always the server's, never the client's. */
	readonly definitionHash?: string;
}

export interface Job {
	readonly id: string;
	readonly clientId: string;
	readonly workflow: Workflow;
	/** Sorted, without repeats. */
	readonly tags: readonly string[];
	readonly definition?: JsonObject;
	readonly status: JobStatus;
	/** Created. */
	readonly stime: number;
	/** Last changed. */
	readonly mtime: number;
	/** 1 at creation, one more with every saved change: what If-Match compares. */
	readonly version: number;
	/** How many reports in a row the present status stands for: 1, or more where equal reports were folded into it. */
	readonly reports: number;
}

/** What the job was before a change. */
export interface HistoryEntry {
	/** When it had become so. */
	readonly mtime: number;
	/** Absent where the change was one of tags only. */
	readonly status?: JobStatus;
	/** The definition that a change of definition replaced. */
	readonly definition?: JsonObject;
	/** As Job.reports: how many reports were folded into this entry. */
	readonly reports: number;
}

export type JobAction = 'CREATE' | 'DELETE' | 'ADD_TAGS' | 'DELETE_TAGS' | 'UPDATE_STATUS' | 'UPDATE_DEFINITION';

export const jobActions: readonly JobAction[] = [
	'CREATE',
	'DELETE',
	'ADD_TAGS',
	'DELETE_TAGS',
	'UPDATE_STATUS',
	'UPDATE_DEFINITION',
];

/** Limits of wfx's schema and code. */
export const jobLimits = { tags: 16, messageLength: 1024, progress: 100, historyEntries: 8192 } as const;

export interface NewJobEvent {
	readonly ctime: number;
	readonly action: JobAction;
	readonly jobId: string;
	readonly clientId: string;
	/** Name of the workflow. */
	readonly workflow: string;
	/** The `job` of the event as JSON text, ready to send: what it holds depends on the action (see changes.ts). */
	readonly job: string;
}

export interface JobEvent extends NewJobEvent {
	/** Ascending in commit order; never reused, also after a crash. */
	readonly id: number;
}
