import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type LaunchedServer, launch, operator, temporaryFolder } from './server/fixtures.ts';

const folder = temporaryFolder((step) => after(step));
const running = new Set<LaunchedServer>();
after(() => {
	for (const server of running) server.kill('SIGKILL');
});
let count = 0;

/** A server on a data directory of its own. */
function start(words: readonly string[] = [], data = join(folder, `data${count++}`)) {
	const server = launch(['--data', data, ...words]);
	running.add(server);
	server.ended.finally(() => running.delete(server));
	return { ...server, data };
}

async function stop(server: LaunchedServer): Promise<void> {
	server.kill('SIGTERM');
	assert.equal(await server.ended, 0, server.text());
}

const workflow = (name: string) => ({
	name,
	states: [{ name: 'A' }, { name: 'B' }],
	transitions: [{ from: 'A', to: 'B', eligible: 'CLIENT' }],
});

async function createWorkflow(server: LaunchedServer & { data: string }, name: string): Promise<number> {
	const answer = await fetch(`${await server.url('northbound')}/api/wfx/v1/workflows`, {
		method: 'POST',
		headers: { ...operator(server.data), 'content-type': 'application/json' },
		body: JSON.stringify(workflow(name)),
	});
	await answer.text();
	return answer.status;
}

test('a fresh start serves both ports, asks operators for the token it made, and leaves no note behind', async () => {
	const server = start();
	await server.logged('serving');
	const [south, north] = [await server.url('southbound'), await server.url('northbound')];
	const note = JSON.parse(readFileSync(join(server.data, 'server.json'), 'utf8'));
	assert.deepEqual([note.pid, note.client, note.mgmt], [server.pid, south, north]);
	assert.equal((await fetch(`${south}/api/wfx/v1/jobs`)).status, 200);
	assert.equal((await fetch(`${north}/api/wfx/v1/jobs`)).status, 401);
	assert.equal(await createWorkflow(server, 'first'), 201);
	const metrics = await fetch(`${north}/metrics`, { headers: operator(server.data) });
	assert.match(await metrics.text(), /route="\/api\/wfx\/v1\/workflows",status="2xx"\} 1\n/);
	assert.equal((await fetch(`${north}/metrics`)).status, 401);
	assert.notEqual((await fetch(`${south}/metrics`)).status, 200);
	const { authorization } = operator(server.data);
	await stop(server);
	assert.ok(!server.text().includes(authorization.slice('Bearer '.length)), 'the token is not in the log');
	assert.ok(!existsSync(join(server.data, 'server.json')));
	assert.equal(statSync(join(server.data, 'caisson.db')).mode & 0o777, 0o600);
});

test('with northbound-auth none operators are asked for nothing, and no token is made', async () => {
	const server = start(['--northbound-auth', 'none']);
	assert.equal((await fetch(`${await server.url('northbound')}/api/wfx/v1/jobs`)).status, 200);
	assert.ok(!existsSync(join(server.data, 'operator-token')));
	await stop(server);
});

test('denied requests leave audit rows, as far as the limit allows', async () => {
	const server = start();
	const north = await server.url('northbound');
	for (let index = 0; index < 30; index++) await (await fetch(`${north}/nowhere?a=b`)).text();
	await stop(server);
	const { DatabaseSync } = await import('node:sqlite');
	const database = new DatabaseSync(join(server.data, 'caisson.db'), { readOnly: true });
	const rows = database.prepare("select * from audit where action = 'access.denied'").all();
	database.close();
	assert.equal(rows.length, 10);
	assert.equal(rows[0]?.subject, '/nowhere');
	assert.match(String(rows[0]?.detail), /"reason":"no-token"/);
});

/** Begins to create a workflow and leaves the last byte out. @returns sends it, and resolves with the status */
async function halfRequest(server: LaunchedServer & { data: string }, name: string): Promise<() => Promise<number>> {
	const body = JSON.stringify(workflow(name));
	const headers = { ...operator(server.data), 'content-type': 'application/json', 'content-length': body.length };
	const pending = request(`${await server.url('northbound')}/api/wfx/v1/workflows`, { method: 'POST', headers });
	pending.on('error', () => undefined);
	pending.write(body.slice(0, -1));
	// Another answer on another connection says that the bytes before it have been taken as well.
	await new Promise((resolve) => setTimeout(resolve, 50));
	await (await fetch(`${await server.url('southbound')}/health`)).text();
	return async () => {
		pending.end(body.slice(-1));
		const [answer] = await once(pending, 'response');
		answer.resume();
		return answer.statusCode;
	};
}

test('SIGTERM finishes the request under way, takes no new one, and what was answered is there after a restart', async () => {
	const server = start();
	await server.logged('serving');
	const finish = await halfRequest(server, 'last');
	const south = await server.url('southbound');
	server.kill('SIGTERM');
	await server.logged(/^stopping/);
	await assert.rejects(fetch(`${south}/health`));
	assert.equal(await finish(), 201);
	assert.equal(await server.ended, 0);
	const again = start([], server.data);
	const found = await fetch(`${await again.url('southbound')}/api/wfx/v1/workflows/last`);
	assert.equal(found.status, 200);
	await stop(again);
});

test('a request that does not finish within graceful-timeout is cut, and the server ends in order', async () => {
	const server = start(['--graceful-timeout', '100ms']);
	await server.logged('serving');
	await halfRequest(server, 'never');
	server.kill('SIGINT');
	assert.equal(await server.ended, 0);
	assert.match(server.text(), /graceful-timeout passed: connections were cut.*"stopped"/s);
});

test('a second signal ends at once with exit code 2', async () => {
	const server = start();
	await server.logged('serving');
	await halfRequest(server, 'never');
	server.kill('SIGTERM');
	await server.logged(/^stopping/);
	server.kill('SIGTERM');
	assert.equal(await server.ended, 2);
});

test('event streams and silent connections do not hold up the end', async () => {
	const server = start(['--graceful-timeout', '1h']);
	const south = await server.url('southbound');
	const events = await fetch(`${south}/api/wfx/v1/jobs/events`);
	assert.equal(events.status, 200);
	const silent = connect(Number(new URL(south).port), '127.0.0.1');
	await once(silent, 'connect');
	await stop(server);
	await events.text();
});

test('after kill -9 the next start takes over the directory', async () => {
	const server = start();
	await server.logged('serving');
	assert.equal(await createWorkflow(server, 'kept'), 201);
	server.kill('SIGKILL');
	assert.equal(await server.ended, 'SIGKILL');
	const again = start([], server.data);
	assert.equal((await fetch(`${await again.url('southbound')}/api/wfx/v1/workflows/kept`)).status, 200);
	await stop(again);
});

async function refused(server: LaunchedServer): Promise<string> {
	assert.equal(await server.ended, 2, server.text());
	return server.text();
}

test('a second server on the same directory is refused with the process that holds it', async () => {
	const first = start();
	await first.logged('serving');
	assert.match(
		await refused(start([], first.data)),
		new RegExp(`in use by process ${first.pid} .*data-directory-refused`),
	);
	await stop(first);
});

test('a directory that is open to others is refused', async () => {
	const data = join(folder, 'open');
	mkdirSync(data);
	chmodSync(data, 0o755);
	assert.match(await refused(start([], data)), /is open to others \(mode 0755\).*\[data-directory-refused\]/);
});

test('a taken port is refused by the name of its option', async () => {
	const other = createServer().listen(0, '127.0.0.1');
	await once(other, 'listening');
	other.unref();
	const { port } = other.address() as AddressInfo;
	const server = start(['--client-port', String(port)]);
	assert.match(await refused(server), /client-port \d+ \(--client-port\): another process listens .*\[listen-failed\]/);
	assert.ok(!existsSync(join(server.data, 'server.json')));
	other.close();
});

test('a damaged database is refused and left as it is', async () => {
	const data = join(folder, 'damaged');
	mkdirSync(data, { mode: 0o700 });
	const garbage = 'this is no database\n'.repeat(1000);
	writeFileSync(join(data, 'caisson.db'), garbage);
	assert.match(await refused(start([], data)), /\[storage-damaged\]/);
	assert.equal(readFileSync(join(data, 'caisson.db'), 'utf8'), garbage);
});

test('the southbound port leaves loopback only with --insecure-open', async () => {
	assert.match(await refused(start(['--client-host', '0.0.0.0'])), /mtls or token.*\[configuration-invalid\]/);
	const open = start(['--client-host', '0.0.0.0', '--insecure-open']);
	assert.equal((await open.logged(/open to every machine/)).level, 'warn');
	const { client } = (await open.logged('serving')) && JSON.parse(readFileSync(join(open.data, 'server.json'), 'utf8'));
	assert.match(client, /^http:\/\/127\.0\.0\.1:\d+$/);
	await stop(open);
	assert.match(await refused(start(['--mgmt-host', '0.0.0.0', '--northbound-auth', 'none'])), /northbound-auth none/);
});

test('SIGHUP reads the files anew: live options change, others wait, a broken file changes nothing', async () => {
	const path = join(folder, 'reload.yaml');
	const files = join(folder, 'files');
	mkdirSync(files);
	writeFileSync(join(files, 'hello.txt'), 'hello');
	writeFileSync(path, 'log-level: info\n');
	const server = start(['--config', path]);
	const download = async () => (await fetch(`${await server.url('southbound')}/download/hello.txt`)).status;
	await server.logged('serving');
	assert.equal(await download(), 404);
	// The files are also watched; the signal makes it certain when.
	writeFileSync(path, `simple-fileserver: ${files}\nread-timeout: 5s\nlog-level: debug\n`);
	server.kill('SIGHUP');
	await server.logged('configuration read');
	assert.equal(await download(), 200);
	const waits = await server.logged(/it takes effect at the next start$/);
	assert.deepEqual([waits.option, waits.before, waits.after, waits.origin], ['read-timeout', 30_000, 5000, path]);
	writeFileSync(path, 'simple-fileserver: /absent\n');
	server.kill('SIGHUP');
	await server.logged('the configuration was refused; the running one stays');
	assert.equal(await download(), 200);
	await stop(server);
});

test('a changed file is noticed without a signal', async () => {
	const path = join(folder, 'watched.yaml');
	writeFileSync(path, '');
	const watching = start(['--config', path]);
	await watching.logged('serving');
	writeFileSync(path, 'sse-ping-interval: 5s\n');
	const change = await watching.logged('option changed');
	assert.deepEqual([change.option, change.after, change.origin], ['sse-ping-interval', 5000, path]);
	await stop(watching);
});
