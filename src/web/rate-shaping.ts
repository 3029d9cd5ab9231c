// Answers that wait for their turn: the rule of byte-rate.ts with a clock and a timer. One of these serves both ports of
// a server. An answer takes a turn only when its client has taken what was sent before, so a slow client holds nothing
// that others could use, and one that went away gives its place back.

import { ByteRateRule, type ByteRates, type Sharer } from './byte-rate.ts';

/** The turns of one answer. */
export interface Flow {
	/** Bytes to send a turn at most. */
	most(): number;
	/** Undefined: send them now. Else it resolves when the turn has come, or when the flow has ended. */
	turn(bytes: number): Promise<void> | undefined;
	/** No more turns are wanted. */
	end(): void;
}

export interface RateShaping {
	/** @param device undefined: nobody knows who asks, and the answer shares with no other */
	flow(device: string | undefined): Flow;
}

/** @param now milliseconds that never go back, e.g. performance.now */
export function shapeRates(rates: () => ByteRates, now: () => number): RateShaping {
	const rule = new ByteRateRule<() => void>(rates);
	let timer: NodeJS.Timeout | undefined;
	const schedule = (milliseconds: number) => {
		if (timer === undefined) timer = setTimeout(advance, milliseconds);
	};
	const advance = () => {
		timer = undefined;
		const { granted, wait } = rule.advance(now());
		for (const go of granted) go();
		// A short while at least, so that many turns come in one round.
		if (wait !== undefined) schedule(Math.min(1000, Math.max(5, wait)));
	};
	return {
		flow(device) {
			const sharer: Sharer = device ?? {};
			let waiting: (() => void) | undefined;
			let ended = false;
			return {
				most: () => (rule.capped ? rule.turn : Number.POSITIVE_INFINITY),
				turn(bytes) {
					if (ended || !rule.capped) return undefined;
					const { promise, resolve } = Promise.withResolvers<void>();
					const go = () => {
						waiting = undefined;
						resolve();
					};
					if (rule.ask(go, sharer, bytes, now())) return undefined;
					waiting = go;
					schedule(5);
					return promise;
				},
				end() {
					ended = true;
					if (waiting === undefined) return;
					rule.withdraw(waiting, sharer);
					waiting();
				},
			};
		},
	};
}
