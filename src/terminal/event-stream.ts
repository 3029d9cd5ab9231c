// Server-sent events as bytes → events (WHATWG HTML, section 9.2.6 "Interpreting an event stream"), with bounded lines.
// It leaves out connecting and reconnecting (http-client.ts).

import { CaissonError } from '../errors.ts';
import type { ServerSentEvent } from './api-client.ts';

/** A job event carries a whole job with its workflow of at most 16384 transitions: a few MB. */
export const eventLimit = 16 * 1024 * 1024;

export interface StreamState {
	/** Of the last event seen; survives reconnects. */
	lastEventId: string;
	/** Milliseconds to wait before reconnecting, where the server says so. */
	retry: number | undefined;
}

/**
 * Splits the bytes of one connection into events; keeps `state` up to date. An event that the connection's end cuts
 * off is dropped, as the specification says.
 * @throws CaissonError server-unreachable where a line or an event is longer than eventLimit
 */
export async function* parseEventStream(
	bytes: AsyncIterable<Uint8Array>,
	state: StreamState,
	limit = eventLimit,
): AsyncGenerator<ServerSentEvent> {
	let data: string[] = [];
	let size = 0;
	let event: string | undefined;
	let id: string | undefined;
	for await (const line of lines(bytes, limit)) {
		if (line === '') {
			if (id !== undefined) state.lastEventId = id;
			if (data.length > 0) {
				yield {
					data: data.join('\n'),
					...(event === undefined ? {} : { event }),
					...(id === undefined ? {} : { id }),
				};
			}
			data = [];
			[size, event, id] = [0, undefined, undefined];
			continue;
		}
		const colon = line.indexOf(':');
		if (colon === 0) continue; // a comment: keep-alive
		const field = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
		if (field === 'data') {
			size += value.length;
			if (size > limit) throw tooLong(limit);
			data.push(value);
		} else if (field === 'event') event = value;
		else if (field === 'id' && !value.includes('\0')) id = value;
		else if (field === 'retry' && /^\d{1,7}$/.test(value)) state.retry = Number(value);
	}
}

async function* lines(bytes: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<string> {
	const decoder = new TextDecoder();
	let pieces: string[] = [];
	let pending = 0;
	let first = true;
	let afterReturn = false;
	for await (const chunk of bytes) {
		let text = decoder.decode(chunk, { stream: true });
		if (first && text !== '') {
			first = false;
			if (text.startsWith('\ufeff')) text = text.slice(1);
		}
		if (afterReturn && text.startsWith('\n')) text = text.slice(1);
		if (text !== '') afterReturn = text.endsWith('\r');
		const parts = text.split(/\r\n|\n|\r/);
		for (const part of parts.slice(0, -1)) {
			yield pieces.join('') + part;
			pieces = [];
			pending = 0;
		}
		const rest = parts.at(-1) ?? '';
		pending += rest.length;
		if (pending > limit) throw tooLong(limit);
		if (rest !== '') pieces.push(rest);
	}
}

function tooLong(limit: number): CaissonError {
	return new CaissonError('server-unreachable', `The server sent an event of more than ${limit} characters.`);
}
