// The fetcher against servers that misbehave: every transfer ends, bounded in bytes and time, with a reason that can be
// reported.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestAuthority } from '../../../testing/access/certificates.ts';
import { type Behaviour, type FileServer, serveFile, startFileServer } from '../../../testing/tuf-repository/server.ts';
import { type Ask, defaultFetchPolicy, Fetcher, type FetchFailure, type FetchPolicy } from './fetcher.ts';

const file = Buffer.alloc(50_000, 'content ');
const quick: Partial<FetchPolicy> = { headLimit: 200, paceWindow: 100, minimumRate: 1000 };

interface Wishes {
	readonly policy?: Partial<FetchPolicy>;
	readonly ask?: Partial<Ask>;
}

interface Fetched {
	readonly bytes?: Uint8Array;
	readonly reason?: string;
	readonly server: FileServer;
}

/** Fetches a file from a server that behaves so. */
async function fetchFrom(behaviour: Behaviour, { policy, ask }: Wishes = {}): Promise<Fetched> {
	const server = await startFileServer(() => file);
	server.behave(/./, behaviour);
	const fetcher = new Fetcher({ ...defaultFetchPolicy, ...policy });
	try {
		return { bytes: await fetcher.bytes(new URL(`${server.url}/file`), { maximum: file.length, ...ask }), server };
	} catch (error) {
		return { reason: (error as FetchFailure).reason, server };
	} finally {
		fetcher.close();
		await server.close();
	}
}

const honest: Behaviour = (request, response, bytes) => serveFile(request, response, bytes);

/** Writes until the client has gone. */
function writeForEver(response: Parameters<Behaviour>[1], chunk: Uint8Array): void {
	if (response.destroyed) return;
	response.write(chunk, () => setImmediate(writeForEver, response, chunk));
}

test('a body as long as allowed is taken', async () => {
	assert.deepEqual((await fetchFrom(honest)).bytes, file);
});

test('a body that is announced longer than allowed is not read', async () => {
	const { reason } = await fetchFrom(honest, { ask: { maximum: file.length - 1 } });
	assert.equal(reason, 'too-long');
});

test('endless chunks without a length end at the limit', async () => {
	const { reason, server } = await fetchFrom((_request, response) => writeForEver(response, file), {
		ask: { maximum: 200_000 },
	});
	assert.equal(reason, 'too-long');
	assert.ok(server.bytesSent < 20_000_000, `${server.bytesSent} bytes were sent`);
});

test('one byte at a time is ended by the minimum rate', async () => {
	const { reason, server } = await fetchFrom(
		(_request, response) => {
			response.writeHead(200, { 'content-length': file.length });
			const timer = setInterval(() => response.write('x'), 20);
			response.on('close', () => clearInterval(timer));
		},
		{ policy: quick },
	);
	assert.equal(reason, 'too-slow');
	assert.ok(server.bytesSent < 1000);
});

test('a burst does not pay for a drip after it', async () => {
	const { reason } = await fetchFrom(
		(_request, response) => {
			response.writeHead(200, { 'content-length': file.length });
			response.write(file.subarray(1000));
			const timer = setInterval(() => response.write('x'), 20);
			response.on('close', () => clearInterval(timer));
		},
		{ policy: quick },
	);
	assert.equal(reason, 'too-slow');
});

test('a body that is fast enough but long is ended by the deadline', async () => {
	const { reason } = await fetchFrom(
		(_request, response) => {
			response.writeHead(200, { 'content-length': file.length });
			const timer = setInterval(() => response.write(file.subarray(0, 200)), 20);
			response.on('close', () => clearInterval(timer));
		},
		{ policy: quick, ask: { deadline: 300 } },
	);
	assert.equal(reason, 'too-slow');
});

test('a server that accepts and says nothing is ended by the limit for the head', async () => {
	assert.equal((await fetchFrom(() => true, { policy: quick })).reason, 'too-slow');
});

test('a head that comes byte by byte is ended by the same limit', async () => {
	const server: Server = createTcpServer((socket) => {
		const timer = setInterval(() => socket.write('H'), 20);
		socket.on('error', () => {}).on('close', () => clearInterval(timer));
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const fetcher = new Fetcher({ ...defaultFetchPolicy, ...quick });
	const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
	try {
		const outcome = await fetcher.bytes(url, { maximum: 10 }).catch((error: FetchFailure) => error.reason);
		assert.ok(outcome === 'too-slow' || outcome === 'broken', String(outcome));
	} finally {
		fetcher.close();
		server.close();
	}
});

for (const status of [301, 302, 307, 308]) {
	test(`a redirect (${status}) is not followed`, async () => {
		const { reason, server } = await fetchFrom((_request, response) =>
			response.writeHead(status, { location: '/elsewhere' }).end(),
		);
		assert.equal(reason, 'redirected');
		assert.deepEqual(server.requests, ['file']);
	});
}

test('a compressed body is refused: it could grow without bound', async () => {
	const { reason } = await fetchFrom((_request, response) =>
		response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
	);
	assert.equal(reason, 'encoded');
});

test('404 and 403 mean that there is no such file, other codes that the server failed', async () => {
	for (const [status, expected] of [
		[404, 'absent'],
		[403, 'absent'],
		[500, 'status'],
		[429, 'status'],
		[204, 'status'],
		[206, 'status'],
	] as const) {
		assert.equal((await fetchFrom((_request, response) => response.writeHead(status).end())).reason, expected);
	}
});

test('an error page without end is not read', async () => {
	const { reason, server } = await fetchFrom((_request, response) => {
		response.writeHead(404);
		writeForEver(response, file);
	});
	assert.equal(reason, 'absent');
	assert.ok(server.bytesSent < 20_000_000, `${server.bytesSent} bytes were sent`);
});

test('a connection that ends before its body is broken', async () => {
	const { reason } = await fetchFrom((_request, response) => {
		response.writeHead(200, { 'content-length': file.length });
		response.write(file.subarray(0, 100), () => response.destroy());
	});
	assert.equal(reason, 'broken');
});

test('another range than the one asked for is refused', async () => {
	const { reason } = await fetchFrom(
		(_request, response) =>
			response.writeHead(206, { 'content-range': `bytes 0-${file.length - 1}/${file.length}` }).end(file),
		{ ask: { from: 100 } },
	);
	assert.equal(reason, 'status');
});

test('a rest that is longer than what is missing is refused', async () => {
	const { reason } = await fetchFrom(
		(_request, response) => {
			response.writeHead(206, { 'content-range': `bytes 100-${file.length - 1}/${file.length}` });
			response.end(file);
		},
		{ ask: { from: 100 } },
	);
	assert.equal(reason, 'too-long');
});

test('nobody listens: the connection fails', async () => {
	const server = await startFileServer(() => file);
	const url = new URL(`${server.url}/`);
	await server.close();
	const fetcher = new Fetcher();
	const failed = fetcher.bytes(url, { maximum: 10 });
	await assert.rejects(failed, { reason: 'broken' });
	fetcher.close();
});

test('a signal ends a transfer with its own reason', async () => {
	const stop = new AbortController();
	const server = await startFileServer(() => file);
	server.behave(/./, (_request, response) => {
		response.write('x', () => stop.abort(new Error('the operator stopped it')));
	});
	const fetcher = new Fetcher();
	const url = new URL(`${server.url}/file`);
	try {
		await assert.rejects(fetcher.bytes(url, { maximum: 10, signal: stop.signal }), /the operator stopped it/);
	} finally {
		fetcher.close();
		await server.close();
	}
});

test('over HTTPS the device shows its certificate, and takes no server that its CA does not know', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-fetcher-'));
	const authority = new TestAuthority(folder, 'fetcher-ca');
	const names = { alternativeNames: 'IP:127.0.0.1', usage: 'serverAuth' };
	const own = authority.issue('server', names);
	const device = authority.issue('device-1');
	const text = (path: string) => readFileSync(path, 'utf8');
	const ca = text(authority.pair.certificate);
	const tls = { key: text(own.key), cert: text(own.certificate), ca, requestCert: true, rejectUnauthorized: true };
	const server = createServer(tls, (_request, response) => response.end('content'));
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`);
	const identity = { certificate: text(device.certificate), key: text(device.key) };
	const known = new Fetcher(defaultFetchPolicy, { ca, ...identity });
	const strangers = [new Fetcher(defaultFetchPolicy, identity), new Fetcher(defaultFetchPolicy, { ca })];
	try {
		assert.equal(Buffer.from(await known.bytes(url, { maximum: 10 })).toString(), 'content');
		for (const stranger of strangers) await assert.rejects(stranger.bytes(url, { maximum: 10 }), { reason: 'broken' });
	} finally {
		for (const fetcher of [known, ...strangers]) fetcher.close();
		server.closeAllConnections();
		server.close();
		rmSync(folder, { recursive: true });
	}
});
