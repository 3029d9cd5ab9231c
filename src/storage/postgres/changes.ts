// What a unit of work, or a whole batch of them, has read and wants to change, in memory: rows under lock, and what
// becomes of them. It decides how changes of one job add up. It leaves out SQL: fetch.ts fills it, flush.ts writes it.
//
// A batch has one of these, and each of its units another on top: the unit's is added to the batch's where its step
// succeeded and forgotten where it failed. So a failed step costs no savepoint and nothing of it reaches the database.

import type { RawAuditRow, StoredSeal } from '../../audit/store.ts';
import type { NewJobEvent } from '../../job/store.ts';
import type { Workflow } from '../../workflow/rules/model.ts';
import { addTokenChanges, noTokenChanges, type TokenChanges } from './tokens.ts';
import { addTrafficChanges, noTrafficChanges, type TrafficChanges } from './traffic.ts';

/** A job as its row has it: what is JSON stays text, so that nobody changes it from outside. */
export interface JobRow {
	readonly id: string;
	readonly client_id: string;
	readonly tags: string;
	readonly status: string;
	readonly definition: string | null;
	readonly stime: number;
	readonly mtime: number;
	readonly version: number;
	readonly reports: number;
	/** Not of the row itself: its workflow, the group and the state, as columns follow from them. */
	readonly workflow: Workflow;
	readonly grp: string;
	readonly state: string;
}

export interface HistoryRow {
	readonly mtime: number;
	readonly status: string | null;
	readonly definition: string | null;
	readonly reports: number;
}

/** An audit row as it is stored but for its id. */
export type AuditLine = Omit<RawAuditRow, 'id'>;

export interface JobEntry {
	/** The number of the row in the table and its tags there; undefined where there is none, or none is known of. */
	readonly stored: { readonly seq: number; readonly tags: string } | undefined;
	/** The job as it is after the changes so far; undefined: there is none. */
	readonly job: JobRow | undefined;
	/** `job` is a row to be inserted, not the stored one. */
	readonly inserted: boolean;
	readonly changed: boolean;
	/** To be added to the history of `job`, oldest first. */
	readonly history: readonly HistoryRow[];
	/** Is it time to drop history that no reader sees? */
	readonly trim: boolean;
}

export interface WorkflowEntry {
	/** The number of the row in the table; undefined where there is none. */
	readonly stored: number | undefined;
	readonly workflow: Workflow | undefined;
	readonly inserted: boolean;
}

export class Changes {
	readonly jobs = new Map<string, JobEntry>();
	readonly workflows = new Map<string, WorkflowEntry>();
	readonly events: NewJobEvent[] = [];
	readonly audit: AuditLine[] = [];
	readonly tokens: TokenChanges = noTokenChanges();
	readonly traffic: TrafficChanges = noTrafficChanges();
	/** Seals to be appended, ascending. */
	readonly seals: StoredSeal[] = [];
	/** The newest seal of the table, once it has been read under lock. */
	storedSeal: { readonly seal: StoredSeal | undefined } | undefined;

	/** Takes over what a unit on top of this one has changed. */
	add(unit: Changes): void {
		for (const [id, entry] of unit.jobs) {
			// Inserted jobs stand in the order in which they were made, as do their numbers.
			if (entry.inserted) this.jobs.delete(id);
			this.jobs.set(id, entry);
		}
		for (const [name, entry] of unit.workflows) this.workflows.set(name, entry);
		this.events.push(...unit.events);
		this.audit.push(...unit.audit);
		this.seals.push(...unit.seals);
		addTokenChanges(this.tokens, unit.tokens);
		addTrafficChanges(this.traffic, unit.traffic);
	}

	/** Is there anything to write? */
	get isEmpty(): boolean {
		if (this.events.length > 0 || this.audit.length > 0 || this.seals.length > 0) return false;
		const { inserted, revoked, used } = this.tokens;
		if (inserted.length > 0 || revoked.length > 0 || used.length > 0) return false;
		if (this.traffic.added.length > 0 || this.traffic.pruned.length > 0) return false;
		for (const { changed } of this.jobs.values()) if (changed) return false;
		for (const { stored, workflow, inserted } of this.workflows.values()) {
			if (inserted || (stored !== undefined && workflow === undefined)) return false;
		}
		return true;
	}
}
