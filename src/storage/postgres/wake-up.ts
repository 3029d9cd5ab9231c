// Tells listeners that there are new events, from whichever server: by NOTIFY, which comes with a commit, and by looking
// every second, which makes up for a notification that was lost or a connection that broke. The table is the truth; this
// only says when to look. A broken connection is opened again, with longer and longer pauses up to 5 s.

import type pg from 'pg';

export interface WakeUpSource {
	/** A connection to listen on; `lost` is called when it breaks. */
	readonly open: (lost: () => void) => Promise<pg.Client>;
	/** The id of the last event committed. */
	readonly last: () => Promise<number>;
	readonly schema: string;
}

const LOOK_EVERY = 1000;
const LONGEST_PAUSE = 5000;

export class WakeUp {
	readonly #source: WakeUpSource;
	readonly #listeners = new Set<() => void>();
	#last: number;
	#client: pg.Client | undefined;
	#pause = 100;
	#looking = false;
	#closed = false;
	#timer: NodeJS.Timeout;
	#retry: NodeJS.Timeout | undefined;

	constructor(source: WakeUpSource, last: number) {
		this.#source = source;
		this.#last = last;
		this.#timer = setInterval(() => void this.#look(), LOOK_EVERY);
		void this.#listen();
	}

	add(listener: () => void): () => void {
		// Wrapped, so that one function given twice is two listeners.
		const own = () => listener();
		this.#listeners.add(own);
		return () => this.#listeners.delete(own);
	}

	/** There are events up to `last`; calls the listeners where they have not been told. */
	announce(last: number): void {
		if (this.#closed || !(last > this.#last)) return;
		this.#last = last;
		this.#wake();
	}

	async close(): Promise<void> {
		this.#closed = true;
		clearInterval(this.#timer);
		clearTimeout(this.#retry);
		this.#listeners.clear();
		await this.#client?.end().catch(() => {});
	}

	#wake(): void {
		// Each in a task of its own: what a listener throws is reported as uncaught and does not reach the writer.
		for (const listener of this.#listeners) queueMicrotask(listener);
	}

	async #look(): Promise<void> {
		if (this.#looking || this.#listeners.size === 0) return;
		this.#looking = true;
		try {
			this.announce(await this.#source.last());
		} catch {
			// The database is away; whoever needs it hears of that. The next look may find it back.
		} finally {
			this.#looking = false;
		}
	}

	async #listen(): Promise<void> {
		let client: pg.Client | undefined;
		// Called also where opening fails, and twice for one loss: only the connection in use is replaced, and once.
		const lost = () => {
			if (client === undefined || this.#client !== client || this.#closed) return;
			this.#client = undefined;
			this.#later();
		};
		try {
			client = await this.#source.open(lost);
			if (this.#closed) return void client.end().catch(() => {});
			client.on('notification', ({ payload = '' }) => {
				const [schema, last] = payload.split(' ');
				if (schema === this.#source.schema) this.announce(Number(last));
			});
			await client.query('listen caisson_event');
			// Closed while it was asked: nobody else knows of this connection.
			if (this.#closed) return void client.end().catch(() => {});
			this.#client = client;
			this.#pause = 100;
			// Those who listen may have failed to read meanwhile, so they look again in any case.
			this.#wake();
		} catch {
			void client?.end().catch(() => {});
			this.#later();
		}
	}

	#later(): void {
		if (this.#closed) return;
		clearTimeout(this.#retry);
		this.#retry = setTimeout(() => void this.#listen(), this.#pause);
		this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
	}
}
