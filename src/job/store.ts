// What jobs need of storage: reading committed jobs and events, and changing them inside one unit of work. A change
// of a job, its event and its audit row commit together, durably, before anybody is answered.

import type { AuditWriter } from '../audit/store.ts';
import type { WorkflowWriter } from '../workflow/store.ts';
import type { JobFilter } from './rules/filter.ts';
import type { HistoryEntry, Job, JobEvent, NewJobEvent } from './rules/model.ts';

export type { JobFilter } from './rules/filter.ts';
export type { JobEvent, NewJobEvent } from './rules/model.ts';

export interface JobPage {
	readonly offset: number;
	readonly limit: number;
	/** By stime; ties in the order of creation. */
	readonly sort: 'asc' | 'desc';
	readonly total: boolean;
}

/** Reads see committed, durable data only, never a unit of work under way. */
export interface JobReader {
	/** Absent: undefined. */
	find(id: string): Promise<Job | undefined>;
	/** Newest first, jobLimits.historyEntries at most; empty where the job is unknown. */
	history(id: string): Promise<HistoryEntry[]>;
	query(filter: JobFilter, page: JobPage): Promise<{ jobs: Job[]; total?: number }>;
}

/** Inside one unit of work. Units that touch the same job run one after the other: find sees the last committed one. */
export interface JobWriter {
	/** As this unit sees it; on PostgreSQL the row is locked until the unit ends. Absent: undefined. */
	find(id: string): Promise<Job | undefined>;
	/** The job's workflow must exist. */
	insert(job: Job): Promise<void>;
	/**
	 * Replaces status, definition, tags, mtime, version and reports of the job with this id and adds `history`,
	 * oldest first. The job must have been found in the same unit.
	 */
	save(job: Job, history: readonly HistoryEntry[]): Promise<void>;
	/** Removes the job, its tags and its history; events and audit rows stay. @returns false where there is none */
	remove(id: string): Promise<boolean>;
}

export interface EventWriter {
	append(event: NewJobEvent): Promise<void>;
}

export interface EventReader {
	/** Committed events with an id above `after`, ascending, `limit` at most. */
	read(after: number, limit: number): Promise<JobEvent[]>;
	/**
	 * The range of ids held. `last` is 0 before the first event and never falls; `first` is last + 1 where none is
	 * held (all were pruned, or there was none).
	 */
	range(): Promise<{ first: number; last: number }>;
	/** Forgets events created before `time` (ms). @returns how many */
	prune(time: number): Promise<number>;
}

export interface JobUnit {
	readonly jobs: JobWriter;
	readonly workflows: WorkflowWriter;
	readonly events: EventWriter;
	readonly audit: AuditWriter;
}
