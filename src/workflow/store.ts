// What workflows need of storage. Workflows are immutable: created, read, deleted, never changed.

import type { AuditRow } from '../audit/store.ts';
import type { Workflow } from './rules/model.ts';

export interface WorkflowPage {
	/** Rows to skip; 0 or more. */
	readonly offset: number;
	/** Rows at most. wfx sets no upper bound; neither does the store. */
	readonly limit: number;
	readonly sort: 'asc' | 'desc';
	/** Also count all rows; costs a scan of the index. */
	readonly total: boolean;
}

/** Reads see committed, durable data only. */
export interface WorkflowReader {
	/** Absent: undefined. */
	find(name: string): Promise<Workflow | undefined>;
	/** Ordered by name (byte order). */
	list(page: WorkflowPage): Promise<{ workflows: Workflow[]; total?: number }>;
}

/** Inside one unit of work; what it does is visible to others only after the unit has committed. */
export interface WorkflowWriter {
	find(name: string): Promise<Workflow | undefined>;
	/** @throws CaissonError workflow-exists */
	insert(workflow: Workflow): Promise<void>;
	/** @returns false where no workflow has this name. @throws CaissonError workflow-in-use while jobs refer to it */
	remove(name: string): Promise<boolean>;
}

export interface WorkflowUnit {
	readonly workflows: WorkflowWriter;
	readonly audit: { append(row: AuditRow): Promise<void> };
}
