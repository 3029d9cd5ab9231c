// The few requests that the kill series sends, over as many connections as there are writers. A request whose answer
// did not arrive is not an error here but an outcome: what became of it is unknown.

import { Agent, request } from 'node:http';

export interface Answer {
	readonly status: number;
	readonly body: unknown;
}

export class Client {
	readonly #agent = new Agent({ keepAlive: true, maxSockets: 1000 });

	/** @returns undefined where the connection broke before the whole answer had come */
	send(method: string, url: string, body?: unknown): Promise<Answer | undefined> {
		return new Promise((resolve) => {
			const text = body === undefined ? '' : JSON.stringify(body);
			const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
			const sent = request(url, { method, agent: this.#agent, headers }, (response) => {
				const chunks: Buffer[] = [];
				response.on('data', (chunk: Buffer) => chunks.push(chunk));
				response.on('error', () => resolve(undefined));
				response.on('close', () => {
					if (!response.complete) return resolve(undefined);
					resolve({ status: response.statusCode ?? 0, body: parse(Buffer.concat(chunks).toString()) });
				});
			});
			sent.on('error', () => resolve(undefined));
			sent.end(text);
		});
	}

	close(): void {
		this.#agent.destroy();
	}
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}
