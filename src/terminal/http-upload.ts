// The sending half of an upload over HTTP: a stream, no faster than the server takes it and no further than it wants it.
// It leaves out the answer (http-client.ts).

import type http from 'node:http';
import { CaissonError } from '../errors.ts';
import type { ApiRequest, UploadContent } from './api-client.ts';

/** The headers that tell of a request's content. @param body its JSON */
export function contentHeaders(request: ApiRequest, body: string | undefined): http.OutgoingHttpHeaders {
	if (request.content !== undefined) {
		const { length } = request.content;
		const expect = asksFirst(length) ? { expect: '100-continue' } : {};
		return { 'content-type': 'application/octet-stream', 'content-length': length, ...expect };
	}
	return body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
}

/**
 * Sends the bytes as fast as the server takes them. Where it answers before it has all of them (it refuses), the rest is
 * not sent, and the connection is closed behind the answer.
 * @param onSent called when the last byte is on its way
 * @throws what `chunks` throws, and CaissonError internal where it gives another length than announced
 */
export async function sendContent(
	outgoing: http.ClientRequest,
	{ length, chunks }: UploadContent,
	onSent: () => void,
): Promise<void> {
	const state = { sent: 0, over: false };
	outgoing.once('response', (response) => {
		state.over = true;
		if (!outgoing.writableEnded) response.once('close', () => outgoing.destroy());
	});
	outgoing.once('close', () => {
		state.over = true;
	});
	if (asksFirst(length)) await invitation(outgoing);
	if (state.over) return;
	for await (const chunk of chunks) {
		if (state.over) return;
		state.sent += chunk.length;
		if (state.sent > length) break;
		if (!outgoing.write(chunk)) await roomFor(outgoing);
		if (state.over) return;
	}
	if (state.sent !== length) throw new CaissonError('internal', `An upload of ${length} bytes has another length.`);
	outgoing.end();
	onSent();
}

/**
 * A server that refuses and closes the connection while bytes are under way resets it, and its reason is lost; so it is
 * asked before more is sent than fits into the buffers on the way.
 */
function asksFirst(length: number): boolean {
	return length > 64 * 1024;
}

/**
 * Resolves when the server wants the content (100 Continue, RFC 9110, section 10.1.1) and has had a moment to refuse it all
 * the same, as many say 100 before they look; or when it answers, or says nothing for a second (it knows no 100).
 */
function invitation(outgoing: http.ClientRequest): Promise<void> {
	outgoing.flushHeaders();
	return new Promise((resolve) => {
		let timer = setTimeout(resolve, 1000);
		const wait = (milliseconds: number) => () => {
			clearTimeout(timer);
			timer = setTimeout(resolve, milliseconds);
		};
		outgoing.once('continue', wait(100));
		for (const event of ['response', 'close']) outgoing.once(event, wait(0));
	});
}

/** Resolves when more can be written, or when there is no use in it. */
function roomFor(outgoing: http.ClientRequest): Promise<void> {
	return new Promise((resolve) => {
		const events = ['drain', 'response', 'close'];
		const done = () => {
			for (const event of events) outgoing.off(event, done);
			resolve();
		};
		for (const event of events) outgoing.on(event, done);
	});
}
