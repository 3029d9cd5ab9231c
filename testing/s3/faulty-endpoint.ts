// An S3 endpoint that fails when a test says so: passes requests on to another one, notes what was asked, and breaks
// single requests in pairs of ways, so that a request that failed has taken effect in one and not in the other.

import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Fault =
	/** Cut before the request is passed on: it has no effect. */
	| { readonly kind: 'failed-not-done' }
	/** Cut after the answer came, which is not passed on: it has had its effect. */
	| { readonly kind: 'failed-but-done' }
	/** Answers 503 by itself. */
	| { readonly kind: 'unavailable' }
	/** The answer ends after so many bytes of its body. */
	| { readonly kind: 'answer-cut'; readonly after: number }
	/** Range is not passed on, so that the whole object comes. */
	| { readonly kind: 'range-ignored' };

export interface AskedOfS3 {
	readonly method: string;
	/** With the query. */
	readonly path: string;
}

export interface FaultyEndpoint {
	readonly endpoint: string;
	readonly asked: readonly AskedOfS3[];
	/** Decides on each request; undefined passes it. Replaces the one before. */
	fail(rule: (asked: AskedOfS3) => Fault | undefined): void;
	stop(): Promise<void>;
}

/** @param behind the endpoint that requests are passed on to: 'http://127.0.0.1:PORT' */
export async function startFaultyEndpoint(behind: string): Promise<FaultyEndpoint> {
	const asked: AskedOfS3[] = [];
	let rule: (asked: AskedOfS3) => Fault | undefined = () => undefined;
	const server = createServer((request, response) => {
		const one = { method: request.method ?? '', path: request.url ?? '' };
		asked.push(one);
		pass(behind, request, response, rule(one));
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		asked,
		fail: (next) => {
			rule = next;
		},
		stop: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}

function pass(behind: string, request: IncomingMessage, response: ServerResponse, fault: Fault | undefined): void {
	if (fault?.kind === 'failed-not-done') return void request.socket.destroy();
	if (fault?.kind === 'unavailable') {
		request.resume();
		return void response.writeHead(503).end();
	}
	const headers = { ...request.headers };
	if (fault?.kind === 'range-ignored') delete headers.range;
	const onward = send(behind + request.url, { method: request.method, headers }, (answer) => {
		if (fault?.kind === 'failed-but-done') {
			answer.resume().on('end', () => request.socket.destroy());
			return;
		}
		response.writeHead(answer.statusCode ?? 502, answer.headers);
		let left = fault?.kind === 'answer-cut' ? fault.after : Number.POSITIVE_INFINITY;
		if (left === 0) return void request.socket.destroy();
		answer.on('data', (chunk: Buffer) => {
			if (left <= 0) return;
			response.write(chunk.subarray(0, left), () => {
				if (left <= 0) request.socket.destroy();
			});
			left -= chunk.length;
		});
		answer.on('end', () => {
			if (left > 0) response.end();
		});
	});
	onward.on('error', () => request.socket.destroy());
	request.on('error', () => onward.destroy());
	request.pipe(onward);
}
