// Parsed workflows by row number. A number is never used twice, also after a rollback, so an entry can be old but never
// wrong, and all connections share the cache. Holds a bounded number.

import type pg from 'pg';
import { CaissonError } from '../../errors.ts';
import type { Workflow } from '../../workflow/rules/model.ts';
import { parse } from '../rows.ts';

const LIMIT = 10_000;
const statement = { name: 'workflow_bodies', text: 'select seq, body from workflow where seq = any($1)' };

export class WorkflowCache {
	readonly #bodies = new Map<number, Workflow>();

	has(seq: number): boolean {
		return this.#bodies.has(seq);
	}

	/** @throws CaissonError storage-damaged where it was asked for and is not in the database */
	get(seq: number): Workflow {
		const workflow = this.#bodies.get(seq);
		if (workflow === undefined) throw new CaissonError('storage-damaged', `The workflow in row ${seq} is missing.`);
		return workflow;
	}

	set(seq: number, workflow: Workflow): void {
		// The oldest goes, not all: what a batch has just loaded must still be there when it looks.
		if (this.#bodies.size >= LIMIT && !this.#bodies.has(seq)) {
			for (const oldest of this.#bodies.keys()) {
				this.#bodies.delete(oldest);
				break;
			}
		}
		this.#bodies.set(seq, workflow);
	}

	/** Reads those that are not known yet. */
	async load(client: pg.ClientBase | pg.Pool, seqs: readonly number[]): Promise<void> {
		const { rows } = await client.query({ ...statement, values: [seqs] });
		for (const row of rows) this.set(Number(row.seq), parse<Workflow>(row.body));
	}
}
