// What only SQLite needs to read rows: the parsed workflows of one connection. The rows themselves are the same in both
// stores (../rows.ts).

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { CaissonError } from '../../errors.ts';
import type { Job } from '../../job/rules/model.ts';
import type { Workflow } from '../../workflow/rules/model.ts';
import { parse, type Row, jobFromRow as sharedJobFromRow } from '../rows.ts';

export { auditFromRow, eventFromRow, historyFromRow, jobColumns, parse, type Row, textOrNull } from '../rows.ts';

/**
 * Parsed workflows by row number, which is never used twice, so an entry can be old but never wrong. Holds a bounded
 * number; the server's fleet usually has a handful of workflows and many thousand jobs.
 */
export class WorkflowCache {
	static readonly #limit = 1000;
	readonly #bodies = new Map<number, Workflow>();
	readonly #find: StatementSync;

	constructor(database: DatabaseSync) {
		this.#find = database.prepare('select body from workflow where seq = ?');
	}

	get(seq: number): Workflow {
		const known = this.#bodies.get(seq);
		if (known !== undefined) return known;
		const row = this.#find.get(seq);
		if (row === undefined) throw new CaissonError('storage-damaged', `The workflow in row ${seq} is missing.`);
		const workflow = parse<Workflow>(row.body);
		if (this.#bodies.size >= WorkflowCache.#limit) this.#bodies.clear();
		this.#bodies.set(seq, workflow);
		return workflow;
	}

	forget(seq: number): void {
		this.#bodies.delete(seq);
	}
}

export function jobFromRow(row: Row, workflows: WorkflowCache): Job {
	return sharedJobFromRow(row, (seq) => workflows.get(seq));
}
