// The audit trail: who did what to what, committed in the same unit of work as the change itself. Rows are only ever
// appended, and none is deleted in this version. The chain over them (seals) is written afterwards, in units of work of
// its own, so that sealing does not serialise writers.

import type { RawAuditRow } from './rules/line.ts';
import type { StoredSeal } from './rules/seal.ts';

export type { RawAuditRow } from './rules/line.ts';
export type { StoredSeal } from './rules/seal.ts';

export interface AuditRow {
	/** Milliseconds since the epoch, of the server that decided. */
	readonly time: number;
	/** Who: 'operator' (the operator token), 'anonymous' (an open port), 'caisson' (housekeeping), later a user or device. */
	readonly actor: string;
	/** `<noun>.<verb>`, e.g. 'job.create', 'job.update-status', 'workflow.delete', 'access.denied'. */
	readonly action: string;
	/** The id or name of what was acted on. */
	readonly subject: string;
	/** Facts that a reader of the trail needs; never a secret. */
	readonly detail?: Readonly<Record<string, unknown>>;
}

/** Append inside a unit of work: durable together with the change, or not at all. */
export interface AuditWriter {
	append(row: AuditRow): Promise<void>;
}

export interface StoredAuditRow extends AuditRow {
	/** Ascending in commit order, without reuse. */
	readonly id: number;
}

export interface AuditReader {
	/** Committed rows with an id above `after`, ascending, `limit` at most. */
	read(after: number, limit: number): Promise<StoredAuditRow[]>;
}

/**
 * Reading what the chain is made of: rows as they are stored, and seals. A row whose id is at or below one that was read
 * never appears later (ids ascend in commit order), so what was sealed stays complete.
 */
export interface AuditChainReader {
	/** Committed rows with an id above `after`, ascending, `limit` at most. Nothing in them is parsed. */
	rows(after: number, limit: number): Promise<RawAuditRow[]>;
	/** The same downwards: ids below `before`, descending. */
	rowsBefore(before: number, limit: number): Promise<RawAuditRow[]>;
	/** Seals with a number above `after`, ascending, `limit` at most. */
	seals(after: number, limit: number): Promise<StoredSeal[]>;
	/** The newest seal; undefined where there is none. */
	lastSeal(): Promise<StoredSeal | undefined>;
}

/** Sealing inside a unit of work. Of several servers one seals at a time: `last` waits for another's unit to end. */
export interface SealWriter {
	last(): Promise<StoredSeal | undefined>;
	/** @throws CaissonError internal where this number is taken: the caller did not go on from `last` */
	append(seal: StoredSeal): Promise<void>;
}
