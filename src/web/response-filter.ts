// X-Response-Filter: a jq expression that a client sends to shape the answer (siemens/wfx, api/jq.go). A filter is a
// program from outside, so it runs in a worker thread with a time and a memory limit, and only so many may wait. It
// knows no noun.

import { Worker } from 'node:worker_threads';
import { CaissonError } from '../errors.ts';

export interface FilterQuestion {
	readonly id: number;
	readonly json: string;
	readonly filter: string;
}
export type FilterAnswer =
	| { readonly id: number; readonly lines: string }
	| { readonly id: number; readonly failed: string };

export interface FilterLimits {
	/** Milliseconds that one filter may run. */
	readonly time: number;
	/** Bytes of memory that jq may use. */
	readonly memory: number;
	/** How many filters may wait. */
	readonly waiting: number;
}

export const defaultFilterLimits: FilterLimits = { time: 1_000, memory: 256 * 1024 * 1024, waiting: 100 };

interface Waiting extends FilterQuestion {
	readonly resolve: (lines: string) => void;
	readonly reject: (error: Error) => void;
}

/** Runs filters one after the other in a worker that is started at the first filter and replaced when it is ended. */
export class ResponseFilter {
	readonly #limits: FilterLimits;
	readonly #queue: Waiting[] = [];
	#worker: { thread: Worker; ready: boolean } | undefined;
	#running: { job: Waiting; timer: NodeJS.Timeout } | undefined;
	#nextId = 1;

	constructor(limits: FilterLimits = defaultFilterLimits) {
		this.#limits = limits;
	}

	/**
	 * Applies `filter` to the JSON text of an answer.
	 * @returns each output of the filter as one line of JSON, as wfx sends them
	 * @throws CaissonError filter-failed: malformed, over the time or memory limit, or too many are waiting
	 */
	apply(filter: string, json: string): Promise<string> {
		const program = filter.trim();
		if (program === 'del(.context)') return Promise.resolve(withoutContext(json));
		// gojq runs nothing for an empty program, and fails at it.
		if (program === '') return Promise.resolve('{}\n');
		if (this.#queue.length >= this.#limits.waiting) {
			return Promise.reject(new CaissonError('filter-failed', 'too many response filters are waiting'));
		}
		return new Promise((resolve, reject) => {
			this.#queue.push({ id: this.#nextId++, json: withSortedKeys(json), filter, resolve, reject });
			this.#next();
		});
	}

	/** Ends the worker; filters that wait fail. */
	async close(): Promise<void> {
		const thread = this.#worker?.thread;
		this.#abandonWorker('the server is stopping');
		for (const job of this.#queue.splice(0)) job.reject(new CaissonError('filter-failed', 'the server is stopping'));
		await thread?.terminate();
	}

	#next(): void {
		if (this.#running !== undefined || this.#queue.length === 0) return;
		this.#worker ??= this.#startWorker();
		if (!this.#worker.ready) return;
		const job = this.#queue.shift() as Waiting;
		const timer = setTimeout(() => this.#abandonWorker(`took longer than ${this.#limits.time} ms`), this.#limits.time);
		this.#running = { job, timer };
		this.#worker.thread.postMessage({ id: job.id, json: job.json, filter: job.filter } satisfies FilterQuestion);
	}

	#startWorker(): { thread: Worker; ready: boolean } {
		const thread = new Worker(new URL('./response-filter-worker.ts', import.meta.url), {
			workerData: { maxMemory: this.#limits.memory },
			resourceLimits: { maxOldGenerationSizeMb: Math.ceil(this.#limits.memory / 1024 / 1024), stackSizeMb: 4 },
			env: {},
			stdout: true,
			stderr: true,
		});
		thread.unref();
		const worker = { thread, ready: false };
		thread.on('message', (message: 'ready' | FilterAnswer) => {
			if (message === 'ready') worker.ready = true;
			else this.#finish(message);
			this.#next();
		});
		thread.on('error', (error) => {
			if (this.#worker === worker) this.#abandonWorker(error.message);
		});
		return worker;
	}

	#finish(answer: FilterAnswer): void {
		const running = this.#running;
		if (running?.job.id !== answer.id) return;
		clearTimeout(running.timer);
		this.#running = undefined;
		if ('lines' in answer) running.job.resolve(answer.lines === '' ? '' : `${answer.lines}\n`);
		else running.job.reject(new CaissonError('filter-failed', `response filter failed: ${answer.failed}`));
	}

	/** The worker hangs or has died: what it was doing fails, the next filter gets a new one. */
	#abandonWorker(reason: string): void {
		const thread = this.#worker?.thread;
		const running = this.#running;
		this.#worker = undefined;
		this.#running = undefined;
		void thread?.terminate();
		if (running) {
			clearTimeout(running.timer);
			running.job.reject(new CaissonError('filter-failed', `response filter failed: ${reason}`));
		}
		// A worker that cannot even start must not be started again and again for those that wait.
		if (running === undefined && thread !== undefined) {
			for (const job of this.#queue.splice(0)) {
				job.reject(new CaissonError('filter-failed', `response filter failed: ${reason}`));
			}
		}
		this.#next();
	}
}

/** The same JSON with the members of its objects in the order of their names, in which gojq iterates over them. */
function withSortedKeys(json: string): string {
	return JSON.stringify(JSON.parse(json), (_key, value: unknown) => {
		if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
		return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
	});
}

/** `del(.context)`, the one filter that every SWUpdate sends with every report, without the way through a worker. */
function withoutContext(json: string): string {
	const value: unknown = JSON.parse(json);
	if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
		const { context: _, ...rest } = value as Record<string, unknown>;
		return `${JSON.stringify(rest)}\n`;
	}
	return value === null ? 'null\n' : '{}\n';
}
