// The one writer of a SQLite database, with group commit: steps queue up, one transaction takes those that wait, and
// one fsync makes all of them durable. It decides the order, what is kept and what is undone, and how the connection
// recovers from a failed commit. It leaves out what steps write (unit.ts).
//
// Everything runs on the caller's thread: COMMIT blocks it for one fsync. Nothing outside this file knows that.

import type { DatabaseSync } from 'node:sqlite';
import { CaissonError } from '../../errors.ts';
import { isSqliteError, storageError } from './sqlite-error.ts';
import { SqliteUnit, UnitStatements } from './unit.ts';

export interface WriterOptions {
	/** How long a step may stay unsettled before it is rolled back and failed (ms): others wait for it. */
	readonly stepTimeLimit: number;
	/** Steps in one transaction at most. */
	readonly batchLimit: number;
	/** Called in place of COMMIT and must call `commit` itself: where tests put their faults. */
	readonly aroundCommit?: (commit: () => void) => void;
}

interface Waiting {
	readonly step: (unit: SqliteUnit) => Promise<unknown>;
	readonly resolve: (value: unknown) => void;
	readonly reject: (error: unknown) => void;
}

interface Connection {
	readonly database: DatabaseSync;
	readonly statements: UnitStatements;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

export class GroupCommitWriter {
	readonly #open: () => DatabaseSync;
	readonly #options: WriterOptions;
	readonly #onEventsCommitted: () => void;
	#connection: Connection | undefined;
	#waiting: Waiting[] = [];
	#running = false;
	#closing = false;
	#idle: (() => void)[] = [];

	/** `open` gives a new connection, ready to write; it is called again where one had to be given up. */
	constructor(open: () => DatabaseSync, options: WriterOptions, onEventsCommitted: () => void) {
		this.#open = open;
		this.#options = options;
		this.#onEventsCommitted = onEventsCommitted;
		this.#connect();
	}

	commit<Result>(step: (unit: SqliteUnit) => Promise<Result>): Promise<Result> {
		if (this.#closing) return Promise.reject(new CaissonError('storage-unavailable', 'The database is closed.'));
		return new Promise((resolve, reject) => {
			this.#waiting.push({ step, resolve: resolve as (value: unknown) => void, reject });
			this.#schedule();
		});
	}

	/** Accepts nothing more and finishes what was accepted. */
	async finish(): Promise<void> {
		this.#closing = true;
		if (this.#running) await new Promise<void>((resolve) => this.#idle.push(resolve));
	}

	/** Closes the connection; only after finish(). */
	close(): void {
		this.#connection?.database.close();
		this.#connection = undefined;
	}

	/** The next turn of the event loop, so that requests that have arrived by then share the transaction. */
	#schedule(): void {
		if (this.#running) return;
		this.#running = true;
		setImmediate(() => void this.#runBatch());
	}

	async #runBatch(): Promise<void> {
		const batch = this.#waiting.splice(0, this.#options.batchLimit);
		let eventsCommitted = false;
		try {
			eventsCommitted = await this.#transact(batch);
		} catch (error) {
			this.#recover();
			for (const { reject } of batch) reject(error);
		}
		if (eventsCommitted) this.#onEventsCommitted();
		this.#running = false;
		if (this.#waiting.length > 0) this.#schedule();
		else for (const resolve of this.#idle.splice(0)) resolve();
	}

	/** Throws where the whole batch failed; else settles every step and tells whether events were committed. */
	async #transact(batch: readonly Waiting[]): Promise<boolean> {
		const { database, statements } = this.#connect();
		const outcomes: Outcome[] = [];
		const kept: SqliteUnit[] = [];
		const timer = new StepTimer(this.#options.stepTimeLimit);
		try {
			database.exec('begin immediate');
			for (const { step } of batch) outcomes.push(await this.#runStep(database, statements, step, kept, timer));
		} catch (error) {
			throw storageError(error);
		} finally {
			timer.end();
		}
		this.#commit(database);
		outcomes.forEach((outcome, index) => {
			const waiting = batch[index];
			if ('error' in outcome) waiting?.reject(outcome.error);
			else waiting?.resolve(outcome.value);
		});
		return kept.some((unit) => unit.eventCount > 0);
	}

	/** In a savepoint of its own, so that a step that fails takes nothing else with it. Throws where all is lost. */
	async #runStep(
		database: DatabaseSync,
		statements: UnitStatements,
		step: Waiting['step'],
		kept: SqliteUnit[],
		timer: StepTimer,
	): Promise<Outcome> {
		const unit = new SqliteUnit(statements);
		database.exec('savepoint step');
		let outcome: Outcome;
		try {
			outcome = { value: await this.#settle(step, unit, timer) };
		} catch (error) {
			outcome = { error };
		}
		unit.end();
		if (unit.failure !== undefined) outcome = { error: unit.failure };
		// SQLite ends the transaction by itself on some errors (a full disk among them): the steps before are gone too.
		if (!database.isTransaction) throw unit.failure ?? new CaissonError('internal', 'The transaction was lost.');
		if ('error' in outcome) {
			database.exec('rollback to step');
			for (const seq of unit.insertedWorkflows) statements.workflows.forget(seq);
		} else {
			kept.push(unit);
		}
		database.exec('release step');
		return outcome;
	}

	/** Settles as the step does, or fails where it takes too long: it must not wedge the writer for ever. */
	#settle(step: Waiting['step'], unit: SqliteUnit, timer: StepTimer): Promise<unknown> {
		return new Promise((resolve, reject) => {
			timer.begin(reject);
			step(unit).then(resolve, reject);
		});
	}

	/**
	 * A COMMIT that fails for want of space, or with the transaction still open, has stored nothing. Where the failure
	 * was in syncing (the log may reach the disk all the same) or somewhere else, the outcome is unknown: this process
	 * does not show the change, but it may be there after the next start.
	 */
	#commit(database: DatabaseSync): void {
		const commit = () => database.exec('commit');
		try {
			if (this.#options.aroundCommit === undefined) commit();
			else this.#options.aroundCommit(commit);
		} catch (cause) {
			const undone = isDiskFull(cause) || (database.isTransaction && !isSyncError(cause));
			const words = undone
				? 'The change was not stored'
				: 'The outcome of the change is unknown: read before trying again';
			const reason = cause instanceof Error ? cause.message : String(cause);
			throw new CaissonError('storage-unavailable', `${words} (${reason}).`, { cause });
		}
	}

	/** After a failed batch: back to a connection without a transaction, a new one where that cannot be had. */
	#recover(): void {
		const connection = this.#connection;
		if (connection === undefined) return;
		try {
			if (connection.database.isTransaction) connection.database.exec('rollback');
			// What the lost batch had read of its own workflows must not be remembered.
			this.#connection = { database: connection.database, statements: new UnitStatements(connection.database) };
		} catch {
			this.#connection = undefined;
			try {
				connection.database.close();
			} catch {
				// It is given up either way; the next batch opens another and meets the error that lasts.
			}
		}
	}

	#connect(): Connection {
		if (this.#connection === undefined) {
			const database = this.#open();
			this.#connection = { database, statements: new UnitStatements(database) };
		}
		return this.#connection;
	}
}

/** Watches the steps of a batch one after the other, with one timer: setting one for each costs more than many a step. */
class StepTimer {
	readonly #timer: NodeJS.Timeout;
	#fail: ((error: CaissonError) => void) | undefined;

	/** @param limit milliseconds that a step may take */
	constructor(limit: number) {
		this.#timer = setTimeout(() => {
			this.#fail?.(new CaissonError('internal', `A unit of work did not end within ${limit} ms and was undone.`));
		}, limit);
	}

	/** The next step begins; `fail` is called where it takes too long. */
	begin(fail: (error: CaissonError) => void): void {
		this.#fail = fail;
		this.#timer.refresh();
	}

	end(): void {
		clearTimeout(this.#timer);
	}
}

/** SQLITE_FULL: not all of the log could be written, and its last part is what makes it valid. */
function isDiskFull(error: unknown): boolean {
	return isSqliteError(error) && error.errcode === 13;
}

/** SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC. */
function isSyncError(error: unknown): boolean {
	return isSqliteError(error) && (error.errcode === 1034 || error.errcode === 1290);
}
