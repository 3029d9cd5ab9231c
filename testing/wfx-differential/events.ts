// A server-sent event stream held open while other steps run. It keeps every frame as it came and decides nothing; frames
// are turned into something comparable by normalise.ts.
import type { IncomingMessage } from 'node:http';

/** How long a stream must stay silent before its events count as complete. Milliseconds. */
const QUIET_MS = 250;

export class EventStream {
	readonly #response: IncomingMessage;
	#text = '';
	#last = Date.now();

	constructor(response: IncomingMessage) {
		this.#response = response;
		response.socket.setTimeout(0);
		response.setEncoding('utf8');
		response.on('data', (part: string) => {
			this.#text += part;
			this.#last = Date.now();
		});
		// The stream ends by our own hand or the server's: either way the frames so far are what is compared.
		response.on('error', () => undefined);
	}

	/** Waits until the stream is silent, closes it and returns the frames; comment lines (keep-alive) are left out. */
	async close(): Promise<readonly string[]> {
		const start = Date.now();
		while (Date.now() - Math.max(this.#last, start) < QUIET_MS) await new Promise((done) => setTimeout(done, 20));
		this.#response.destroy();
		return this.#text
			.split(/\r?\n\r?\n/)
			.map((frame) =>
				frame
					.split(/\r?\n/)
					.filter((line) => line !== '' && !line.startsWith(':'))
					.join('\n'),
			)
			.filter((frame) => frame !== '');
	}
}
