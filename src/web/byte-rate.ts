// Who may send how many bytes when: a cap for all together and a cap for each device, as token buckets, and turns
// between devices where they want more than there is. Pure: the time is a parameter. It leaves out timers and streams
// (rate-shaping.ts).

export interface ByteRates {
	/** Bytes a second of all together; 0: no cap. */
	readonly total: number;
	/** Bytes a second of one device, over all its connections; 0: no cap. */
	readonly each: number;
}

/** Whoever shares a cap and a turn: a device by its name; an object of its own where nobody knows who it is. */
export type Sharer = string | object;

/** An answer as small as this does not wait in turn: it goes at once, and the others wait for it. */
const small = 16 * 1024;
/** Bytes of one turn: never fewer, so that overhead stays small, nor more, so that turns come round soon. */
const [leastTurn, mostTurn] = [1024, 256 * 1024];
/** What may be sent at once after a pause: the bytes of so many seconds. */
const burst = 0.1;

/** May go below zero by one turn, and by small answers: what was sent too early is waited for afterwards. */
class Bucket {
	tokens: number;
	time: number;

	constructor(rate: number, now: number) {
		this.tokens = rate * burst;
		this.time = now;
	}

	refill(rate: number, now: number): void {
		const passed = Math.max(0, now - this.time) / 1000;
		this.tokens = Math.min(rate * burst, this.tokens + passed * rate);
		// A clock that was set back stands still here until it has caught up.
		this.time = Math.max(this.time, now);
	}

	/** Milliseconds until there is something in it. */
	wait(rate: number): number {
		return this.tokens > 0 ? 0 : Math.ceil(((1 - this.tokens) / rate) * 1000);
	}
}

interface Waiting<Ticket> {
	readonly ticket: Ticket;
	readonly bytes: number;
}

/** `Ticket`: what names one request for a turn; the caller's own. */
export class ByteRateRule<Ticket> {
	readonly #rates: () => ByteRates;
	#total: Bucket | undefined;
	/** In the order of their last turn; forgotten once they are full again. */
	readonly #each = new Map<Sharer, Bucket>();
	/** Whose turn it is stands first. */
	readonly #queue = new Map<Sharer, Waiting<Ticket>[]>();

	/** @param rates asked each time, so that a change takes effect at once */
	constructor(rates: () => ByteRates) {
		this.#rates = rates;
	}

	/** How many sharers are remembered, waiting ones included. */
	get remembered(): number {
		return Math.max(this.#each.size, this.#queue.size);
	}

	get capped(): boolean {
		const { total, each } = this.#rates();
		return total > 0 || each > 0;
	}

	/** Bytes to ask for at once: about a tenth of a second of what there is for each. */
	get turn(): number {
		const { total, each } = this.#rates();
		const share = total > 0 ? total / Math.max(1, this.#queue.size) : Number.POSITIVE_INFINITY;
		const rate = Math.min(share, each > 0 ? each : Number.POSITIVE_INFINITY);
		return Math.floor(Math.min(mostTurn, Math.max(leastTurn, rate * burst)));
	}

	/** @returns true: send them now. False: the ticket waits, and advance() gives it back when its turn has come. */
	ask(ticket: Ticket, sharer: Sharer, bytes: number, now: number): boolean {
		const rates = this.#rates();
		const total = this.#refilledTotal(rates, now);
		const each = this.#refilledEach(rates, sharer, now);
		const owing = (bucket: Bucket | undefined, rate: number) => bucket !== undefined && bucket.tokens <= -rate * burst;
		const free = bytes <= small && !owing(total, rates.total) && !owing(each, rates.each);
		const alone = this.#queue.size === 0 && (total?.tokens ?? 1) > 0 && (each?.tokens ?? 1) > 0;
		if (free || alone) {
			spend(total, each, bytes);
			return true;
		}
		const queue = this.#queue.get(sharer);
		if (queue === undefined) this.#queue.set(sharer, [{ ticket, bytes }]);
		else queue.push({ ticket, bytes });
		return false;
	}

	/** The ticket does not want its turn any more; one that has had it is passed over. */
	withdraw(ticket: Ticket, sharer: Sharer): void {
		const left = this.#queue.get(sharer)?.filter((waiting) => waiting.ticket !== ticket) ?? [];
		if (left.length === 0) this.#queue.delete(sharer);
		else if (this.#queue.has(sharer)) this.#queue.set(sharer, left);
	}

	/**
	 * The tickets whose turn has come, sharer by sharer.
	 * @returns `wait`: after how many milliseconds to ask again; undefined where nobody waits
	 */
	advance(now: number): { granted: Ticket[]; wait: number | undefined } {
		const rates = this.#rates();
		const total = this.#refilledTotal(rates, now);
		const granted: Ticket[] = [];
		let soonest = Number.POSITIVE_INFINITY;
		for (let blocked = 0; this.#queue.size > blocked; ) {
			if (total !== undefined && total.tokens <= 0) {
				soonest = total.wait(rates.total);
				break;
			}
			const [sharer, queue] = first(this.#queue);
			const each = this.#refilledEach(rates, sharer, now);
			this.#queue.delete(sharer);
			if (each !== undefined && each.tokens <= 0) {
				soonest = Math.min(soonest, each.wait(rates.each));
				this.#queue.set(sharer, queue);
				blocked++;
				continue;
			}
			const turn = queue.shift();
			if (queue.length > 0) this.#queue.set(sharer, queue);
			if (turn === undefined) continue;
			blocked = 0;
			spend(total, each, turn.bytes);
			granted.push(turn.ticket);
		}
		return { granted, wait: this.#queue.size === 0 ? undefined : Math.max(1, soonest) };
	}

	#refilledTotal({ total }: ByteRates, now: number): Bucket | undefined {
		if (total <= 0) {
			this.#total = undefined;
			return undefined;
		}
		this.#total ??= new Bucket(total, now);
		this.#total.refill(total, now);
		return this.#total;
	}

	/** Undefined where devices have no cap, or where nobody knows which device it is. */
	#refilledEach({ each }: ByteRates, sharer: Sharer, now: number): Bucket | undefined {
		if (each <= 0 || typeof sharer !== 'string') {
			if (each <= 0) this.#each.clear();
			return undefined;
		}
		this.#forgetFull(each, now);
		const bucket = this.#each.get(sharer) ?? new Bucket(each, now);
		bucket.refill(each, now);
		this.#each.delete(sharer);
		this.#each.set(sharer, bucket);
		return bucket;
	}

	/** Looks at the two that were not used for longest: a full bucket says nothing. So as many go as come. */
	#forgetFull(rate: number, now: number): void {
		let looked = 0;
		for (const [sharer, bucket] of this.#each) {
			bucket.refill(rate, now);
			if (bucket.tokens < rate * burst) return;
			this.#each.delete(sharer);
			if (++looked === 2) return;
		}
	}
}

function spend(total: Bucket | undefined, each: Bucket | undefined, bytes: number): void {
	for (const bucket of [total, each]) if (bucket !== undefined) bucket.tokens -= bytes;
}

function first<Key, Value>(map: ReadonlyMap<Key, Value>): [Key, Value] {
	for (const entry of map) return entry;
	throw new RangeError('the map is empty');
}
