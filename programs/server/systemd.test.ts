import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
	chmodSync,
	existsSync,
	linkSync,
	mkdirSync,
	openSync,
	readFileSync,
	renameSync,
	statSync,
	writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { launch, operator, temporaryFolder } from './fixtures.ts';
import { activatedSockets, forgetSystemd } from './systemd.ts';

const folder = temporaryFolder((step) => after(step));
let directories = 0;

interface OpenedSocket {
	readonly fd: number;
	readonly port: number;
	/** Closes this process's copy, so that connections go to the child alone; the path of a unix socket stays. */
	letGo(): void;
}

/** A listening socket as systemd would open it; the file descriptor is what a child inherits. */
async function opened(path?: string, host = '127.0.0.1'): Promise<OpenedSocket> {
	const server = createServer().listen(path === undefined ? { host, port: 0 } : { path });
	await once(server, 'listening');
	const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
	const address = server.address() as AddressInfo | string;
	return {
		fd,
		port: typeof address === 'string' ? 0 : address.port,
		letGo() {
			if (path !== undefined) linkSync(path, `${path}.kept`);
			server.close();
			if (path !== undefined) renameSync(`${path}.kept`, path);
		},
	};
}

function start(words: readonly string[], options: Parameters<typeof launch>[1] = {}) {
	const data = join(folder, `data${directories++}`);
	const server = launch(['--data', data, ...words], options);
	after(() => server.kill('SIGKILL'));
	return { ...server, data };
}

function startWith(sockets: readonly OpenedSocket[], names?: string) {
	const fds = sockets.map(({ fd }) => fd);
	const server = start([], { sockets: { fds, ...(names === undefined ? {} : { names }) } });
	for (const socket of sockets) socket.letGo();
	return server;
}

async function ask(at: { socketPath: string } | { port: number }, headers = {}): Promise<number> {
	const [answer] = await once(request({ ...at, path: '/api/wfx/v1/jobs', headers }).end(), 'response');
	answer.resume();
	return answer.statusCode;
}

test('two sockets without names are served as south and north, in this order, as in wfx', async () => {
	const paths = [join(folder, 's.sock'), join(folder, 'n.sock')] as const;
	const server = startWith([await opened(paths[0]), await opened(paths[1])]);
	assert.equal(await server.url('southbound'), `unix:${paths[0]}`);
	assert.equal(await server.url('northbound'), `unix:${paths[1]}`);
	await server.logged('serving');
	assert.equal(await ask({ socketPath: paths[0] }), 200);
	assert.equal(await ask({ socketPath: paths[1] }), 401);
	assert.equal(await ask({ socketPath: paths[1] }, operator(server.data)), 200);
	assert.deepEqual(
		server.text().match(/"msg":"(south|north)bound \(/g)?.length,
		2,
		'the ports of the options are not opened beside them',
	);
	server.kill('SIGTERM');
	assert.equal(await server.ended, 0);
	assert.ok(existsSync(paths[0]), 'the socket belongs to systemd and stays');
});

test('named sockets are served by name whatever their order, several for one port too', async () => {
	const path = join(folder, 'named.sock');
	const [north, south] = [await opened(), await opened()];
	const server = startWith([north, await opened(path), south], 'mgmt:client:client');
	await server.logged('serving');
	assert.equal(await server.url('northbound'), `http://127.0.0.1:${north.port}`);
	assert.equal(await ask({ socketPath: path }), 200);
	assert.equal(await ask({ port: south.port }), 200);
	assert.equal(await ask({ port: north.port }), 401);
	server.kill('SIGTERM');
	assert.equal(await server.ended, 0);
});

test('a southbound socket of systemd that is not loopback is refused as well', async () => {
	const server = startWith([await opened(undefined, '0.0.0.0'), await opened()]);
	assert.equal(await server.ended, 2);
	assert.match(server.text(), /socket 3 from systemd \(client\): .*mtls or token.*\[configuration-invalid\]/);
});

test('sockets that were meant for another process, and none, are not taken', () => {
	assert.deepEqual(activatedSockets({}, 10), []);
	assert.deepEqual(activatedSockets({ LISTEN_PID: '11', LISTEN_FDS: '2' }, 10), []);
	assert.deepEqual(activatedSockets({ LISTEN_PID: '10', LISTEN_FDS: '0' }, 10), []);
});

test('what is not clear is refused: one socket without a name, an unknown name, a file', async () => {
	for (const [count, names, message] of [
		[1, undefined, /1 sockets without known names/],
		[3, 'client:mgmt:metrics', /'metrics' is not one of client, mgmt, client-tls, mgmt-tls/],
	] as const) {
		const server = startWith(await Promise.all(Array.from({ length: count }, () => opened())), names);
		assert.equal(await server.ended, 2);
		assert.match(server.text(), message);
	}
	const file = start([], { sockets: { fds: [openSync(import.meta.filename, 'r')] } });
	assert.equal(await file.ended, 2);
	assert.match(file.text(), /file descriptor 3 \(\) is not a socket/);
});

test('programs that the server runs do not take its sockets for theirs', () => {
	const environment: Record<string, string | undefined> = { LISTEN_PID: '1', NOTIFY_SOCKET: '/x', PATH: '/bin' };
	forgetSystemd(environment);
	assert.deepEqual(environment, { PATH: '/bin' });
});

test('systemd is told of ready, reloading, the watchdog and stopping, in this order', async () => {
	const tools = join(folder, 'tools');
	const told = join(folder, 'told');
	mkdirSync(tools);
	// In place of the tool, which needs a socket that Node cannot make: it notes what it was asked to send, and where.
	writeFileSync(join(tools, 'systemd-notify'), `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >>${told}\n`);
	chmodSync(join(tools, 'systemd-notify'), 0o755);
	const server = start([], {
		environment: { NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '400000', PATH: `${tools}:${process.env.PATH}` },
	});
	await server.logged('serving');
	const heard = async (word: string) => {
		while (!existsSync(told) || !readFileSync(told, 'utf8').includes(word)) {
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
	};
	await heard('WATCHDOG=1');
	server.kill('SIGHUP');
	await heard('RELOADING=1');
	server.kill('SIGTERM');
	assert.equal(await server.ended, 0);
	await heard('STOPPING=1');
	const lines = readFileSync(told, 'utf8').trim().split('\n');
	assert.ok(lines.every((line) => line.startsWith(`/run/notify --pid=${server.pid} `)));
	const words = lines.map((line) => line.split(' ')[2]).filter((word) => word !== 'WATCHDOG=1');
	assert.deepEqual(words, ['READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1']);
});

test('unix sockets are for owner and group; one left behind by kill -9 is replaced', async () => {
	const paths = [join(folder, 'c.sock'), join(folder, 'm.sock')] as const;
	const words = ['--scheme', 'unix', '--client-unix-socket', paths[0], '--mgmt-unix-socket', paths[1]];
	const killed = start(words);
	await killed.logged('serving');
	for (const path of paths) assert.equal(statSync(path).mode & 0o777, 0o660);
	killed.kill('SIGKILL');
	await killed.ended;
	assert.ok(existsSync(paths[0]));
	const again = start(words);
	await again.logged('serving');
	assert.equal(await ask({ socketPath: paths[0] }), 200);
	assert.equal(await ask({ socketPath: paths[1] }), 401);
	const rival = start(words);
	assert.equal(await rival.ended, 2);
	assert.match(rival.text(), /client-unix-socket .*: another process listens there already/);
	again.kill('SIGTERM');
	assert.equal(await again.ended, 0);
	assert.ok(!existsSync(paths[0]));
});
