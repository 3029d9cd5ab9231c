// Stands between a device and a server, passes every request on and keeps it: what a device really sends. Bodies of
// downloads are not kept. It leaves out judging.

import { createServer, type IncomingHttpHeaders, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RecordedRequest {
	readonly method: string;
	/** Path and query. */
	readonly path: string;
	/** Those that say something: not Host, not Content-Length, not Connection. */
	readonly headers: Readonly<Record<string, string>>;
	/** Absent where there was none. */
	readonly body?: string;
	/** What the server answered. */
	readonly status: number;
}

export interface Recorder {
	/** http://127.0.0.1:PORT */
	readonly url: string;
	/** In the order of their answers. */
	readonly requests: readonly RecordedRequest[];
	close(): Promise<void>;
}

const silentHeaders = ['host', 'content-length', 'connection', 'user-agent', 'expect'];

/** @param target http://HOST:PORT */
export async function startRecorder(target: string): Promise<Recorder> {
	const requests: RecordedRequest[] = [];
	const server = createServer(async (incoming, outgoing) => {
		const { method = '', url: path = '', headers } = incoming;
		const parts: Uint8Array[] = [];
		for await (const part of incoming) parts.push(part);
		const body = Buffer.concat(parts);
		const passed = sendRequest(target + path, { method, headers }, (answer) => {
			const status = answer.statusCode ?? 0;
			const kept = { method, path, headers: tellingHeaders(headers), status };
			requests.push(body.length === 0 ? kept : { ...kept, body: body.toString() });
			outgoing.writeHead(status, answer.headers);
			answer.pipe(outgoing);
		});
		passed.on('error', () => outgoing.destroy());
		passed.end(body);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		requests,
		close: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}

function tellingHeaders(headers: IncomingHttpHeaders): Record<string, string> {
	const kept = Object.entries(headers).filter(([name]) => !silentHeaders.includes(name));
	return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]).sort());
}

/** The requests with the names of one run taken out, so that two runs can be compared. */
export function anonymous(
	requests: readonly RecordedRequest[],
	names: Readonly<Record<string, string>>,
): RecordedRequest[] {
	let text = JSON.stringify(requests);
	for (const [name, value] of Object.entries(names)) text = text.replaceAll(value, name);
	return JSON.parse(text);
}
