// The one writer of a server on PostgreSQL, with group commit: steps queue up, one transaction takes those that wait,
// and one COMMIT makes all of them durable. It decides the order, who is tried again after a conflict with another
// server, and what is said where a commit's outcome is not known. It leaves out what steps change (unit.ts) and the
// statements (fetch.ts, flush.ts).
//
// A batch needs two round trips, however many steps it has. All steps are begun, and what their first calls ask for is
// locked and read at once; then each has its turn, and what it changes stays in memory; then everything is written,
// numbered and committed together.

import type pg from 'pg';
import { CaissonError } from '../../errors.ts';
import { Changes } from './changes.ts';
import { Fetch } from './fetch.ts';
import { flush } from './flush.ts';
import { isEcho, isLockTimeout, isOwnAnswer, isReadOnly, reasonOf, storageError, troubleOf } from './postgres-error.ts';
import { PostgresUnit, type Wanted } from './unit.ts';
import type { WorkflowCache } from './workflow-cache.ts';

export interface WriterOptions {
	/** How long a step may stay unsettled once its turn has come before it is undone and failed (ms): others wait. */
	readonly stepTimeLimit: number;
	/** Steps in one transaction at most. */
	readonly batchLimit: number;
	/** Called in place of sending COMMIT and must call `commit` itself: where tests put their faults. */
	readonly aroundCommit?: (commit: () => Promise<unknown>, client: pg.Client) => Promise<unknown>;
}

type Step = (unit: PostgresUnit) => Promise<unknown>;

interface Waiting {
	readonly step: Step;
	readonly resolve: (value: unknown) => void;
	readonly reject: (error: unknown) => void;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** A step that has been begun. */
interface Running {
	readonly unit: PostgresUnit;
	readonly result: Promise<Outcome>;
}

/** Why a batch failed as a whole. `again`: each of its steps may be tried once more. */
interface Failure {
	readonly error: CaissonError;
	readonly again: boolean;
}

// Times that a step which is alone in its transaction is tried again after conflicts with other servers.
const MOST_TRIES = 6;

export class GroupCommitWriter {
	readonly #open: (lost: () => void) => Promise<pg.Client>;
	readonly #cache: WorkflowCache;
	readonly #options: WriterOptions;
	readonly #onEventsCommitted: (last: number) => void;
	#client: pg.Client | undefined;
	#waiting: Waiting[] = [];
	#running = false;
	#closing = false;
	#idle: (() => void)[] = [];

	/** `open` gives a new pipelining connection; it is called again where one was lost. */
	constructor(
		open: (lost: () => void) => Promise<pg.Client>,
		cache: WorkflowCache,
		options: WriterOptions,
		onEventsCommitted: (last: number) => void,
	) {
		this.#open = open;
		this.#cache = cache;
		this.#options = options;
		this.#onEventsCommitted = onEventsCommitted;
	}

	commit<Result>(step: (unit: PostgresUnit) => Promise<Result>): Promise<Result> {
		if (this.#closing) return Promise.reject(new CaissonError('storage-unavailable', 'The database is closed.'));
		return new Promise((resolve, reject) => {
			this.#waiting.push({ step, resolve: resolve as (value: unknown) => void, reject });
			if (this.#running) return;
			this.#running = true;
			// The next turn of the event loop, so that requests that have arrived by then share the transaction.
			setImmediate(() => void this.#run());
		});
	}

	/** Accepts nothing more, finishes what was accepted and closes the connection. */
	async close(): Promise<void> {
		this.#closing = true;
		if (this.#running) await new Promise<void>((resolve) => this.#idle.push(resolve));
		const client = this.#client;
		this.#client = undefined;
		await client?.end().catch(() => {});
	}

	async #run(): Promise<void> {
		while (this.#waiting.length > 0) {
			const batch = this.#waiting.splice(0, this.#options.batchLimit);
			const failure = await this.#attempt(batch);
			if (failure === undefined) continue;
			if (failure.again) for (const one of batch) await this.#alone(one);
			else for (const { reject } of batch) reject(failure.error);
		}
		this.#running = false;
		for (const resolve of this.#idle.splice(0)) resolve();
	}

	/** A step whose batch met a conflict, in a transaction of its own: so an error is its own. */
	async #alone(one: Waiting): Promise<void> {
		for (let tries = 1; ; tries++) {
			const failure = await this.#attempt([one]);
			if (failure === undefined) return;
			if (!failure.again || tries === MOST_TRIES) return one.reject(failure.error);
			// Apart from the other server, who may be trying at the same moment.
			await new Promise((resolve) => setTimeout(resolve, Math.random() * 10 * 2 ** tries));
		}
	}

	/** Settles every step of the batch, or none and says why. */
	async #attempt(batch: readonly Waiting[]): Promise<Failure | undefined> {
		let client: pg.Client;
		const used = this.#client !== undefined;
		try {
			client = await this.#connect();
		} catch (error) {
			return { error: storageError(error), again: false };
		}
		const changes = new Changes();
		const fetch = new Fetch(client, this.#cache, changes);
		try {
			const outcomes = await this.#runSteps(client, batch, changes, fetch);
			const last = await this.#write(client, changes);
			outcomes.forEach((outcome, index) => {
				const waiting = batch[index];
				if ('error' in outcome) waiting?.reject(outcome.error);
				else waiting?.resolve(outcome.value);
			});
			if (last !== undefined) this.#onEventsCommitted(last);
			return undefined;
		} catch (error) {
			const lost = this.#client !== client;
			await this.#recover(client, isReadOnly(error));
			if (error instanceof OutcomeUnknown) return { error: error.said, again: false };
			// A connection that broke before COMMIT, perhaps while nobody used it: nothing was done, so another is tried.
			return { error: notStored(error), again: (lost && used) || mayTryAgain(error, batch.length) };
		}
	}

	/** Begins the transaction and gives each step its turn. Throws where the transaction is lost. */
	async #runSteps(
		client: pg.Client,
		batch: readonly Waiting[],
		changes: Changes,
		fetch: Fetch,
	): Promise<readonly Outcome[]> {
		const wanted: Wanted = { ids: new Set(), names: new Set() };
		const running = batch.map(({ step }) => begin(step, new PostgresUnit(changes, fetch, wanted)));
		const outcomes: Outcome[] = [];
		try {
			await Promise.all([client.query('begin'), fetch.load(withoutNul(wanted.ids), withoutNul(wanted.names))]);
			for (const { unit, result } of running) {
				unit.begin();
				let outcome = await this.#settle(result);
				unit.end();
				if (fetch.failure !== undefined) throw fetch.failure;
				if (unit.failure !== undefined) outcome = { error: unit.failure };
				if (!('error' in outcome)) changes.add(unit.changes);
				outcomes.push(outcome);
			}
			return outcomes;
		} finally {
			for (const { unit } of running) unit.end();
		}
	}

	/** Settles as the step does, or fails where it takes too long: it must not wedge the writer for ever. */
	async #settle(result: Promise<Outcome>): Promise<Outcome> {
		const limit = this.#options.stepTimeLimit;
		const late = Promise.withResolvers<Outcome>();
		const timer = setTimeout(() => {
			const message = `A unit of work did not end within ${limit} ms and was undone.`;
			late.resolve({ error: new CaissonError('internal', message) });
		}, limit);
		try {
			return await Promise.race([result, late.promise]);
		} finally {
			clearTimeout(timer);
		}
	}

	/**
	 * Writes and commits. Throws where nothing was stored; where that is not certain, a CaissonError that says so.
	 * @returns the id of the last event, where there were any
	 */
	async #write(client: pg.Client, changes: Changes): Promise<number | undefined> {
		if (changes.isEmpty) {
			await client.query('rollback');
			return undefined;
		}
		const writing = flush(client, changes);
		const commit = () => client.query('commit');
		const sent: Promise<unknown> = this.#options.aroundCommit?.(commit, client) ?? commit();
		const answers = await Promise.allSettled([...writing, sent]);
		const errors = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
		const committed = answers.at(-1);
		if (errors.length === 0 && commandOf(committed) !== 'ROLLBACK') {
			if (changes.events.length === 0) return undefined;
			const last = answers.at(-2);
			return last?.status === 'fulfilled' ? Number((last.value as pg.QueryResult).rows[0]?.last_event) : undefined;
		}
		// An error that the database gave to one of the statements, or a COMMIT answered by ROLLBACK: nothing was stored.
		const own = errors.find(isOwnAnswer);
		const answered = answers.slice(0, -1).some((answer) => answer.status === 'rejected' && isOwnAnswer(answer.reason));
		if (answered || commandOf(committed) === 'ROLLBACK') throw own ?? new Error('the transaction was rolled back');
		const cause = errors.find((error) => !isEcho(error)) ?? errors[0];
		throw new OutcomeUnknown(cause);
	}

	/** After a failed batch: back to a connection without a transaction; none where that cannot be had or is of no use. */
	async #recover(client: pg.Client, useless: boolean): Promise<void> {
		if (this.#client !== client) return;
		try {
			await client.query('rollback');
			if (useless) throw new Error('another server may be the primary now');
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

/** COMMIT was sent and no answer came, or none that says what became of it. */
class OutcomeUnknown {
	readonly said: CaissonError;
	constructor(cause: unknown) {
		const message = `The outcome of the change is unknown: read before trying again (${reasonOf(cause)}).`;
		this.said = new CaissonError('storage-unavailable', message, { cause });
	}
}

/** Nothing was stored. In company the error may be another step's; alone only a conflict passes by itself. */
function mayTryAgain(error: unknown, steps: number): boolean {
	if (steps === 1) return troubleOf(error) === 'conflict';
	return error instanceof CaissonError || troubleOf(error) !== 'unavailable' || isLockTimeout(error);
}

function begin(step: Step, unit: PostgresUnit): Running {
	let result: Promise<unknown>;
	try {
		result = step(unit);
	} catch (error) {
		return { unit, result: Promise.resolve({ error }) };
	}
	return {
		unit,
		result: Promise.resolve(result).then(
			(value) => ({ value }),
			(error: unknown) => ({ error }),
		),
	};
}

const withoutNul = (texts: ReadonlySet<string>) => [...texts].filter((text) => !text.includes('\0'));

function commandOf(answer: PromiseSettledResult<unknown> | undefined): string | undefined {
	return answer?.status === 'fulfilled' ? (answer.value as pg.QueryResult | undefined)?.command : undefined;
}

function notStored(cause: unknown): CaissonError {
	if (cause instanceof CaissonError || troubleOf(cause) !== 'unavailable') return storageError(cause);
	return new CaissonError('storage-unavailable', `The change was not stored (${reasonOf(cause)}).`, { cause });
}
