// How the requests of a load went: durations of those that succeeded, by kind, and the failures with the first few
// texts. Only a success counts as a request done. Pure.

import type { Kind } from './requests.ts';

export interface Summary {
	/** Requests that succeeded. */
	readonly requests: number;
	readonly byKind: Readonly<Record<string, KindSummary>>;
	/** Milliseconds over all kinds; 0 where nothing succeeded. */
	readonly p50: number;
	readonly p99: number;
	readonly errors: number;
	/** What the first failures said, each text once. */
	readonly said: readonly string[];
}

export interface KindSummary {
	readonly requests: number;
	readonly p50: number;
	readonly p99: number;
}

const textsKept = 5;

export class Outcomes {
	readonly #durations = new Map<string, number[]>();
	readonly #said = new Set<string>();
	#errors = 0;

	done(kind: Kind, milliseconds: number): void {
		let durations = this.#durations.get(kind);
		if (durations === undefined) {
			durations = [];
			this.#durations.set(kind, durations);
		}
		durations.push(milliseconds);
	}

	failed(kind: Kind, why: string): void {
		this.#errors++;
		if (this.#said.size < textsKept) this.#said.add(`${kind}: ${why}`);
	}

	/** Sums up several workers. */
	static summary(all: readonly Outcomes[]): Summary {
		const byKind = new Map<string, number[]>();
		for (const { kind, durations } of all.flatMap((one) => one.#entries())) {
			const known = byKind.get(kind);
			if (known === undefined) byKind.set(kind, [...durations]);
			else for (const duration of durations) known.push(duration);
		}
		const every = [...byKind.values()].flat();
		return {
			...figures(every),
			byKind: Object.fromEntries([...byKind].sort().map(([kind, durations]) => [kind, figures(durations)])),
			errors: all.reduce((sum, one) => sum + one.#errors, 0),
			said: [...new Set(all.flatMap((one) => [...one.#said]))].slice(0, textsKept),
		};
	}

	#entries(): { kind: string; durations: readonly number[] }[] {
		return [...this.#durations].map(([kind, durations]) => ({ kind, durations }));
	}
}

function figures(durations: readonly number[]): KindSummary {
	const sorted = Float64Array.from(durations).sort();
	return { requests: sorted.length, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}

/** The nearest rank: the smallest value that at least this share of all does not exceed. `sorted` ascending; 0 of nothing. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
	return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
