// Uploads in parts, over HTTP and with the command, on the application as it is served.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningApplication, startApplication } from '../../testing/application/application.ts';
import { openDiskBlobs } from '../outside/blobs/disk.ts';
import { pieces, refused, sampleBytes, sha256 } from './contract.ts';
import { expiry, parseContentRange, Resumption } from './resumption.ts';
import type { ArtifactWorld } from './steps.ts';

const api = '/api/caisson/v1/artifacts/sha256';
const maximum = 10_000_000;
let running: RunningApplication;
let seed = 5000;

before(async () => {
	running = await startApplication({ maxArtifactSize: () => maximum });
});
after(() => running.stop());

function sample(size = 300_000) {
	const bytes = sampleBytes(size, seed++);
	return { bytes, digest: sha256(bytes) };
}

async function part(digest: string, bytes: Uint8Array, start: number, total: number, end = start + bytes.length - 1) {
	const headers = { 'content-range': `bytes ${start}-${end}/${total}` };
	const request = { method: 'PUT', headers, body: bytes as Uint8Array<ArrayBuffer> };
	const response = await fetch(`${running.north}${api}/${digest}`, request);
	return { status: response.status, value: (await response.json()) as Record<string, unknown> };
}

const offset = async (digest: string) =>
	((await (await fetch(`${running.north}${api}/${digest}/upload`)).json()) as { offset: number }).offset;
const visible = async (digest: string) => (await fetch(`${running.south}/artifacts/sha256/${digest}`)).status === 200;
const kept = () => {
	const folder = join(running.directory, 'blobs', 'partial');
	return existsSync(folder) ? readdirSync(folder) : [];
};

/** Announces the part, sends some of it and cuts the connection. */
async function cutOff(digest: string, bytes: Uint8Array, start: number, total: number, sent: number): Promise<void> {
	const { port, hostname } = new URL(running.north);
	const socket = connect(Number(port), hostname);
	const head = `PUT ${api}/${digest} HTTP/1.1\r\nHost: x\r\nContent-Length: ${total - start}\r\nContent-Range: bytes ${start}-${total - 1}/${total}\r\n\r\n`;
	socket.write(head);
	await new Promise((resolve) => socket.write(bytes.subarray(start, start + sent), resolve));
	for (let tries = 0; (await offset(digest)) < start + sent && tries < 200; tries++) await sleep(10);
	socket.destroy();
}

test('an upload goes on in parts, and the artifact appears with the last byte', async () => {
	const { bytes, digest } = sample();
	const first = await part(digest, bytes.subarray(0, 100_000), 0, bytes.length);
	assert.deepEqual([first.status, first.value.offset], [202, 100_000]);
	assert.deepEqual([await offset(digest), await visible(digest)], [100_000, false]);
	const last = await part(digest, bytes.subarray(100_000), 100_000, bytes.length);
	assert.deepEqual([last.status, last.value.digest, last.value.size], [201, digest, bytes.length]);
	assert.deepEqual([await offset(digest), await visible(digest), kept()], [0, true, []]);
});

test('what came before a connection was cut is kept, and the rest follows', async () => {
	const { bytes, digest } = sample();
	await cutOff(digest, bytes, 0, bytes.length, 120_000);
	assert.equal(await offset(digest), 120_000);
	let answer = { status: 409 };
	for (let tries = 0; answer.status === 409 && tries < 100; tries++) {
		answer = await part(digest, bytes.subarray(120_000), 120_000, bytes.length);
		if (answer.status === 409) await sleep(20);
	}
	assert.deepEqual([answer.status, await visible(digest)], [201, true]);
});

test('a part that is not the next one is refused, and says where to go on', async () => {
	const { bytes, digest } = sample();
	await part(digest, bytes.subarray(0, 1000), 0, bytes.length);
	const { status, value } = await part(digest, bytes.subarray(2000), 2000, bytes.length);
	assert.deepEqual([status, value.code], [409, 'upload-conflict']);
	assert.match(String(value.detail), /goes on at byte 1000, not at 2000/);
	assert.equal(await offset(digest), 1000);
});

test('where the digest of the whole is wrong nothing is kept', async () => {
	const { bytes, digest } = sample();
	await part(digest, new Uint8Array(1000), 0, bytes.length);
	const { status, value } = await part(digest, bytes.subarray(1000), 1000, bytes.length);
	assert.deepEqual([status, value.code], [400, 'digest-mismatch']);
	assert.deepEqual([await offset(digest), await visible(digest)], [0, false]);
});

test('a body that is not as long as its range, a total above the maximum and a bad header are refused', async () => {
	const { bytes, digest } = sample();
	assert.equal((await part(digest, bytes.subarray(0, 100), 0, 1000, 49)).status, 400);
	assert.equal((await part(digest, bytes.subarray(0, 100), 0, maximum + 1)).status, 413);
	for (const header of ['bytes 5-4/10', 'bytes 0-10/10', 'bytes 0-9/*', 'items 0-9/10', 'bytes -5/10', 'bytes 0-9']) {
		assert.throws(() => parseContentRange(header), refused('request-invalid'));
	}
});

test('of two uploads of one artifact at once the second is refused while the first moves', async () => {
	const { bytes, digest } = sample();
	const { port, hostname } = new URL(running.north);
	const socket = connect(Number(port), hostname);
	const head = `PUT ${api}/${digest} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length}\r\nContent-Range: bytes 0-${bytes.length - 1}/${bytes.length}\r\n\r\n`;
	socket.write(head);
	socket.write(bytes.subarray(0, 1000));
	while ((await offset(digest)) < 1000) await sleep(10);
	const second = await part(digest, bytes.subarray(1000), 1000, bytes.length);
	assert.deepEqual([second.status, second.value.code], [409, 'upload-conflict']);
	socket.write(bytes.subarray(1000));
	await new Promise((resolve) => socket.once('data', resolve));
	socket.destroy();
	assert.equal(await visible(digest), true);
});

test('a client that has sent nothing for a while is taken over; old uploads expire; a few are kept', async () => {
	const folder = join(running.directory, 'other');
	const blobs = await openDiskBlobs(folder);
	const state = { now: Date.now() };
	const commit = async (step: (unit: never) => Promise<unknown>) =>
		step({ audit: { append: async () => undefined } } as never);
	const world = {
		blobs,
		commit,
		now: () => state.now,
		references: [],
		maximum: () => maximum,
	} as unknown as ArtifactWorld;
	const uploads = new Resumption(world);
	const { bytes, digest } = sample(1000);
	const silent = Promise.withResolvers<Uint8Array>();
	async function* stuck() {
		yield bytes.subarray(0, 400);
		yield await silent.promise;
	}
	const first = uploads.add(digest, { start: 0, end: 999, total: 1000 }, stuck(), 'one');
	while ((await uploads.offset(digest)) < 400) await sleep(5);
	state.now += 11_000;
	const rest = { start: 400, end: 999, total: 1000 };
	const [lost, won] = await Promise.allSettled([first, uploads.add(digest, rest, pieces(bytes.subarray(400)), 'two')]);
	assert.deepEqual([lost.status, won.status], ['rejected', 'fulfilled']);
	assert.equal((await blobs.stat(digest))?.size, 1000);

	for (let index = 0; index < 40; index++) {
		const name = sha256(new Uint8Array([index]));
		await uploads.add(name, { start: 0, end: 0, total: 2 }, pieces(new Uint8Array([index])), 'x');
		const time = new Date(state.now - 1e6 + index * 1000);
		utimesSync(join(folder, 'partial', name), time, time);
	}
	const listed = await blobs.partial.list();
	assert.deepEqual([listed.length, listed.some((one) => one.digest === sha256(new Uint8Array([0])))], [32, false]);
	// Parts outlive a restart.
	assert.equal((await (await openDiskBlobs(folder)).partial.list()).length, 32);
	state.now += expiry;
	await uploads.expire();
	assert.deepEqual(await blobs.partial.list(), []);
	blobs.close();
});

test('all bytes came and what follows broke off: the end alone is sent', async () => {
	const { bytes, digest } = sample();
	const folder = join(running.directory, 'blobs', 'partial');
	await part(sample().digest, bytes.subarray(0, 1), 0, 2);
	writeFileSync(join(folder, digest), bytes);
	assert.equal(await offset(digest), bytes.length);
	const headers = { 'content-range': `bytes */${bytes.length}` };
	const response = await fetch(`${running.north}${api}/${digest}`, { method: 'PUT', headers, body: new Uint8Array() });
	assert.deepEqual([response.status, await visible(digest)], [201, true]);
});
