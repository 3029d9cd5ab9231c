// A refusal reaches a client that is still sending.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { type RunningApplication, startApplication } from '../../testing/application/application.ts';

let running: RunningApplication;
before(async () => {
	running = await startApplication({ maxArtifactSize: () => 100_000, maxBodySize: 10_000 });
});
after(() => running.stop());

/** Sends the head and `length` bytes without looking at what comes, as a client does that reads only afterwards. */
async function pushed(head: string, length: number): Promise<string> {
	const { port, hostname } = new URL(running.north);
	const socket = connect(Number(port), hostname);
	socket.pause();
	await new Promise((resolve) => socket.once('connect', resolve));
	socket.write(head);
	const piece = Buffer.alloc(256 * 1024);
	for (let sent = 0; sent < length; sent += piece.length) {
		if (!socket.write(piece.subarray(0, length - sent))) await new Promise((resolve) => socket.once('drain', resolve));
	}
	const chunks: Buffer[] = [];
	return new Promise((resolve, reject) => {
		socket.on('data', (chunk) => chunks.push(chunk));
		socket.on('end', () => {
			socket.destroy();
			resolve(Buffer.concat(chunks).toString());
		});
		socket.on('error', reject);
		socket.resume();
	});
}

const upload = `PUT /api/caisson/v1/artifacts/sha256/${'a'.repeat(64)} HTTP/1.1\r\nHost: x\r\n`;

test('an upload that is announced too large is refused, and the client reads why after it has sent all', async () => {
	const length = 20 * 2 ** 20;
	const answer = await pushed(`${upload}Content-Length: ${length}\r\n\r\n`, length);
	assert.match(answer, /^HTTP\/1.1 413 [\s\S]*connection: close[\s\S]*request-too-large/i);
});

test('an upload that becomes too large on its way is refused, and the client reads why', async () => {
	const length = 20 * 2 ** 20;
	const chunked = await pushed(`${upload}Transfer-Encoding: chunked\r\n\r\n${length.toString(16)}\r\n`, length);
	assert.match(chunked, /^HTTP\/1.1 413 [\s\S]*request-too-large/);
});

test('a body above --max-body-size is refused, and the client reads why', async () => {
	const length = 20 * 2 ** 20;
	const head = `POST /api/wfx/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
	assert.match(await pushed(head, length), /^HTTP\/1.1 413 /);
});
