// Artifacts as devices fetch them: many ranges, caps, counters, clients that go away or stop reading.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningApplication, startApplication } from '../../testing/application/application.ts';
import type { ByteRates } from '../web/byte-rate.ts';
import { setIdentity } from '../web/identity.ts';
import { sampleBytes, sha256 } from './contract.ts';
import type { TrafficSum } from './store.ts';

const bytes = sampleBytes(3_000_000, 77);
const digest = sha256(bytes);
let running: RunningApplication;
let rates: ByteRates = { total: 0, each: 0 };
let told = 0;

before(async () => {
	running = await startApplication({
		artifacts: () => ({ rates, trafficRetention: 0 }),
		onArtifactSent: (_, count) => {
			told += count;
		},
		prepare(app, port) {
			if (port === 'northbound') return;
			// Stands for a guard that has looked at a certificate or a token.
			app.addHook('onRequest', async ({ raw }) => {
				const clientId = String(raw.headers['x-test-device'] ?? '');
				if (clientId !== '') setIdentity(raw, { kind: 'device', clientId, how: 'token' });
			});
		},
	});
	const response = await fetch(`${running.north}/api/caisson/v1/artifacts/sha256/${digest}`, {
		method: 'PUT',
		body: bytes,
	});
	assert.equal(response.status, 201);
});
after(() => running.stop());

const get = (device: string, range?: string) =>
	fetch(`${running.south}/artifacts/sha256/${digest}`, {
		headers: { 'x-test-device': device, ...(range !== undefined && { range: `bytes=${range}` }) },
	});

async function traffic(query: string): Promise<TrafficSum[]> {
	const response = await fetch(`${running.north}/api/caisson/v1/artifacts/traffic?${query}`);
	return ((await response.json()) as { traffic: TrafficSum[] }).traffic;
}

/** Reads parts as SWUpdate does: the boundary from the header, then each part's Content-Range. */
function partsOf(head: string, body: Buffer): { range: string; bytes: Buffer }[] {
	const boundary = /^multipart\/byteranges; boundary=([a-z-]+)$/.exec(head)?.[1];
	assert.ok(boundary, head);
	const parts: { range: string; bytes: Buffer }[] = [];
	for (let at = body.indexOf(`--${boundary}\r\n`); at >= 0; ) {
		const end = body.indexOf('\r\n\r\n', at) + 4;
		const [, from, to] = /Content-Range: bytes (\d+)-(\d+)\//.exec(body.subarray(at, end).toString('latin1')) ?? [];
		const length = Number(to) - Number(from) + 1;
		parts.push({ range: `${from}-${to}`, bytes: body.subarray(end, end + length) });
		at = body.indexOf(`\r\n--${boundary}\r\n`, end + length);
	}
	return parts;
}

for (const [count, length, what] of [
	[150, 100, 'small'],
	[150, 15_000, 'large'],
] as const) {
	test(`150 ${what} ranges come as 150 parts in the order asked`, async () => {
		const ranges = Array.from({ length: count }, (_, index) => {
			const start = ((index * 67) % count) * 20_000;
			return `${start}-${start + length + index - 1}`;
		});
		const response = await get('many', ranges.join(','));
		const parts = partsOf(response.headers.get('content-type') ?? '', Buffer.from(await response.arrayBuffer()));
		assert.deepEqual(
			parts.map(({ range }) => range),
			ranges,
		);
		for (const part of parts) {
			const [start = 0, end = 0] = part.range.split('-').map(Number);
			assert.ok(part.bytes.equals(bytes.subarray(start, end + 1)));
		}
	});
}

test('what goes out is counted by artifact, device and day, as far as it went', async () => {
	const before = told;
	await (await get('one', '0-9')).arrayBuffer();
	await (await get('one')).arrayBuffer();
	const several = await get('two', '0-9,20-29');
	const framed = (await several.arrayBuffer()).byteLength;
	await fetch(`${running.south}/artifacts/sha256/${digest}`, { method: 'HEAD', headers: { 'x-test-device': 'two' } });
	await (await fetch(`${running.north}/artifacts/sha256/${digest}`)).arrayBuffer();
	assert.deepEqual(await traffic('by=device&clientId=one'), [
		{ key: 'one', requests: 2, ranges: 2, bytes: bytes.length + 10 },
	]);
	assert.deepEqual(await traffic(`by=artifact&clientId=two&digest=${digest}`), [
		{ key: digest, requests: 1, ranges: 2, bytes: framed },
	]);
	assert.equal(told - before, 2 * bytes.length + 10 + framed);
	const today = new Date().toISOString().slice(0, 10);
	assert.deepEqual((await traffic(`by=day&since=${today}&clientId=one`)).length, 1);
	assert.deepEqual(await traffic('by=day&clientId=nobody'), []);
});

test('a query of traffic that is wrong is refused', async () => {
	for (const query of ['digest=abc', 'since=yesterday', 'since=2026-02-30', 'by=colour', 'limit=0']) {
		const response = await fetch(`${running.north}/api/caisson/v1/artifacts/traffic?${query}`);
		assert.equal(response.status, 400, query);
		await response.arrayBuffer();
	}
});

/** A device that reads a little, if anything, and goes away when it is told to. */
async function reader(device: string): Promise<{ leave: () => void; received: () => number }> {
	const { port, hostname } = new URL(running.south);
	const socket = connect(Number(port), hostname);
	let received = 0;
	socket.on('data', (chunk) => {
		received += chunk.length;
		socket.pause();
	});
	socket.write(`GET /artifacts/sha256/${digest} HTTP/1.1\r\nHost: x\r\nX-Test-Device: ${device}\r\n\r\n`);
	while (received === 0) await sleep(5);
	return { leave: () => socket.destroy(), received: () => received };
}

test('a client that goes away is counted with what it took, and lets go of the file', async () => {
	rates = { total: 0, each: 200_000 };
	const gone = await reader('leaver');
	gone.leave();
	await sleep(300);
	rates = { total: 0, each: 0 };
	const [sum] = await traffic('by=device&clientId=leaver');
	assert.ok(sum !== undefined && sum.bytes > 0 && sum.bytes < bytes.length, JSON.stringify(sum));
});

test('connections of one device share its cap, others have their own, and HEAD and small ranges go through', async () => {
	rates = { total: 0, each: 1_000_000 };
	const began = performance.now();
	const large = ['same', 'same', 'other'].map(async (device) => {
		const response = await get(device, '0-799999');
		const body = Buffer.from(await response.arrayBuffer());
		assert.ok(body.equals(bytes.subarray(0, 800_000)));
		return { device, took: performance.now() - began };
	});
	await sleep(50);
	assert.equal((await (await get('third', '5-14')).arrayBuffer()).byteLength, 10);
	const took = await Promise.all(large);
	rates = { total: 0, each: 0 };
	const [same, other] = [Math.max(...took.slice(0, 2).map((one) => one.took)), took[2]?.took ?? 0];
	// 1.6 MB and 0.8 MB at 1 MB/s: never sooner than the cap allows, whatever else the machine does.
	assert.ok(same > 1200 && other > 500, `${same} ${other}`);
});

test('a client that does not read holds no turn of the others', async () => {
	rates = { total: 4_000_000, each: 0 };
	const idle = await Promise.all([reader('idle-1'), reader('idle-2'), reader('idle-3')]);
	const body = await (await get('busy')).arrayBuffer();
	assert.equal(body.byteLength, bytes.length);
	for (const one of idle) one.leave();
	rates = { total: 0, each: 0 };
});

test('a request line and ranges of 32 kB together are taken, and ten thousand ranges bring the whole', async () => {
	// As the listeners of a server do, with their default --max-header-size.
	const server = createServer({ maxHeaderSize: 1_000_000 }, running.application.southbound);
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const ask = async (range: string) => {
		const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
		socket.write(`GET /artifacts/sha256/${digest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: ${range}\r\n\r\n`);
		const chunks: Buffer[] = [];
		for await (const chunk of socket) chunks.push(chunk);
		return Buffer.concat(chunks);
	};
	try {
		// 150 ranges are fewer than fill it: blanks are allowed around them.
		const ranges = Array.from({ length: 1000 }, (_, index) => `${index * 100}-${index * 100 + 9}`).join(',');
		const padded = `bytes=${ranges}${' '.repeat(Math.max(0, 32_000 - ranges.length))},9-9`;
		assert.match((await ask(padded)).subarray(0, 20).toString(), /^HTTP\/1\.1 206 /);
		const tenThousand = Array.from({ length: 10_000 }, (_, index) => `${index}-${index}`).join(',');
		const answer = await ask(`bytes=${tenThousand}`);
		assert.match(answer.subarray(0, 20).toString(), /^HTTP\/1\.1 200 /);
		assert.ok(answer.subarray(-bytes.length).equals(bytes));
		const overlapping = Array.from({ length: 900 }, () => '0-2999999').join(',');
		assert.match((await ask(`bytes=${overlapping}`)).subarray(0, 20).toString(), /^HTTP\/1\.1 200 /);
	} finally {
		server.close();
		server.closeAllConnections();
	}
});
