// Sends one step to one server and returns what came back, byte for byte. It follows no redirect, adds no header that
// the step did not ask for (except Host, Connection, Content-Length) and interprets nothing.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { RawAnswer } from './step.ts';

export type Outgoing = {
	readonly base: URL;
	readonly method: string;
	readonly target: string;
	readonly headers: Readonly<Record<string, string | readonly string[]>>;
	readonly body: Uint8Array | undefined;
	readonly chunked: boolean;
};

/** A server that does not answer within this time is trouble, not a difference. Milliseconds. */
const ANSWER_LIMIT_MS = 20_000;

/**
 * Sends and reads the whole answer; of an event stream, which never ends, the header block only. Rejects when the
 * connection fails or the limit passes.
 */
export async function send(outgoing: Outgoing): Promise<RawAnswer> {
	const response = await begin(outgoing);
	if (isEventStream(response)) {
		response.on('error', () => undefined).destroy();
		return { status: response.statusCode ?? 0, headers: headersOf(response), body: new Uint8Array() };
	}
	const parts: Buffer[] = [];
	for await (const part of response) parts.push(part as Buffer);
	return { status: response.statusCode ?? 0, headers: headersOf(response), body: Buffer.concat(parts) };
}

/** Sends and resolves as soon as the header block is there; the body is the caller's to read. */
export function begin(outgoing: Outgoing): Promise<IncomingMessage> {
	const { base, method, target, body, chunked } = outgoing;
	const headers: Record<string, string | string[]> = {};
	// Node writes header values as latin1: hand it the UTF-8 bytes as characters, so that they arrive as UTF-8.
	for (const [name, value] of Object.entries(outgoing.headers))
		headers[name] = typeof value === 'string' ? latin1(value) : value.map(latin1);
	if (body !== undefined && !chunked) headers['content-length'] = String(body.length);
	if (body !== undefined && chunked) headers['transfer-encoding'] = 'chunked';
	return new Promise((resolve, reject) => {
		const open = base.protocol === 'https:' ? httpsRequest : httpRequest;
		const request = open({ host: base.hostname, port: base.port, method, path: latin1(target), headers, agent: false });
		request.setTimeout(ANSWER_LIMIT_MS, () => request.destroy(new Error(`no answer within ${ANSWER_LIMIT_MS} ms`)));
		request.on('response', resolve);
		request.on('error', (cause) => reject(new Error(`${method} ${base.origin}${target}: ${cause.message}`, { cause })));
		if ('expect' in headers) request.on('continue', () => request.end(body));
		else request.end(body);
		if ('expect' in headers) request.flushHeaders();
	});
}

export const isEventStream = (response: IncomingMessage): boolean =>
	(response.headers['content-type'] ?? '').startsWith('text/event-stream');

export function headersOf(response: IncomingMessage): Record<string, string> {
	const headers: Record<string, string> = {};
	for (const [name, values] of Object.entries(response.headersDistinct))
		headers[name] = Buffer.from((values ?? []).join(', '), 'latin1').toString('utf8');
	return headers;
}

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
