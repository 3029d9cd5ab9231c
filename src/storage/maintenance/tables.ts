// A database as tables and rows, whichever engine holds them: what copying and checking stand on. It decides which
// tables there are, in which order they are written, and what identifies a row. It leaves out what rows mean.

import { createHash, type Hash } from 'node:crypto';
import type { Row } from '../rows.ts';

export interface Table {
	readonly name: string;
	/** Columns that identify a row; rows are read in their order. */
	readonly key: readonly string[];
	/** The engine gives its numbers in this column and must go on behind the last one ever given. */
	readonly numbered?: string;
}

/** Every table of Caisson; a row stands behind those that it refers to. */
export const tables: readonly Table[] = [
	{ name: 'workflow', key: ['seq'], numbered: 'seq' },
	{ name: 'job', key: ['seq'], numbered: 'seq' },
	{ name: 'job_tag', key: ['tag', 'stime', 'job_seq'] },
	{ name: 'job_history', key: ['seq'], numbered: 'seq' },
	{ name: 'event', key: ['id'], numbered: 'id' },
	{ name: 'audit', key: ['id'], numbered: 'id' },
	{ name: 'audit_seal', key: ['number'] },
	{ name: 'access_token', key: ['seq'], numbered: 'seq' },
	{ name: 'artifact_traffic', key: ['digest', 'client_id', 'day'] },
	{ name: 'trust_setting', key: ['name'] },
	{ name: 'trust_role', key: ['name'] },
	{ name: 'trust_target', key: ['path'] },
	{ name: 'trust_document', key: ['role', 'version'] },
	{ name: 'trust_pending', key: ['role'] },
	{ name: 'trust_outbox', key: ['seq'], numbered: 'seq' },
];

/** What each engine keeps for itself beside them. */
export const bookkeeping = ['kysely_migration', 'kysely_migration_lock', 'caisson_schema', 'commit_order'];

export interface Column {
	readonly name: string;
	readonly type: 'text' | 'integer';
}

/** The last numbers given, by table. */
export type LastNumbers = Readonly<Record<string, number>>;

/** One database in one transaction: what is read is of one moment, what is written appears as a whole or not at all. */
export interface TableDatabase {
	/** As it may be shown. */
	readonly name: string;
	/** Migrations that it has had. */
	readonly version: number;
	/** In the order of their names. */
	columns(table: string): Promise<readonly Column[]>;
	/** All rows in the order of the key, some at a time. */
	pages(table: Table): AsyncIterable<readonly Row[]>;
	/** A statement that both engines understand. */
	query(sql: string): Promise<readonly Row[]>;
	lastNumbers(): Promise<LastNumbers>;
	/** What only this engine can say of its soundness. */
	soundness(): Promise<readonly string[]>;
	close(): Promise<void>;
}

export interface TableTarget extends TableDatabase {
	insert(table: string, columns: readonly Column[], rows: readonly Row[]): Promise<void>;
	setLastNumbers(numbers: LastNumbers): Promise<void>;
	/** Durable on return. Closing without it undoes everything. */
	commit(): Promise<void>;
}

/** SHA-256 over rows, one after the other. */
export class TableDigest {
	readonly #hash: Hash = createHash('sha256');
	rows = 0;

	add(columns: readonly Column[], rows: readonly Row[]): void {
		for (const row of rows) this.#hash.update(`${JSON.stringify(columns.map(({ name }) => row[name] ?? null))}\n`);
		this.rows += rows.length;
	}

	digest(): string {
		return this.#hash.digest('hex');
	}
}
