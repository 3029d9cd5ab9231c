// Trust on PostgreSQL: its reader, and its units of work. These have a connection and a transaction of their own, because
// they are few, read while they write, and must not hold up the devices' reports, which share theirs. A lock makes them
// one after the other over all servers.

import type pg from 'pg';
import { CaissonError } from '../../errors.ts';
import type { TrustReader, TrustUnit } from '../../trust/store.ts';
import type { Commit } from '../../unit-of-work.ts';
import { type TrustSql, trustReader, trustWriter } from '../trust.ts';
import { Changes } from './changes.ts';
import { flush } from './flush.ts';
import { isOwnAnswer, reasonOf, storageError, troubleOf } from './postgres-error.ts';
import type { ReadPool } from './readers.ts';
import { auditLine } from './unit.ts';

// Times that a unit is tried again after a conflict or on a new connection.
const MOST_TRIES = 4;

const batch: TrustSql['batch'] = (name, columns, rows) => ({
	sql: `${name} as (select * from unnest(${columns
		.map(([, type], index) => `$${index + 1}::${type === 'integer' ? 'bigint' : 'text'}[]`)
		.join(', ')}) as t(${columns.map(([column]) => column).join(', ')}))`,
	values: columns.map((_, index) => rows.map((row) => row[index])),
});

/** U+0000 is in no text that is stored, and may not be in a parameter. */
const storable = (values: readonly unknown[]) =>
	values.every((value) => !(typeof value === 'string' && value.includes('\0')));

export function postgresTrustReader(pool: ReadPool): TrustReader {
	return trustReader({
		query: async (sql, values) => (storable(values) ? pool.rows(sql, values) : []),
		batch,
	});
}

export class TrustTransactions {
	readonly #open: (lost: () => void) => Promise<pg.Client>;
	#client: pg.Client | undefined;
	#last: Promise<unknown> = Promise.resolve();
	#closing = false;

	/** `open` gives a new connection; it is called again where one was lost. */
	constructor(open: (lost: () => void) => Promise<pg.Client>) {
		this.#open = open;
	}

	readonly commit: Commit<TrustUnit> = (step) => {
		if (this.#closing) return Promise.reject(new CaissonError('storage-unavailable', 'The database is closed.'));
		const result = this.#last.then(() => this.#run(step));
		this.#last = result.catch(() => {});
		return result;
	};

	/** Finishes what was accepted, then closes the connection. */
	async close(): Promise<void> {
		this.#closing = true;
		await this.#last;
		const client = this.#client;
		this.#client = undefined;
		await client?.end().catch(() => {});
	}

	async #run<Result>(step: (unit: TrustUnit) => Promise<Result>): Promise<Result> {
		for (let tries = 1; ; tries++) {
			const used = this.#client !== undefined;
			const client = await this.#connect();
			let committing = false;
			try {
				const result = await this.#perform(client, step);
				committing = true;
				const { command } = await client.query('commit');
				if (command === 'ROLLBACK') throw new Error('the transaction was rolled back');
				return result;
			} catch (error) {
				const lost = this.#client !== client;
				await this.#recover(client);
				if (committing && !isOwnAnswer(error) && lost) throw unknownOutcome(error);
				const again = (lost && used && !committing) || (isOwnAnswer(error) && troubleOf(error) === 'conflict');
				if (!again || tries === MOST_TRIES) throw isOwnError(error) ? error : storageError(error);
			}
		}
	}

	async #perform<Result>(client: pg.Client, step: (unit: TrustUnit) => Promise<Result>): Promise<Result> {
		await client.query('begin');
		// Against itself only: reads go on, and nothing else writes here.
		await client.query('lock table trust_outbox in share row exclusive mode');
		const changes = new Changes();
		let ended = false;
		const query: TrustSql['query'] = async (sql, values) => {
			if (ended) throw new CaissonError('internal', 'A unit of work was used after its step had ended.');
			if (!storable(values)) throw new CaissonError('request-invalid', 'U+0000 cannot be stored in a text');
			return (await client.query({ text: sql, values: [...values] })).rows;
		};
		try {
			const result = await step({
				trust: trustWriter({ query, batch }),
				audit: { append: async (row) => void changes.audit.push(auditLine(row)) },
			});
			if (!changes.isEmpty) await Promise.all(flush(client, changes));
			return result;
		} finally {
			ended = true;
		}
	}

	/** After a failed unit: back to a connection without a transaction, none where that cannot be had. */
	async #recover(client: pg.Client): Promise<void> {
		if (this.#client !== client) return;
		try {
			await client.query('rollback');
		} catch {
			this.#client = undefined;
			void client.end().catch(() => {});
		}
	}

	async #connect(): Promise<pg.Client> {
		if (this.#client !== undefined) return this.#client;
		let client: pg.Client | undefined;
		let broken = false;
		client = await this.#open(() => {
			broken = true;
			if (this.#client === client) this.#client = undefined;
		});
		if (broken) throw new CaissonError('storage-unavailable', 'The connection to the database broke at once.');
		this.#client = client;
		return client;
	}
}

/** What a step itself threw: it is passed on as it is. */
function isOwnError(error: unknown): boolean {
	return !isOwnAnswer(error) && (error instanceof CaissonError || !(error instanceof Error && 'code' in error));
}

function unknownOutcome(cause: unknown): CaissonError {
	const message = `The outcome of the change is unknown: read before trying again (${reasonOf(cause)}).`;
	return new CaissonError('storage-unavailable', message, { cause });
}
