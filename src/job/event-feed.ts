// Committed job events for many subscribers: the table is the truth, and the latest events are kept in memory once for
// all of them, so that a subscriber is no more than a position. One that falls behind reads the table; nothing is
// queued for it, and nothing is lost to it but what was pruned. It leaves out HTTP (routes.ts).

import type { EventReader, JobEvent } from './store.ts';

/** How many of the latest events are kept in memory. */
const recentEvents = 1_024;
/** How many events are read from the table at once. */
const pageOfEvents = 256;

export class EventFeed {
	readonly #reader: EventReader;
	readonly #stopListening: () => void;
	/** The latest events, ascending; those after `#recentAfter` without a gap. */
	#recent: JobEvent[] = [];
	#recentAfter = 0;
	#last = 0;
	#reading: Promise<void> | undefined;
	#again = false;
	#waiters = new Set<() => void>();
	#failure: unknown;

	/** @param onEvents the storage's: calls back after each commit that added events */
	constructor(reader: EventReader, onEvents: (listener: () => void) => () => void) {
		this.#reader = reader;
		this.#stopListening = onEvents(() => void this.#catchUp());
	}

	/** Positions the feed at the newest event; call once before the first subscriber. */
	async start(): Promise<void> {
		const { last } = await this.#reader.range();
		this.#last = last;
		this.#recentAfter = last;
	}

	stop(): void {
		this.#stopListening();
		this.#wake();
	}

	/** The id of the newest event known to this feed. */
	get last(): number {
		return this.#last;
	}

	/**
	 * Where events go on for somebody who has seen those up to `id`.
	 * @returns `id` itself where nothing is missing; otherwise the id before the first event that is still held: the
	 * ones between were pruned, were lost with a restore of an older backup, or belong to another database
	 */
	async resumesAt(id: number): Promise<number> {
		// Before it is looked for, so that what is committed meanwhile is not taken for something that was lost.
		const { last } = await this.#reader.range();
		const [next] = await this.#reader.read(id - 1, 1);
		if (next?.id === id) return id;
		return next === undefined ? last : next.id - 1;
	}

	/**
	 * The events after `after`, ascending, at least one; waits for the next one where there is none yet.
	 * @returns nothing only where `signal` aborted or the feed was stopped
	 */
	async after(after: number, signal: AbortSignal): Promise<readonly JobEvent[]> {
		let position = after;
		while (!signal.aborted) {
			if (position < this.#recentAfter) {
				const recentAfter = this.#recentAfter;
				const events = await this.#reader.read(position, pageOfEvents);
				if (events.length > 0) return events;
				// Nothing is held up to there: it was pruned, or ids go on behind a gap.
				position = recentAfter;
				continue;
			}
			const next = this.#recent.findIndex((event) => event.id > position);
			if (next >= 0) return this.#recent.slice(next, next + pageOfEvents);
			await this.#changed(signal);
			if (this.#failure) throw this.#failure;
		}
		return [];
	}

	/** Reads what is new. One read at a time; a call during one makes it look once more. */
	#catchUp(): Promise<void> {
		if (this.#reading) {
			this.#again = true;
			return this.#reading;
		}
		this.#reading = this.#read().finally(() => {
			this.#reading = undefined;
			if (this.#again) {
				this.#again = false;
				void this.#catchUp();
			}
		});
		return this.#reading;
	}

	async #read(): Promise<void> {
		try {
			for (;;) {
				const events = await this.#reader.read(this.#last, pageOfEvents);
				if (events.length === 0) break;
				this.#recent.push(...events);
				this.#last = events.at(-1)?.id ?? this.#last;
				const surplus = this.#recent.length - recentEvents;
				if (surplus > 0) {
					const [dropped] = this.#recent.splice(0, surplus).slice(-1);
					this.#recentAfter = dropped?.id ?? this.#recentAfter;
				}
				this.#wake();
			}
			this.#failure = undefined;
		} catch (error) {
			// Subscribers hear of it and come back with Last-Event-ID; nothing is skipped.
			this.#failure = error;
			this.#wake();
		}
	}

	#changed(signal: AbortSignal): Promise<void> {
		return new Promise((resolve) => {
			const done = () => {
				this.#waiters.delete(done);
				signal.removeEventListener('abort', done);
				resolve();
			};
			this.#waiters.add(done);
			signal.addEventListener('abort', done, { once: true });
		});
	}

	#wake(): void {
		for (const done of [...this.#waiters]) done();
	}
}

/** Which events a subscriber wants: those that match any of the given kinds of filter; all, where none is given. */
export interface EventFilter {
	readonly clientIds?: readonly string[];
	readonly jobIds?: readonly string[];
	readonly workflows?: readonly string[];
	readonly actions?: readonly string[];
}

/** As wfx documents its filters (GET /jobs/events): joined by OR. */
export function eventMatches(filter: EventFilter, event: JobEvent): boolean {
	const { clientIds, jobIds, workflows, actions } = filter;
	if (!clientIds && !jobIds && !workflows && !actions) return true;
	return (
		(clientIds?.includes(event.clientId) ?? false) ||
		(jobIds?.includes(event.jobId) ?? false) ||
		(workflows?.includes(event.workflow) ?? false) ||
		(actions?.includes(event.action) ?? false)
	);
}
