// The requests of SWUpdate's delta handler, and that the bytes beside the chunks are those that the server really sends.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type RunningApplication, startApplication } from '../../../testing/application/application.ts';
import { noise } from '../../../testing/delta/synthetic.ts';
import { rangeRequests, trafficOf } from './delta-requests.ts';

const range = (start: number, end: number) => ({ start, end });

describe('rangeRequests', () => {
	const ends = [10, 20, 30, 40, 50, 60];
	it('asks for all ranges at once where they are fewer than the limit', () => {
		assert.deepEqual(rangeRequests([range(0, 20), range(40, 60)], ends, 150), [[range(0, 20), range(40, 60)]]);
	});

	it('ends a request with the first chunk of its last range, as SWUpdate does', () => {
		assert.deepEqual(rangeRequests([range(0, 20), range(30, 60)], ends, 2), [
			[range(0, 20), range(30, 40)],
			[range(40, 60)],
		]);
	});

	it('asks chunk by chunk where one range a request is allowed', () => {
		assert.deepEqual(rangeRequests([range(0, 20), range(50, 60)], ends, 1), [
			[range(0, 10)],
			[range(10, 20)],
			[range(50, 60)],
		]);
	});

	it('asks for nothing where nothing is missing', () => {
		assert.deepEqual(rangeRequests([], ends, 150), []);
	});
});

describe('trafficOf', () => {
	let running: RunningApplication;
	const content = noise(5, 200_000);
	const digest = createHash('sha256').update(content).digest('hex');
	before(async () => {
		running = await startApplication();
		const headers = { 'content-type': 'application/octet-stream' };
		const url = `${running.north}/api/caisson/v1/artifacts/sha256/${digest}`;
		assert.equal((await fetch(url, { method: 'PUT', body: content, headers })).status, 201);
	});
	after(() => running.stop());

	/** All bytes that the server sends for one request. */
	async function answerTo(ranges: readonly { start: number; end: number }[]): Promise<Buffer> {
		const socket = connect(Number(new URL(running.south).port), '127.0.0.1');
		const list = ranges.map(({ start, end }) => `${start}-${end - 1}`).join(',');
		socket.write(`GET /artifacts/sha256/${digest} HTTP/1.1\r\nHost: x\r\nRange: bytes=${list}\r\n\r\n`);
		const parts: Buffer[] = [];
		let length = 0;
		for await (const part of socket as AsyncIterable<Buffer>) {
			parts.push(part);
			length += part.length;
			const text = Buffer.concat(parts).toString('latin1');
			const head = text.indexOf('\r\n\r\n') + 4;
			const body = Number(/content-length: (\d+)/i.exec(text.slice(0, head))?.[1]);
			if (head > 3 && length >= head + body) break;
		}
		socket.destroy();
		return Buffer.concat(parts);
	}

	for (const ranges of [
		[range(0, 1)],
		[range(100_000, 200_000)],
		[range(0, 10), range(99, 1000)],
		Array.from({ length: 59 }, (_, index) => range(index * 3000, index * 3000 + 1500)),
	]) {
		it(`counts what the server sends for ${ranges.length} of ranges from ${ranges[0]?.start}, to the byte`, async () => {
			const received = await answerTo(ranges);
			assert.match(received.toString('latin1', 0, 40), /^HTTP\/1\.1 206/);
			const chunks = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
			const { framing, answerHeads, count } = trafficOf([ranges], running.south, content.length);
			assert.equal(received.length, chunks + framing + answerHeads);
			assert.equal(count, 1);
		});
	}

	it('counts the request line, the ranges and the headers that SWUpdate sends', () => {
		const url = 'http://server:8080/a/b.zck';
		const one = trafficOf([[range(0, 10)]], url, 100);
		const lines = [
			'GET /a/b.zck HTTP/1.1',
			'Host: server:8080',
			'Range: bytes=0-9',
			'User-Agent: libcurl-agent/1.0',
			'Content-Type: application/octet-stream',
			'Accept: application/octet-stream',
		];
		assert.equal(one.requests, `${lines.join('\r\n')}\r\n\r\n`.length);
		const two = trafficOf([[range(0, 10)], [range(20, 30), range(40, 50)]], url, 100);
		assert.equal(two.count, 2);
		assert.equal(two.requests, 2 * one.requests + '20-29,40-49'.length - '0-9'.length);
	});
});
