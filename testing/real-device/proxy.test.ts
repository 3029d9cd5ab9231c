// The counting proxy before a plain HTTP server that sends ranges of a hundred thousand bytes.

import assert from 'node:assert/strict';
import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { type CountingProxy, type Fault, startCountingProxy } from './proxy.ts';

const content = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * index) & 0xff));
let server: Server;
let sent = 0;

before(async () => {
	server = createServer((request, response) => {
		const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
		const bytes = start === undefined ? content : content.subarray(Number(start), Number(end) + 1);
		const { socket } = response;
		response.writeHead(start === undefined ? 200 : 206, { 'content-length': bytes.length });
		response.end(bytes, () => {
			sent += socket?.bytesWritten ?? 0;
		});
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

after(() => server.close());

async function withProxy(fault: Fault | undefined, use: (proxy: CountingProxy) => Promise<void>): Promise<void> {
	const proxy = await startCountingProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
	proxy.fault = fault;
	try {
		await use(proxy);
	} finally {
		await proxy.stop();
	}
}

/** A request on a connection of its own; what came before the connection broke, where it did. */
function ask({ address }: CountingProxy, range?: string): Promise<{ status: number; bytes: Buffer; whole: boolean }> {
	return new Promise((resolve, reject) => {
		const headers = range === undefined ? {} : { range };
		get(`${address}/file`, { headers, agent: false }, (answer) => {
			const parts: Buffer[] = [];
			answer.on('data', (part: Buffer) => parts.push(part)).on('error', () => {});
			const { statusCode: status = 0 } = answer;
			answer.on('close', () => resolve({ status, bytes: Buffer.concat(parts), whole: answer.complete }));
		}).on('error', reject);
	});
}

test('it passes answers on and counts every byte that the server sent for them', async () => {
	await withProxy(undefined, async (proxy) => {
		sent = 0;
		assert.deepEqual(await ask(proxy), { status: 200, bytes: content, whole: true });
		const part = await ask(proxy, 'bytes=100-299');
		assert.deepEqual(part, { status: 206, bytes: content.subarray(100, 300), whole: true });
		const [one, other] = proxy.exchanges;
		assert.deepEqual([one?.range, one?.status, one?.body], [undefined, 200, content.length]);
		assert.deepEqual([other?.range, other?.status, other?.body], ['bytes=100-299', 206, 200]);
		assert.equal((one?.wire ?? 0) + (other?.wire ?? 0), sent);
	});
});

test('ignore-range makes the server answer a request for a range with all of the file', async () => {
	await withProxy('ignore-range', async (proxy) => {
		const answer = await ask(proxy, 'bytes=0-9');
		assert.deepEqual([answer.status, answer.bytes.length], [200, content.length]);
	});
});

test('cutAfter ends the connection after so many bytes', async () => {
	await withProxy({ cutAfter: 1234 }, async (proxy) => {
		const answer = await ask(proxy, 'bytes=0-49999');
		assert.deepEqual([answer.whole, answer.bytes], [false, content.subarray(0, 1234)]);
	});
});

test('flip changes one bit of one byte, and only where ranges are asked for', async () => {
	await withProxy({ flip: 777 }, async (proxy) => {
		assert.ok((await ask(proxy)).bytes.equals(content));
		const { bytes } = await ask(proxy, 'bytes=0-49999');
		const differing = [...bytes].flatMap((byte, index) => (byte === content[index] ? [] : [index]));
		assert.deepEqual(differing, [777]);
		assert.equal(bytes.length, 50_000);
	});
});
