import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { makeCa, makeCertificate, opensslMissing, temporaryFolder } from '../../programs/server/fixtures.ts';
import { builtinWorkflow } from '../../src/workflow/builtin.ts';
import { startApplication } from '../application/application.ts';
import type { Target } from './connection.ts';
import { workflowName } from './requests.ts';
import { runLoad } from './run.ts';

const targetOf = (url: string): Target => ({ host: new URL(url).hostname, port: Number(new URL(url).port) });

test('the load is three reads a write on a real server, and what it says was done is there', async (t) => {
	const application = await startApplication();
	t.after(application.stop);
	const { storage, south, north } = application;
	await storage.commit((unit) => unit.workflows.insert(builtinWorkflow(workflowName)));
	const targets = { south: targetOf(south), north: targetOf(north), workers: 8 };

	const made = await runLoad({ ...targets, name: 'make', task: { kind: 'create', devices: 40 } }, []);
	assert.deepEqual([made.requests, made.errors, made.byKind.create?.requests], [40, 0, 40]);
	const page = { offset: 0, limit: 1, sort: 'asc', total: true } as const;
	assert.equal((await storage.jobs.query({}, page)).total, 40);

	const task = { kind: 'mix', devices: 40, warmUp: 100, duration: 1000 } as const;
	const load = await runLoad({ ...targets, name: 'mix', task }, [process.pid]);
	assert.deepEqual(load.said, []);
	const done = (kind: string) => load.byKind[kind]?.requests ?? 0;
	const [reads, writes] = [done('poll') + done('workflows'), done('create') + done('advance')];
	assert.equal(reads + writes, load.requests);
	assert.ok(Math.abs(reads / load.requests - 0.75) < 0.1, `${reads} reads of ${load.requests}`);
	assert.ok(load.rate > 0 && load.serverCpu > 0 && load.ownShare > 0);
	const { total = 0 } = await storage.jobs.query({}, page);
	assert.ok(total >= 40 + done('create'), 'jobs are missing that the load counted as created');
	assert.ok((await storage.jobs.query({ state: 'PROGRESS' }, page)).total, 'no job was advanced');
});

test('requests that a server refuses are errors and no requests done', async (t) => {
	const server = createServer((_, response) => response.writeHead(500).end('out of order')).listen(0, '127.0.0.1');
	await once(server, 'listening');
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	const target = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
	const task = { kind: 'mix', devices: 1, warmUp: 0, duration: 200 } as const;
	const load = await runLoad({ south: target, north: target, workers: 2, name: 'refused', task }, []);
	assert.equal(load.requests, 0);
	assert.ok(load.errors > 0);
	// The body is quoted as it was sent: in chunks.
	assert.match(load.said.join('\n'), /^poll: 500 \w+\s+out of order/m);
});

test('with connections that are made for one request each, every TLS session but the first is resumed', {
	skip: opensslMissing(),
}, async (t) => {
	const folder = temporaryFolder((step) => t.after(step));
	const ca = makeCa(folder, 'ca');
	const { certificate, key } = makeCertificate(folder, 'server', ca);
	const [resumed, made] = [[] as boolean[], { connections: 0 }];
	const files = { cert: readFileSync(certificate), key: readFileSync(key) };
	const server = createTlsServer(files, (_, response) => response.end('{}')).listen(0, '127.0.0.1');
	server.on('secureConnection', (socket) => resumed.push(socket.isSessionReused()));
	server.on('connection', () => made.connections++);
	await once(server, 'listening');
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	const { port } = server.address() as AddressInfo;
	const target = { host: '127.0.0.1', port, tls: { ca: readFileSync(ca.certificate, 'utf8') } };
	const task = { kind: 'connect', resume: true, warmUp: 50, duration: 300 } as const;
	const load = await runLoad({ south: target, north: target, workers: 1, name: 'resumed', task }, []);
	assert.deepEqual(load.said, []);
	assert.ok(load.requests > 1 && load.requests <= made.connections);
	assert.deepEqual([resumed[0], resumed.slice(1).every(Boolean)], [false, true]);
});
