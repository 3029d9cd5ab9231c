// What stands between a device and the server in a test: it passes requests on, counts the bytes that the server really
// sent (status lines, headers, framing and bodies, as they came over the wire), and can spoil the answers to requests for
// ranges as bad networks and bad servers do. It leaves out judging them.

import { createServer, type IncomingMessage, type RequestOptions, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What one request was, and what the server sent for it. */
export interface Exchange {
	readonly method: string;
	readonly path: string;
	/** The Range header. */
	readonly range: string | undefined;
	readonly status: number;
	readonly contentType: string | undefined;
	/** Bytes that came from the server for this request, on a connection of its own: all of them. */
	readonly wire: number;
	/** Bytes of the body alone. */
	readonly body: number;
}

/**
 * 'ignore-range': asks the server without the Range header, so that it answers 200 with all. { cutAfter }: ends the
 * connection after that many bytes of a body. { flip }: changes a bit of that byte of a body.
 */
export type Fault = 'ignore-range' | { readonly cutAfter: number } | { readonly flip: number };

export interface CountingProxy {
	/** http://127.0.0.1:PORT */
	readonly address: string;
	/** Every exchange that has ended, in order. */
	readonly exchanges: readonly Exchange[];
	/** From now on for requests with a Range header; undefined: none. */
	fault: Fault | undefined;
	stop(): Promise<void>;
}

/** @param server where requests go: http://HOST:PORT */
export async function startCountingProxy(server: string): Promise<CountingProxy> {
	const exchanges: Exchange[] = [];
	const target = new URL(server);
	const proxy = { fault: undefined as Fault | undefined };
	const listener = createServer({ maxHeaderSize: 1 << 20 }, (asked, answer) => {
		const fault = asked.headers.range === undefined ? undefined : proxy.fault;
		const headers = { ...asked.headers };
		if (fault === 'ignore-range') delete headers.range;
		const { hostname, port } = target;
		const words: RequestOptions = { hostname, port, method: asked.method, path: asked.url, headers, agent: false };
		const forwarded = request(words, (got) => pass(asked, got, answer, fault, exchanges));
		forwarded.on('error', () => answer.destroy());
		asked.pipe(forwarded);
	});
	await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
	return Object.assign(proxy, {
		address: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
		exchanges,
		stop: () =>
			new Promise<void>((resolve) => {
				listener.close(() => resolve());
				listener.closeAllConnections();
			}),
	});
}

function pass(
	asked: IncomingMessage,
	got: IncomingMessage,
	answer: ServerResponse,
	fault: Fault | undefined,
	exchanges: Exchange[],
): void {
	let body = 0;
	// Kept now: the socket is gone when the body has ended.
	const { socket } = got;
	answer.writeHead(got.statusCode ?? 502, got.rawHeaders);
	got.on('data', (bytes: Buffer) => {
		const spoilt = spoil(bytes, body, fault);
		body += bytes.length;
		answer.write(spoilt ?? bytes);
		if (spoilt !== undefined && spoilt.length < bytes.length) got.destroy();
	});
	got.on('close', () => {
		const [method, path] = [asked.method ?? '', asked.url ?? ''];
		const facts = { status: got.statusCode ?? 0, contentType: got.headers['content-type'] };
		exchanges.push({ method, path, range: asked.headers.range, ...facts, wire: socket.bytesRead, body });
		if (got.complete) answer.end();
		// What was written reaches the client first, then the connection ends before its time.
		else setTimeout(() => answer.destroy(), 50);
	});
}

/** @returns the bytes to send instead, fewer where the connection ends here; undefined where nothing is to change */
function spoil(bytes: Buffer, at: number, fault: Fault | undefined): Buffer | undefined {
	if (fault === undefined || fault === 'ignore-range') return undefined;
	if ('cutAfter' in fault) {
		return at + bytes.length > fault.cutAfter ? bytes.subarray(0, Math.max(0, fault.cutAfter - at)) : undefined;
	}
	if (fault.flip < at || fault.flip >= at + bytes.length) return undefined;
	const changed = Buffer.from(bytes);
	changed[fault.flip - at] = (changed[fault.flip - at] ?? 0) ^ 1;
	return changed;
}
