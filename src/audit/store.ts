// The audit trail: who did what to what, committed in the same unit of work as the change itself. Rows are only ever
// appended. Sealing (the hash chain over committed rows) and reading come later and read the same table.

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
