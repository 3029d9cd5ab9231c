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
	#rows = new Map<string, Traffic>();
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
		const name = clientId.replaceAll('\0', '');
		this.#merge({ digest, clientId: name, day: dayOf(this.#now()), requests: 1, ranges, bytes });
	}

	/**
	 * Adds what was counted to the storage, and once a day forgets days older than `keep` (ms; 0: none). What could not
	 * be written is kept for the next time.
	 * @throws CaissonError storage-unavailable
	 */
	async write(keep: number): Promise<void> {
		const today = dayOf(this.#now());
		const rows = [...this.#rows.values()];
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
		const { digest, day } = row;
		const known = this.#rows.has(keyOf(row)) || this.#rows.size < this.#most;
		const clientId = known ? row.clientId : '';
		const key = keyOf({ digest, clientId, day });
		const before = this.#rows.get(key) ?? { requests: 0, ranges: 0, bytes: 0 };
		this.#rows.set(key, {
			...{ digest, clientId, day },
			requests: before.requests + row.requests,
			ranges: before.ranges + row.ranges,
			bytes: before.bytes + row.bytes,
		});
	}
}

function keyOf({ digest, clientId, day }: Pick<Traffic, 'digest' | 'clientId' | 'day'>): string {
	return `${digest} ${day} ${clientId}`;
}

/** A date in UTC. @param time milliseconds since the epoch */
export function dayOf(time: number): string {
	return new Date(time).toISOString().slice(0, 10);
}
