// Bytes of server-sent events → events, for every way in which the bytes may arrive.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerSentEvent } from './api-client.ts';
import { parseEventStream, type StreamState } from './event-stream.ts';

async function* inChunks(text: string, size: number): AsyncGenerator<Uint8Array> {
	const bytes = new TextEncoder().encode(text);
	for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function parse(
	text: string,
	size = 1e6,
	limit?: number,
): Promise<{ events: ServerSentEvent[]; state: StreamState }> {
	const state: StreamState = { lastEventId: '', retry: undefined };
	const events: ServerSentEvent[] = [];
	for await (const event of parseEventStream(inChunks(text, size), state, limit)) events.push(event);
	return { events, state };
}

const text =
	'\ufeff: hello\r\ndata: ä\r\ndata:b\r\nid: 1\r\n\r\nevent: e\rdata\r\rretry: 250\ndata: {"c":1}\nid: 2\n\ndata: cut off';
const expected = [
	{ data: 'ä\nb', id: '1' },
	{ data: '', event: 'e' },
	{ data: '{"c":1}', id: '2' },
];

for (const size of [1, 2, 3, 7, 1000]) {
	test(`events are the same in pieces of ${size} bytes`, async () => {
		const { events, state } = await parse(text, size);
		assert.deepEqual(events, expected);
		assert.deepEqual(state, { lastEventId: '2', retry: 250 });
	});
}

test('an event without data is none, but its id counts', async () => {
	const { events, state } = await parse('id: 9\n\n');
	assert.deepEqual([events, state.lastEventId], [[], '9']);
});

test('a line without an end and an event without an end are bounded', async () => {
	await assert.rejects(parse(`data: ${'x'.repeat(200)}`, 10, 100), /more than 100 characters/);
	await assert.rejects(parse('data: xxxxxxxxxx\n'.repeat(20), 10, 100), /more than 100 characters/);
});
