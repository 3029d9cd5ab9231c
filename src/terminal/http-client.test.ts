// The ApiClient against real servers of node:http: answers, refusals, streams, sockets, TLS.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CaissonError } from '../errors.ts';
import type { ApiClient } from './api-client.ts';
import { httpClient } from './http-client.ts';
import { parseAddress } from './server-address.ts';

const never = new AbortController().signal;
const limits = { answer: 1000, silence: 5000, storing: 5000, streamSilence: 5000, reconnect: 1 };

function listen(t: TestContext, server: Server, where: number | string): Promise<void> {
	t.after(() => {
		server.close();
		server.closeAllConnections();
	});
	const options = typeof where === 'number' ? { port: where, host: '127.0.0.1' } : { path: where };
	return new Promise((resolve) => server.listen(options, resolve));
}

async function clientOf(t: TestContext, listener: RequestListener, token?: string): Promise<ApiClient> {
	const server = createServer(listener);
	await listen(t, server, 0);
	const address = parseAddress(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'test');
	return httpClient({ address, ...(token === undefined ? {} : { token }) }, never, limits);
}

const refusal = (code: string, message: RegExp) => (error: unknown) =>
	error instanceof CaissonError && error.code === code && message.test(error.message);

test('a request carries its query, its body as JSON and the token', async (t) => {
	const api = await clientOf(
		t,
		async (request, response) => {
			let body = '';
			for await (const chunk of request) body += chunk;
			const { authorization } = request.headers;
			response.setHeader('content-type', 'application/json');
			response.end(JSON.stringify({ method: request.method, url: request.url, authorization, body }));
		},
		'secret',
	);
	const query = { state: 'A B', limit: 5, absent: undefined };
	const { status, body } = await api.request('PUT', '/x', { query, body: { a: 'ä' } });
	assert.equal(status, 200);
	assert.deepEqual(body, {
		method: 'PUT',
		url: '/x?state=A+B&limit=5',
		authorization: 'Bearer secret',
		body: '{"a":"ä"}',
	});
});

const refusals = [
	{
		name: 'wfx’s error bodies keep their meaning and their words',
		answer: [
			404,
			'application/json',
			'{"errors":[{"code":"wfx.jobNotFound","logref":"1","message":"Job ID was not found"}]}',
		],
		expected: refusal('job-not-found', /^Job ID was not found\.$/),
	},
	{
		name: 'a refused transition is told from other invalid requests',
		answer: [
			400,
			'application/json',
			`{"errors":[{"code":"wfx.invalidRequest","logref":"1","message":"transition from 'A' to 'B' does not exist"}]}`,
		],
		expected: refusal('transition-refused', /^transition from 'A'/),
	},
	{
		name: 'problem+json names its code',
		answer: [
			409,
			'application/problem+json',
			'{"type":"urn:caisson:error:workflow-in-use","title":"t","detail":"It has 3 jobs.","code":"workflow-in-use"}',
		],
		expected: refusal('workflow-in-use', /^It has 3 jobs\.$/),
	},
	{
		name: 'a refusal in plain text keeps its words',
		answer: [400, 'text/plain; charset=utf-8', 'parameter "sort" has an error\n'],
		expected: refusal('request-invalid', /parameter "sort" has an error/),
	},
	{
		name: 'no token, no entry',
		answer: [401, 'text/plain', ''],
		expected: refusal('not-authenticated', /wants a token/),
	},
	{
		name: 'a full disk is the server’s trouble',
		answer: [503, 'text/plain', 'disk full'],
		expected: refusal('storage-unavailable', /disk full/),
	},
	{
		name: 'a web page is not Caisson',
		answer: [404, 'text/html', '<html>not here</html>'],
		expected: refusal('server-unreachable', /knows no GET \/x: is it a Caisson or wfx server/),
	},
	{
		name: 'JSON that is none',
		answer: [200, 'application/json', '{'],
		expected: refusal('server-unreachable', /announced JSON/),
	},
	{
		name: 'an answer above the limit',
		answer: [200, 'text/plain', 'x'.repeat(1001)],
		expected: refusal('server-unreachable', /larger than 1000 bytes/),
	},
] as const;

for (const { name, answer, expected } of refusals) {
	test(name, async (t) => {
		const [status, type, body] = answer;
		const api = await clientOf(t, (_, response) => void response.writeHead(status, { 'content-type': type }).end(body));
		await assert.rejects(api.request('GET', '/x'), expected);
	});
}

test('a 404 without a reason has the meaning that the command gives it', async (t) => {
	const api = await clientOf(
		t,
		(_, response) => void response.writeHead(404, { 'content-type': 'application/json' }).end('{}'),
	);
	await assert.rejects(api.request('DELETE', '/x', { absent: 'job-not-found' }), refusal('job-not-found', /No job/));
});

test('a failed filter is told from a broken server', async (t) => {
	const api = await clientOf(t, (_, response) => void response.writeHead(500).end('unexpected EOF'));
	await assert.rejects(
		api.request('GET', '/x', { headers: { 'X-Response-Filter': '(' } }),
		refusal('filter-failed', /EOF/),
	);
	await assert.rejects(api.request('GET', '/x'), refusal('internal', /EOF/));
});

test('a connection that ends in the middle of a change leaves its outcome unknown', async (t) => {
	const api = await clientOf(t, (request) => request.socket.destroy());
	await assert.rejects(api.request('PUT', '/x', { body: {} }), refusal('server-unreachable', /not known/));
});

test('a server that says nothing is given up', async (t) => {
	const server = createServer(() => undefined);
	await listen(t, server, 0);
	const address = parseAddress(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'test');
	const api = httpClient({ address }, never, { ...limits, silence: 20 });
	await assert.rejects(api.request('GET', '/x'), refusal('server-unreachable', /silent/));
});

test('Ctrl-C ends a request with its own reason', async (t) => {
	const interrupted = new AbortController();
	const server = createServer(() => interrupted.abort(new Error('Ctrl-C')));
	await listen(t, server, 0);
	const address = parseAddress(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'test');
	await assert.rejects(httpClient({ address }, interrupted.signal).request('GET', '/x'), /Ctrl-C/);
});

test('a unix socket is reached like a port', async (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-terminal-'));
	t.after(() => rmSync(folder, { recursive: true }));
	const server = createServer((_, response) => void response.end('here'));
	await listen(t, server, join(folder, 's.sock'));
	const api = httpClient({ address: parseAddress(`unix:${folder}/s.sock`, 'test') }, never);
	assert.equal((await api.request('GET', '/')).body, 'here');
	assert.equal(api.address, `unix:${folder}/s.sock`);
});

test('TLS is trusted with the named CA only', async (t) => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-terminal-'));
	t.after(() => rmSync(folder, { recursive: true }));
	const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
	const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
	const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
	execFileSync('openssl', ['req', ...kind, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
	const ca = readFileSync(cert, 'utf8');
	const server = createTlsServer({ key: readFileSync(key), cert: ca }, (_, response) => void response.end('safe'));
	await listen(t, server, 0);
	const address = parseAddress(`https://localhost:${(server.address() as AddressInfo).port}`, 'test');
	assert.equal((await httpClient({ address, ca }, never).request('GET', '/')).body, 'safe');
	const untrusting = httpClient({ address }, never).request('GET', '/');
	await assert.rejects(untrusting, refusal('server-unreachable', /self-signed; name its CA with --ca/));
});

test('a stream of events goes on after a lost connection, with Last-Event-ID', async (t) => {
	const asked: (string | undefined)[] = [];
	const api = await clientOf(t, (request, response) => {
		asked.push(request.headers['last-event-id'] as string | undefined);
		response.writeHead(200, { 'content-type': 'text/event-stream' });
		response.end(`: hello\ndata: {"n":${asked.length}}\nid: ${asked.length * 10}\n\ndata: cut off`);
	});
	const seen: unknown[] = [];
	const notes: string[] = [];
	const observer = { open: (again: boolean) => notes.push(again ? 'again' : 'open'), lost: () => notes.push('lost') };
	for await (const event of api.events('/events', { headers: { 'Last-Event-ID': '7' } }, never, observer)) {
		seen.push(event);
		if (seen.length === 2) break;
	}
	assert.deepEqual(asked, ['7', '10']);
	assert.deepEqual(seen, [
		{ data: '{"n":1}', id: '10' },
		{ data: '{"n":2}', id: '20' },
	]);
	assert.deepEqual(notes, ['open', 'lost', 'again']);
});

test('a stream that the server refuses is not asked for again', async (t) => {
	let asked = 0;
	const api = await clientOf(t, (_, response) => {
		asked++;
		if (asked === 1) response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: 1\n\n');
		else response.writeHead(401).end();
	});
	const events = api.events('/events', {}, never)[Symbol.asyncIterator]();
	assert.deepEqual(await events.next(), { done: false, value: { data: '1' } });
	await assert.rejects(events.next(), refusal('not-authenticated', /wants a token/));
	assert.equal(asked, 2);
});

test('a stream ends without an error when its signal aborts', async (t) => {
	const stop = new AbortController();
	const api = await clientOf(
		t,
		(_, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n'),
	);
	const seen: string[] = [];
	for await (const { data } of api.events('/events', {}, stop.signal)) {
		seen.push(data);
		stop.abort();
	}
	assert.deepEqual(seen, ['1']);
});
