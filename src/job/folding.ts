// Repeated reports, held in memory until they are worth a durable write. A device that waits for its reboot says
// ACTIVATING at every poll, and a delta update reports its progress once a chunk (1,261 reports for one update of
// 112 kB were seen): each is acknowledged and shown at once, but written at most once a second, and not at all for as long as
// nothing but their number changes (then after `countInterval`). A crash loses at most that: a percentage and a
// count, never a state, message or context. See docs/adr/0005.
//
// It leaves out what counts as a repetition (rules/status.ts) and the writing itself (steps.ts).

import type { Job, JobStatus } from './rules/model.ts';

export interface FoldedReports {
	readonly jobId: string;
	/** The latest report. */
	readonly status: JobStatus;
	/** How many reports are folded here. */
	readonly reports: number;
	/** When the latest came. */
	readonly mtime: number;
	/** When the first came. */
	readonly since: number;
	/** Does the latest differ from what is on disk by more than its number? */
	readonly progressed: boolean;
}

export interface FoldingIntervals {
	/** Milliseconds after which changed progress is written. */
	readonly progressInterval: number;
	/** Milliseconds after which a mere count is written. */
	readonly countInterval: number;
}

export const defaultFolding: FoldingIntervals = { progressInterval: 1_000, countInterval: 300_000 };

/** The folded reports of one server. Not shared between servers: another one shows them when they are written. */
export class Folding {
	readonly #byJob = new Map<string, FoldedReports>();
	readonly #intervals: FoldingIntervals;

	constructor(intervals: FoldingIntervals = defaultFolding) {
		this.#intervals = intervals;
	}

	/** Takes in a repeated report of `job`, which is the job as `shown` gives it. */
	add(job: Job, status: JobStatus, now: number): void {
		const before = this.#byJob.get(job.id);
		this.#byJob.set(job.id, {
			jobId: job.id,
			status,
			reports: (before?.reports ?? 0) + 1,
			mtime: Math.max(now, job.mtime),
			since: before?.since ?? now,
			progressed: (before?.progressed ?? false) || status.progress !== job.status.progress,
		});
	}

	/** The folded reports of a job, if there are any. */
	of(jobId: string): FoldedReports | undefined {
		return this.#byJob.get(jobId);
	}

	/** The job as its clients should see it: what is stored, with the reports that are folded onto it. */
	shown(job: Job): Job {
		const folded = this.#byJob.get(job.id);
		if (folded === undefined || folded.status.state !== job.status.state) return job;
		const hash = job.status.definitionHash;
		const { definitionHash: _, ...status } = folded.status;
		return {
			...job,
			status: hash ? { ...status, definitionHash: hash } : status,
			mtime: Math.max(job.mtime, folded.mtime),
			reports: job.reports + folded.reports,
		};
	}

	/** The reports whose time to be written has come. */
	due(now: number): FoldedReports[] {
		const { progressInterval, countInterval } = this.#intervals;
		return this.all().filter((folded) => now - folded.since >= (folded.progressed ? progressInterval : countInterval));
	}

	all(): FoldedReports[] {
		return [...this.#byJob.values()];
	}

	/** These reports are on disk, or belong to a status that is past; those that came since stay. */
	settle(folded: FoldedReports): void {
		const held = this.#byJob.get(folded.jobId);
		if (held === undefined) return;
		if (held.reports <= folded.reports) this.#byJob.delete(folded.jobId);
		else {
			const progressed = held.status.progress !== folded.status.progress;
			this.#byJob.set(folded.jobId, { ...held, reports: held.reports - folded.reports, since: held.mtime, progressed });
		}
	}

	/** The job is gone. */
	forget(jobId: string): void {
		this.#byJob.delete(jobId);
	}
}
