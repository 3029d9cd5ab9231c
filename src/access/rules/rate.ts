// How many requests in how short a time: a token bucket for each caller, in bounded memory. Pure: the time is a parameter.
// It leaves out who counts as one caller, and what is answered.

export interface RateLimit {
	/** Requests a second that a caller may make for ever; more than 0. */
	readonly rate: number;
	/** Requests that it may make at once after a pause; at least 1. */
	readonly burst: number;
}

/** Callers remembered at most. Beyond that the one not seen for longest is forgotten, which lets it begin with a burst. */
export const mostCallers = 20_000;

interface Bucket {
	tokens: number;
	time: number;
}

export class RateLimiter {
	readonly #limit: RateLimit;
	readonly #most: number;
	/** In the order of their last request. */
	readonly #buckets = new Map<string, Bucket>();

	constructor(limit: RateLimit, most = mostCallers) {
		this.#limit = limit;
		this.#most = most;
	}

	/** How many callers are remembered. */
	get size(): number {
		return this.#buckets.size;
	}

	/**
	 * Counts one request.
	 * @param now milliseconds; a clock that was set back stands still here until it has caught up
	 * @returns 0 where it may go on, else after how many milliseconds the next one may
	 */
	take(caller: string, now: number): number {
		const { rate, burst } = this.#limit;
		const bucket = this.#buckets.get(caller) ?? { tokens: burst, time: now };
		const passed = Math.max(0, now - bucket.time);
		bucket.tokens = Math.min(burst, bucket.tokens + (passed / 1000) * rate);
		bucket.time = Math.max(bucket.time, now);
		this.#buckets.delete(caller);
		this.#buckets.set(caller, bucket);
		if (this.#buckets.size > this.#most) this.#forgetOldest();
		if (bucket.tokens >= 1) {
			bucket.tokens -= 1;
			return 0;
		}
		return Math.ceil(((1 - bucket.tokens) / rate) * 1000);
	}

	#forgetOldest(): void {
		for (const caller of this.#buckets.keys()) {
			this.#buckets.delete(caller);
			return;
		}
	}
}
