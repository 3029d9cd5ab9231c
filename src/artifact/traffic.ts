// Counting what was downloaded: in memory first, added to the storage now and then. What was counted since the last time
// is lost in a crash, as are the last uses of tokens; an orderly stop writes it. It leaves out who downloads what.

import type { Commit } from '../unit-of-work.ts';
import type { Traffic, TrafficWriter } from './store.ts';

/** Rows kept in memory at most. Beyond that, while the storage is away, devices are counted together as ''. */
const mostRows = 50_000;
/** Rows of one unit of work. */
const atOnce = 5_000;

export interface TrafficTotals {
	/** Told of every answer, at once. */
	sent(bytes: number, ranges: number): void;
}

export class TrafficCount {
	readonly #commit: Commit<{ readonly traffic: TrafficWriter }>;
	readonly #now: () => number;
	readonly #most: number;
	#rows = new Map<string, Counted>();
	/** Today, and when it ends: a date is not written anew for every answer. */
	#today = { day: '', from: 0, until: 0 };
	/** The last day on which old ones were forgotten. */
	#pruned = '';

	constructor(commit: Commit<{ readonly traffic: TrafficWriter }>, now: () => number, most = mostRows) {
		this.#commit = commit;
		this.#now = now;
		this.#most = most;
	}

	/** @param clientId '' where nobody was asked */
	add(digest: string, clientId: string, bytes: number, ranges: number): void {
		// PostgreSQL cannot store a zero character, and one row must not keep the others from being written.
		const name = clientId.includes('\0') ? clientId.replaceAll('\0', '') : clientId;
		this.#merge({ digest, clientId: name, day: this.#day(), requests: 1, ranges, bytes });
	}

	/**
	 * Adds what was counted to the storage, and once a day forgets days older than `keep` (ms; 0: none). What could not
	 * be written is kept for the next time.
	 * @throws CaissonError storage-unavailable
	 */
	async write(keep: number): Promise<void> {
		const today = dayOf(this.#now());
		const rows: Traffic[] = [...this.#rows.values()];
		this.#rows = new Map();
		for (let from = 0; from < rows.length; from += atOnce) {
			try {
				await this.#commit((unit) => unit.traffic.add(rows.slice(from, from + atOnce)));
			} catch (error) {
				for (const row of rows.slice(from)) this.#merge(row);
				throw error;
			}
		}
		if (keep === 0 || this.#pruned === today) return;
		await this.#commit((unit) => unit.traffic.prune(dayOf(this.#now() - keep)));
		this.#pruned = today;
	}

	#merge(row: Traffic): void {
		let found = this.#rows.get(keyOf(row));
		if (found === undefined) {
			const clientId = this.#rows.size < this.#most ? row.clientId : '';
			const key = keyOf({ ...row, clientId });
			found = this.#rows.get(key) ?? { ...row, clientId, requests: 0, ranges: 0, bytes: 0 };
			this.#rows.set(key, found);
		}
		found.requests += row.requests;
		found.ranges += row.ranges;
		found.bytes += row.bytes;
	}

	#day(): string {
		const now = this.#now();
		if (now < this.#today.from || now >= this.#today.until) {
			const from = now - (((now % dayLength) + dayLength) % dayLength);
			this.#today = { day: dayOf(now), from, until: from + dayLength };
		}
		return this.#today.day;
	}
}

/** A day of UTC has no leap second in the time of computers (POSIX, 4.16). */
const dayLength = 86_400_000;

type Counted = { -readonly [Key in keyof Traffic]: Traffic[Key] };

function keyOf({ digest, clientId, day }: Pick<Traffic, 'digest' | 'clientId' | 'day'>): string {
	return `${digest} ${day} ${clientId}`;
}

/** A date in UTC. @param time milliseconds since the epoch */
export function dayOf(time: number): string {
	return new Date(time).toISOString().slice(0, 10);
}
