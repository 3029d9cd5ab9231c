// The ApiClient over HTTP: http, https and unix sockets, with keep-alive, bounds and time limits. It leaves out which
// server it is (server-address.ts) and what a refusal means (api-errors.ts). node:http rather than fetch, as fetch
// reaches no unix socket and takes no CA.

import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { CaissonError } from '../errors.ts';
import type { ApiAnswer, ApiClient, ApiRequest, ServerSentEvent, StreamObserver } from './api-client.ts';
import { refusalError } from './api-errors.ts';
import { parseEventStream, type StreamState } from './event-stream.ts';
import { contentHeaders, sendContent } from './http-upload.ts';
import type { Server } from './server-address.ts';

export interface HttpClientLimits {
	/** Of one answer, in bytes. */
	readonly answer: number;
	/** Milliseconds without a byte from the server before a request is given up. */
	readonly silence: number;
	/** The same after the last byte of an upload: the server makes it durable before it answers. */
	readonly storing: number;
	/** The same for a stream of events; the server sends a keep-alive every 30 s. */
	readonly streamSilence: number;
	/** Milliseconds before the first reconnection of a stream; doubled up to thirty times that. */
	readonly reconnect: number;
}

const defaults: HttpClientLimits = {
	answer: 256 * 1024 * 1024,
	silence: 60_000,
	storing: 600_000,
	streamSilence: 95_000,
	reconnect: 1_000,
};

/** @param interrupted ends every request when it aborts; they then throw its reason */
export function httpClient(server: Server, interrupted: AbortSignal, limits: HttpClientLimits = defaults): ApiClient {
	const secure = server.address.url.protocol === 'https:';
	const options = { keepAlive: true, maxSockets: 32, ...(server.ca === undefined ? {} : { ca: server.ca }) };
	const agent = secure ? new https.Agent(options) : new http.Agent(options);
	const connection: Connection = { server, agent, send: secure ? https.request : http.request, limits };
	return {
		address: server.address.text,
		request: (method, path, request = {}) => ask(connection, method, path, request, interrupted),
		download: (path, request = {}) => receive(connection, path, request, interrupted),
		events: (path, request, signal, observer) =>
			follow(connection, path, request, AbortSignal.any([signal, interrupted]), observer),
	};
}

interface Connection {
	readonly server: Server;
	readonly agent: http.Agent;
	readonly send: typeof http.request;
	readonly limits: HttpClientLimits;
}

async function ask(
	connection: Connection,
	method: string,
	path: string,
	request: ApiRequest,
	signal: AbortSignal,
): Promise<ApiAnswer> {
	const response = await open(connection, method, path, request, signal, connection.limits.silence);
	const bytes = await readBody(connection, response, signal);
	const answer = {
		status: response.statusCode ?? 0,
		headers: plainHeaders(response),
		body: parseBody(connection, response, bytes),
	};
	if ((answer.status >= 200 && answer.status < 300) || request.answers?.includes(answer.status)) return answer;
	throw refusalError({ ...answer, method, path, address: connection.server.address.text, request });
}

async function* receive(
	connection: Connection,
	path: string,
	request: ApiRequest,
	signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
	const response = await open(connection, 'GET', path, request, signal, connection.limits.silence);
	const status = response.statusCode ?? 0;
	if (status < 200 || status >= 300) {
		const body = parseBody(connection, response, await readBody(connection, response, signal));
		const address = connection.server.address.text;
		throw refusalError({ status, headers: plainHeaders(response), body, method: 'GET', path, address, request });
	}
	const chunks = response[Symbol.asyncIterator]();
	try {
		for (;;) {
			const { done, value } = await nextOf(connection, chunks, signal);
			if (done) return;
			yield value;
		}
	} finally {
		response.destroy();
	}
}

async function nextOf(
	{ server }: Connection,
	chunks: AsyncIterator<Uint8Array>,
	signal: AbortSignal,
): Promise<IteratorResult<Uint8Array>> {
	try {
		return await chunks.next();
	} catch (error) {
		if (signal.aborted) throw signal.reason;
		throw unreachable(server, error as Error, false);
	}
}

/** Sends the request and waits for the answer's head. */
function open(
	{ server, agent, send, limits }: Connection,
	method: string,
	path: string,
	request: ApiRequest,
	signal: AbortSignal,
	silence: number,
): Promise<http.IncomingMessage> {
	const body = request.body === undefined ? undefined : JSON.stringify(request.body);
	const { address, token } = server;
	const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
	if (signal.aborted) return Promise.reject(signal.reason);
	const outgoing = send({
		agent,
		method,
		...(address.socket === undefined
			? { host: address.url.hostname.replace(/^\[|\]$/g, ''), port: address.url.port }
			: { socketPath: address.socket }),
		path: fullPath(address.url, path, request),
		signal,
		timeout: Math.min(silence, limits.streamSilence),
		headers: {
			accept: 'application/json, text/event-stream;q=0.9, */*;q=0.1',
			'user-agent': 'caisson',
			...contentHeaders(request, body),
			...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
			...request.headers,
		},
	});
	let patience = silence;
	outgoing.setTimeout(patience, () => outgoing.destroy(silent(patience)));
	outgoing.on('response', resolve);
	outgoing.on('error', (error) => {
		// Half of an upload changes nothing.
		const changes = method !== 'GET' && outgoing.writableEnded;
		reject(signal.aborted ? signal.reason : unreachable(server, error, changes));
	});
	if (request.content === undefined) outgoing.end(body);
	else {
		sendContent(outgoing, request.content, () => {
			patience = limits.storing;
			outgoing.setTimeout(patience);
		}).catch((reason) => {
			reject(reason);
			outgoing.destroy();
		});
	}
	return promise;
}

function silent(milliseconds: number): Error {
	return Object.assign(new Error(`it was silent for ${milliseconds / 1000} s`), { code: 'SILENT' });
}

function fullPath(base: URL, path: string, request: ApiRequest): string {
	const query = new URLSearchParams();
	for (const [name, value] of Object.entries(request.query ?? {})) {
		if (value !== undefined) query.set(name, String(value));
	}
	const search = query.size === 0 ? '' : `?${query}`;
	return base.pathname.replace(/\/$/, '') + path + search;
}

async function readBody(
	{ server, limits }: Connection,
	response: http.IncomingMessage,
	signal: AbortSignal,
): Promise<Buffer> {
	const chunks: Buffer[] = [];
	let size = 0;
	try {
		for await (const chunk of response) {
			size += chunk.length;
			if (size > limits.answer) break; // leaving the loop destroys the response
			chunks.push(chunk);
		}
	} catch (error) {
		if (signal.aborted) throw signal.reason;
		throw unreachable(server, error as Error, false);
	}
	if (size > limits.answer) {
		throw new CaissonError(
			'server-unreachable',
			`The answer of ${server.address.text} is larger than ${limits.answer} bytes.`,
		);
	}
	return Buffer.concat(chunks);
}

function parseBody({ server }: Connection, response: http.IncomingMessage, bytes: Buffer): unknown {
	if (bytes.length === 0) return undefined;
	const text = bytes.toString('utf8');
	if (!/[/+]json\b/.test(response.headers['content-type'] ?? '')) return text;
	try {
		return JSON.parse(text);
	} catch (cause) {
		throw new CaissonError('server-unreachable', `${server.address.text} announced JSON and sent something else.`, {
			cause,
		});
	}
}

function plainHeaders(response: http.IncomingMessage): Record<string, string> {
	return Object.fromEntries(
		Object.entries(response.headers).map(([name, value]) => [
			name,
			Array.isArray(value) ? value.join(', ') : (value ?? ''),
		]),
	);
}

async function* follow(
	connection: Connection,
	path: string,
	request: ApiRequest,
	signal: AbortSignal,
	observer: StreamObserver | undefined,
): AsyncGenerator<ServerSentEvent> {
	const { streamSilence, reconnect } = connection.limits;
	const { 'last-event-id': start, ...headers } = lowerCase(request.headers);
	const state: StreamState = { lastEventId: start ?? '', retry: undefined };
	let opened = false;
	for (let failures = 0; !signal.aborted; ) {
		try {
			const resume = state.lastEventId === '' ? {} : { 'last-event-id': state.lastEventId };
			const sent = { ...request, headers: { ...headers, ...resume } };
			const response = await open(connection, 'GET', path, sent, signal, streamSilence);
			await expectStream(connection, path, request, response, signal);
			observer?.open?.(opened);
			opened = true;
			for await (const event of parseEventStream(response, state)) {
				failures = 0;
				yield event;
			}
			throw new CaissonError('server-unreachable', `${connection.server.address.text} closed the stream of events.`);
		} catch (error) {
			if (signal.aborted) return;
			if (!opened || (error instanceof CaissonError && !retryable(error))) throw error;
			const wait = (state.retry ?? reconnect) * Math.min(2 ** failures++, 30);
			observer?.lost?.(reasonOf(error as Error), wait);
			await sleep(wait, undefined, { signal }).catch(() => undefined);
		}
	}
}

/** A server that restarts or sheds load is waited for; one that refuses is not asked again. */
function retryable(error: CaissonError): boolean {
	return error.code === 'server-unreachable' || error.code === 'storage-unavailable';
}

async function expectStream(
	connection: Connection,
	path: string,
	request: ApiRequest,
	response: http.IncomingMessage,
	signal: AbortSignal,
): Promise<void> {
	const status = response.statusCode ?? 0;
	const address = connection.server.address.text;
	if (status === 200 && (response.headers['content-type'] ?? '').startsWith('text/event-stream')) return;
	const bytes = await readBody(connection, response, signal);
	if (status >= 200 && status < 300) {
		throw new CaissonError(
			'request-invalid',
			`${address} answered GET ${path} with something other than a stream of events.`,
		);
	}
	const body = parseBody(connection, response, bytes);
	throw refusalError({ status, headers: plainHeaders(response), body, method: 'GET', path, address, request });
}

function lowerCase(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
	return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

const reasons: Readonly<Record<string, string>> = {
	ECONNREFUSED: 'nothing listens there',
	ENOENT: 'there is no such socket',
	ENOTFOUND: 'there is no host of that name',
	EAI_AGAIN: 'the name could not be looked up',
	ECONNRESET: 'the connection was closed',
	EPIPE: 'the connection was closed',
	EHOSTUNREACH: 'there is no route to the host',
	ENETUNREACH: 'there is no route to the network',
	ETIMEDOUT: 'the connection timed out',
	EACCES: 'you may not use that socket',
	EPROTO: 'it does not speak TLS',
	HPE_INVALID_CONSTANT: 'it does not speak HTTP (or only with TLS)',
	DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; name its CA with --ca',
	SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an unknown CA; name it with --ca',
	UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an unknown CA; name it with --ca',
	UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from an unknown CA; name it with --ca',
	ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
	CERT_HAS_EXPIRED: 'its certificate has expired',
};

// Only a request that was sent can have had an effect.
const sentBefore = /^(ECONNRESET|EPIPE|SILENT)$/;

function unreachable(server: Server, cause: Error, changes: boolean): CaissonError {
	const doubt =
		changes && sentBefore.test((cause as NodeJS.ErrnoException).code ?? '')
			? ' Whether the server did what was asked is not known.'
			: '';
	const message = `Cannot reach ${server.address.text}: ${reasonOf(cause)}.${doubt}`;
	return new CaissonError('server-unreachable', message, { cause });
}

function reasonOf(error: Error): string {
	if (error instanceof CaissonError) return error.message.replace(/\.$/, '');
	// With two addresses of one host (localhost) Node reports one error for both.
	const single = error instanceof AggregateError ? ((error.errors[0] as Error | undefined) ?? error) : error;
	const code = (single as NodeJS.ErrnoException).code ?? '';
	return reasons[code] ?? (single.message || code);
}
