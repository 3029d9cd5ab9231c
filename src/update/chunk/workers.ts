// The worker threads that compress: gives each packet to the least busy one, and its result back. It knows nothing of
// files; the order of results is the caller's business.

import { Worker } from 'node:worker_threads';
import type { CompressedPacket, PacketToCompress, WorkerOptions } from './packet.ts';

interface Waiting {
	readonly resolve: (packet: CompressedPacket) => void;
	readonly reject: (reason: unknown) => void;
}

interface Thread {
	readonly worker: Worker;
	/** By the packet's sequence. */
	readonly waiting: Map<number, Waiting>;
}

export class CompressionWorkers {
	readonly #threads: Thread[];
	readonly #signal: AbortSignal;
	readonly #abort = () => this.#fail(this.#signal.reason);
	#failure: { readonly reason: unknown } | undefined;

	/** @param signal ends all work: what waits is rejected with its reason */
	constructor(count: number, options: WorkerOptions, signal: AbortSignal) {
		this.#signal = signal;
		this.#threads = Array.from({ length: count }, () => this.#start(options));
		signal.addEventListener('abort', this.#abort);
	}

	/** Takes over the buffers of `packet`; the result has them again. Rejects where the worker failed or work was ended. */
	compress(packet: PacketToCompress): Promise<CompressedPacket> {
		const thread = this.#threads.reduce((best, each) => (each.waiting.size < best.waiting.size ? each : best));
		const result = new Promise<CompressedPacket>((resolve, reject) => {
			if (this.#failure !== undefined) reject(this.#failure.reason);
			else thread.waiting.set(packet.sequence, { resolve, reject });
		});
		// The caller waits for results in order, and for none once work was ended: what nobody waits for must not end the process.
		result.catch(() => {});
		if (this.#failure === undefined)
			thread.worker.postMessage(packet, [packet.input, packet.output, packet.ends.buffer as ArrayBuffer]);
		return result;
	}

	/** Ends the threads, whatever they are doing. */
	async close(): Promise<void> {
		this.#signal.removeEventListener('abort', this.#abort);
		this.#failure ??= { reason: new Error('the workers were closed') };
		await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
	}

	#start(options: WorkerOptions): Thread {
		const worker = new Worker(new URL('./compress-worker.ts', import.meta.url), {
			workerData: options,
			resourceLimits: { maxYoungGenerationSizeMb: 2 },
		});
		const waiting = new Map<number, Waiting>();
		worker.on('message', (packet: CompressedPacket) => {
			waiting.get(packet.sequence)?.resolve(packet);
			waiting.delete(packet.sequence);
		});
		worker.on('error', (error) => this.#fail(error));
		worker.on('exit', (code) => this.#fail(new Error(`a worker ended with code ${code}`)));
		return { worker, waiting };
	}

	#fail(reason: unknown): void {
		this.#failure ??= { reason };
		for (const { waiting } of this.#threads) {
			for (const { reject } of waiting.values()) reject(this.#failure.reason);
			waiting.clear();
		}
	}
}
