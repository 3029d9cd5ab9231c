import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type TestContext, test } from 'node:test';
import { makeCa, makeCertificate, opensslMissing, temporaryFolder } from '../../programs/server/fixtures.ts';
import { open } from './connection.ts';

const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

async function listen(t: TestContext, server: Server): Promise<{ host: string; port: number }> {
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.after(() => server.close());
	return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

test('one connection carries one request after the other', async (t) => {
	let connections = 0;
	const server = createHttp((_, response) => response.end('here'));
	server.on('connection', () => connections++);
	const connection = await open(await listen(t, server));
	t.after(() => connection.close());
	for (let turn = 0; turn < 3; turn++) assert.equal((await connection.send(request)).status, 200);
	assert.equal(connections, 1);
});

test('a request fails where the server goes away before the answer, and so does every later one', async (t) => {
	const target = await listen(
		t,
		createServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab'))),
	);
	const connection = await open(target);
	await assert.rejects(connection.send(request), /the server closed the connection/);
	await assert.rejects(connection.send(request), /the server closed the connection/);
	assert.ok(connection.broken);
});

test('a connection that is refused is an error', async (t) => {
	const server = createServer();
	const target = await listen(t, server);
	server.close();
	await once(server, 'close');
	await assert.rejects(open(target), { code: 'ECONNREFUSED' });
});

test('a TLS session is resumed, and said to be', { skip: opensslMissing() }, async (t) => {
	const folder = temporaryFolder((step) => t.after(step));
	const ca = makeCa(folder, 'ca');
	const { certificate, key } = makeCertificate(folder, 'server', ca);
	const files = { cert: readFileSync(certificate), key: readFileSync(key) };
	const target = await listen(
		t,
		createHttps(files, (_, response) => response.end('here')),
	);
	const secure = { ...target, tls: { ca: readFileSync(ca.certificate, 'utf8') } };
	const first = await open(secure);
	t.after(() => first.close());
	assert.equal((await first.send(request)).status, 200);
	assert.equal(first.resumed, false);
	const second = await open(secure, first.session);
	t.after(() => second.close());
	assert.equal((await second.send(request)).status, 200);
	assert.equal(second.resumed, true);
});
