// A subscriber of job events who outlives the server: it connects again after each loss and asks to go on after the
// last event that it received. It keeps what it received, in order, and judges nothing.

import { type ClientRequest, get } from 'node:http';

export interface ReceivedEvent {
	readonly id: number;
	readonly action: string;
	readonly jobId: string;
	readonly clientId: string;
	/** Of the status, where the event carries one. */
	readonly message?: string | undefined;
}

export class Subscriber {
	readonly received: ReceivedEvent[] = [];
	/** Connections that were made. */
	connections = 0;
	#url = '';
	#request: ClientRequest | undefined;
	#waiting: { readonly test: (event: ReceivedEvent) => boolean; readonly resolve: () => void }[] = [];
	#generation = 0;

	/** Goes to `url` (of GET /jobs/events) and stays there, connecting again whenever the connection ends. */
	follow(url: string): void {
		this.stop();
		this.#url = url;
		this.#connect(this.#generation);
	}

	/** Resolves once an event that passes `test` has been received, at once where it was before. */
	async until(test: (event: ReceivedEvent) => boolean): Promise<void> {
		if (this.received.some(test)) return;
		await new Promise<void>((resolve) => this.#waiting.push({ test, resolve }));
	}

	stop(): void {
		this.#generation++;
		this.#request?.destroy();
	}

	#connect(generation: number): void {
		if (generation !== this.#generation) return;
		const again = () => void setTimeout(() => this.#connect(generation), 20);
		const last = this.received.at(-1)?.id ?? 0;
		this.#request = get(this.#url, { agent: false, headers: { 'last-event-id': String(last) } }, (response) => {
			this.connections++;
			let text = '';
			response.setEncoding('utf8').on('data', (chunk: string) => {
				text += chunk;
				const blocks = text.split('\n\n');
				text = blocks.pop() ?? '';
				for (const block of blocks) this.#take(block);
			});
			response.on('error', () => {}).on('close', again);
		});
		this.#request.on('error', again);
	}

	/** One event as the server sends it: lines `data: …` and `id: …`; a comment is a keep-alive. */
	#take(block: string): void {
		const lines = block.split('\n');
		const id = lines.find((line) => line.startsWith('id: '))?.slice(4);
		const data = lines.find((line) => line.startsWith('data: '))?.slice(6);
		if (id === undefined || data === undefined) return;
		const { action, job } = JSON.parse(data);
		const event = { id: Number(id), action, jobId: job.id, clientId: job.clientId, message: job.status?.message };
		this.received.push(event);
		const [met, still] = [
			this.#waiting.filter(({ test }) => test(event)),
			this.#waiting.filter(({ test }) => !test(event)),
		];
		this.#waiting = still;
		for (const { resolve } of met) resolve();
	}
}
