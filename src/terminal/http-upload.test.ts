// Requests that send a stream, against real servers of node:http: what is announced, when it stops, how it fails.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CaissonError } from '../errors.ts';
import type { ApiClient } from './api-client.ts';
import { httpClient } from './http-client.ts';
import { parseAddress } from './server-address.ts';

const never = new AbortController().signal;
const limits = { answer: 1000, silence: 5000, storing: 5000, streamSilence: 5000, reconnect: 1 };

async function clientOf(
	t: TestContext,
	listener: RequestListener,
	{ interrupted = never, ...changed }: Partial<typeof limits> & { interrupted?: AbortSignal } = {},
): Promise<ApiClient> {
	const server = createServer(listener);
	t.after(() => {
		server.close();
		server.closeAllConnections();
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	const address = parseAddress(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'test');
	return httpClient({ address }, interrupted, { ...limits, ...changed });
}

const chunk = new Uint8Array(64 * 1024).fill(7);

/** `count` chunks; it tells how many were taken, and whether it was let go of. */
function source(count: number, before: (index: number) => unknown = () => undefined) {
	const seen = { taken: 0, closed: false };
	async function* chunks() {
		try {
			for (; seen.taken < count; seen.taken++) {
				await before(seen.taken);
				yield chunk;
			}
		} finally {
			seen.closed = true;
		}
	}
	return { seen, content: { length: count * chunk.length, chunks: chunks() } };
}

const refusal = (code: string, message: RegExp) => (error: unknown) =>
	error instanceof CaissonError && error.code === code && message.test(error.message);

async function sizeOf(request: IncomingMessage): Promise<number> {
	let size = 0;
	for await (const part of request) size += part.length;
	return size;
}

test('a stream is sent whole, with its length announced', async (t) => {
	const api = await clientOf(t, async (request, response) => {
		const { 'content-length': announced, 'content-type': type } = request.headers;
		const size = await sizeOf(request);
		response.setHeader('content-type', 'application/json');
		response.end(JSON.stringify({ announced, type, size }));
	});
	const { content, seen } = source(40);
	const { body } = await api.request('PUT', '/x', { content });
	const size = 40 * chunk.length;
	assert.deepEqual(body, { announced: String(size), type: 'application/octet-stream', size });
	assert.ok(seen.closed);
	const nothing = await api.request('PUT', '/x', { content: source(0).content });
	assert.deepEqual((nothing.body as { size: number }).size, 0);
});

test('a stream is taken no faster than the server reads', async (t) => {
	const waiting = Promise.withResolvers<IncomingMessage>();
	const api = await clientOf(t, async (request, response) => {
		waiting.resolve(request);
		await once(request, 'end');
		response.end('all of it');
	});
	const { content, seen } = source(2000);
	const answer = api.request('PUT', '/x', { content });
	const request = await waiting.promise;
	// Until two looks find the same number: what fits into the buffers between them is taken.
	for (let before = -1; before !== seen.taken; ) {
		before = seen.taken;
		await sleep(100);
	}
	assert.ok(seen.taken < 2000, `${seen.taken} chunks were taken although nobody reads`);
	request.resume();
	assert.equal((await answer).body, 'all of it');
	assert.equal(seen.taken, 2000);
});

test('a server that refuses early is understood, and the rest is not sent', async (t) => {
	const api = await clientOf(t, (_, response) => {
		response.writeHead(413, { 'content-type': 'application/problem+json' });
		response.end('{"code":"request-too-large","detail":"It has more than 5 bytes."}');
	});
	const { content, seen } = source(100_000);
	await assert.rejects(api.request('PUT', '/x', { content }), refusal('request-too-large', /more than 5 bytes/));
	assert.equal(seen.taken, 0);
});

test('a server that refuses in the middle is understood, and the rest is not sent', async (t) => {
	const api = await clientOf(t, (request, response) => {
		request.once('data', () => {
			response.writeHead(503, { 'content-type': 'application/problem+json' });
			response.end('{"code":"blobs-unavailable","detail":"The disk is full."}');
		});
	});
	const { content, seen } = source(100_000);
	await assert.rejects(api.request('PUT', '/x', { content }), refusal('blobs-unavailable', /disk is full/));
	assert.ok(seen.taken < 100_000);
	while (!seen.closed) await sleep(5);
});

test('a refusal is understood where the server closes the connection behind it', async (t) => {
	const api = await clientOf(t, (_, response) => {
		response.writeHead(401, { 'content-type': 'text/plain', connection: 'close' });
		response.end('no');
	});
	await assert.rejects(api.request('PUT', '/x', { content: source(1000).content }), refusal('not-authenticated', /no/));
});

test('what the source throws ends the request, and the server sees it broken off', async (t) => {
	const broken = Promise.withResolvers<boolean>();
	const api = await clientOf(t, (request) => {
		request.on('error', () => undefined).on('close', () => broken.resolve(!request.complete));
		request.resume();
	});
	const { content } = source(100, (index) => {
		if (index === 50) throw new Error('the disk is gone');
	});
	await assert.rejects(api.request('PUT', '/x', { content }), /the disk is gone/);
	assert.ok(await broken.promise);
});

test('a stream of another length than announced is no request', async (t) => {
	const api = await clientOf(t, (request) => request.on('error', () => undefined).resume());
	for (const wrong of [-1, 1]) {
		const { content } = source(3);
		const length = content.length + wrong;
		await assert.rejects(api.request('PUT', '/x', { content: { ...content, length } }), refusal('internal', /length/));
	}
});

test('Ctrl-C ends an upload with its own reason', async (t) => {
	const interrupted = new AbortController();
	const api = await clientOf(t, (request) => request.on('error', () => undefined).resume(), {
		interrupted: interrupted.signal,
	});
	const { content, seen } = source(100, (index) => {
		if (index === 50) interrupted.abort(new Error('Ctrl-C'));
	});
	await assert.rejects(api.request('PUT', '/x', { content }), /Ctrl-C/);
	while (!seen.closed) await sleep(5);
	assert.ok(seen.taken < 100);
});

test('a connection that ends in the middle of an upload leaves no doubt', async (t) => {
	const api = await clientOf(t, (request) => {
		request.once('data', () => request.socket.destroy());
	});
	const upload = api.request('PUT', '/x', { content: source(100_000).content });
	await assert.rejects(upload, (error: Error) => {
		assert.ok(refusal('server-unreachable', /connection was closed/)(error));
		assert.doesNotMatch(error.message, /not known/);
		return true;
	});
});

test('a server may be silent for longer while it stores what came', async (t) => {
	const slow: RequestListener = async (request, response) => {
		await sizeOf(request);
		await sleep(150);
		response.end('stored');
	};
	const patient = await clientOf(t, slow, { silence: 50 });
	assert.equal((await patient.request('PUT', '/x', { content: source(1).content })).body, 'stored');
	const impatient = await clientOf(t, slow, { silence: 50, storing: 50 });
	const upload = impatient.request('PUT', '/x', { content: source(1).content });
	await assert.rejects(upload, refusal('server-unreachable', /silent for 0.05 s\. Whether .* not known/));
});
