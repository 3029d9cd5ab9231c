import assert from 'node:assert/strict';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pino } from 'pino';
import { temporaryFolder } from './fixtures.ts';
import { closeListeners, createHttpServer, type Handler, type Listener, openListener } from './listeners.ts';

const folder = temporaryFolder((step) => after(step));
const log = pino({ level: 'silent' });
const limits = {
	'read-timeout': 30_000,
	'write-timeout': 600_000,
	'cleanup-timeout': 10_000,
	'keep-alive': true,
	'max-header-size': 1_000_000,
};
const hello: Handler = (_request, response) => response.end('hello');

async function listening(changed: Partial<typeof limits>, handler: Handler = hello): Promise<Listener> {
	const server = createHttpServer(handler, { ...limits, ...changed }, undefined);
	const at = { address: '127.0.0.1', tcpPort: 0 };
	return openListener({ port: 'southbound', scheme: 'http', named: 'test', at }, server, log);
}

const close = (listener: Listener) => closeListeners([listener], 0);

function dial({ server }: Listener): Socket {
	const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
	socket.on('error', () => undefined);
	return socket;
}

/** All that comes until the server closes the connection. */
async function untilClosed(socket: Socket): Promise<string> {
	let text = '';
	socket.on('data', (bytes) => {
		text += bytes;
	});
	await once(socket, 'close');
	return text;
}

test('a connection that sends nothing, half a header or half a body is cut', async () => {
	const listener = await listening({ 'read-timeout': 200 }, (incoming, response) => {
		incoming.resume().once('end', () => response.end('all'));
	});
	for (const sent of [
		'',
		'GET / HTTP/1.1\r\nHost: x\r\nX-',
		'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf',
	]) {
		const socket = dial(listener);
		socket.write(sent);
		assert.match(await untilClosed(socket), /^(HTTP\/1\.1 408 Request Timeout\r\n|$)/);
	}
	await close(listener);
});

test('slow-loris: a header that grows by a byte now and then is cut as well', async (t) => {
	const listener = await listening({ 'read-timeout': 300 });
	t.after(() => close(listener));
	const socket = dial(listener);
	socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
	const drip = setInterval(() => socket.write('x'), 20);
	t.after(() => clearInterval(drip));
	// A byte that is still on its way when the server closes takes the answer with it.
	assert.match(await untilClosed(socket), /^(HTTP\/1\.1 408 |$)/);
});

test('a client that stops reading its download is cut after write-timeout', async () => {
	let cut: Promise<unknown> | undefined;
	const listener = await listening({ 'write-timeout': 200 }, (_request, response) => {
		cut = once(response, 'close');
		response.write(Buffer.alloc(64 << 20));
	});
	const socket = dial(listener);
	socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
	await once(socket, 'readable');
	await cut;
	socket.destroy();
	await close(listener);
});

test('an answer that lets go of the time limit is not cut when it is quiet', async () => {
	const listener = await listening({ 'write-timeout': 100 }, (_request, response) => {
		response.socket?.setTimeout(0);
		response.write('first ');
		setTimeout(() => response.end('last'), 500);
	});
	const [answer] = await once(request({ port: (listener.server.address() as AddressInfo).port }).end(), 'response');
	let text = '';
	for await (const part of answer) text += part;
	assert.equal(text, 'first last');
	await close(listener);
});

test('an idle connection is closed after cleanup-timeout, and at once without keep-alive', async () => {
	for (const changed of [{ 'cleanup-timeout': 50 }, { 'keep-alive': false }]) {
		const listener = await listening(changed);
		const socket = dial(listener);
		socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
		assert.match(await untilClosed(socket), /hello$/m);
		await close(listener);
	}
});

test('headers above max-header-size are refused with 431', async () => {
	const listener = await listening({ 'max-header-size': 2000 });
	const socket = dial(listener);
	socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(3000)}\r\n\r\n`);
	assert.match(await untilClosed(socket), /^HTTP\/1\.1 431 /);
	await close(listener);
});

test('closing finishes what is under way, takes nothing new, and cuts only at the deadline', async () => {
	let finish = () => {};
	const listener = await listening({}, (_request, response) => {
		response.write('begun ');
		finish = () => response.end('ended');
	});
	const { port } = listener.server.address() as AddressInfo;
	const idle = dial(listener);
	await once(idle, 'connect');
	const busy = dial(listener);
	busy.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
	await once(busy, 'readable');
	const closed = closeListeners([listener], 60_000);
	await once(idle, 'close');
	const late = connect(port, '127.0.0.1');
	const [refused] = await once(late, 'error');
	assert.equal(refused.code, 'ECONNREFUSED');
	const rest = untilClosed(busy);
	finish();
	assert.match(await rest, /ended/);
	assert.equal(await closed, 0);
});

test('what does not finish is cut at the deadline and counted', async () => {
	const listener = await listening({}, (_request, response) => void response.write('begun'));
	const socket = dial(listener);
	socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
	await once(socket, 'readable');
	const [cut] = await Promise.all([closeListeners([listener], 50), untilClosed(socket)]);
	assert.equal(cut, 1);
});

const onPath = (path: string, server: Server) =>
	openListener({ port: 'northbound', scheme: 'unix', named: `mgmt-unix-socket ${path}`, at: { path } }, server, log);
const plainServer = () => createHttpServer(hello, limits, undefined) as Server;

test('a unix socket is open to owner and group only, from the start, and gone at the end', async () => {
	const path = join(folder, 'a.sock');
	const before = process.umask();
	const listener = await onPath(path, plainServer());
	assert.equal(statSync(path).mode & 0o777, 0o660);
	assert.equal(process.umask(), before);
	assert.equal(listener.url, `unix:${path}`);
	const [answer] = await once(request({ socketPath: path }).end(), 'response');
	assert.equal(answer.statusCode, 200);
	answer.resume();
	await close(listener);
	assert.equal(statSync(path, { throwIfNoEntry: false }), undefined);
});

test('a socket on which somebody answers is left alone, also a file that is no socket, and a path too long', async () => {
	const path = join(folder, 'b.sock');
	const first = await onPath(path, plainServer());
	await assert.rejects(onPath(path, plainServer()), {
		code: 'listen-failed',
		message: `mgmt-unix-socket ${path}: another process listens there already`,
	});
	const [answer] = await once(request({ socketPath: path }).end(), 'response');
	answer.resume();
	await close(first);
	writeFileSync(path, 'kept');
	await assert.rejects(onPath(path, plainServer()), { code: 'listen-failed', message: /is not a socket$/ });
	await assert.rejects(onPath(join(folder, 'x'.repeat(120)), plainServer()), { message: /longer than 107 bytes/ });
	await assert.rejects(onPath(join(folder, 'absent', 'a.sock'), plainServer()), {
		message: /: (the directory of the socket does not exist|this user may not listen there)$/,
	});
});

test('a port that is taken and an address of another machine are refused by name', async () => {
	const listener = await listening({});
	const { port } = listener.server.address() as AddressInfo;
	const plan = { port: 'southbound', scheme: 'http' } as const;
	const open = (address: string, tcpPort: number) =>
		openListener({ ...plan, named: 'client-port (--client-port)', at: { address, tcpPort } }, plainServer(), log);
	await assert.rejects(open('127.0.0.1', port), {
		code: 'listen-failed',
		message: 'client-port (--client-port): another process listens there already',
	});
	await assert.rejects(open('192.0.2.1', 0), { message: /: this machine does not have that address$/ });
	await close(listener);
});
