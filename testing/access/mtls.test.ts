import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { type Pair, TestAuthority } from './certificates.ts';
import { type AccessServer, api, ask, seed, startAccessServer } from './server.ts';

const folder = mkdtempSync(join(tmpdir(), 'caisson-mtls-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const authority = new TestAuthority(folder, 'devices');
const other = new TestAuthority(folder, 'other');
const server = authority.issueServer('server');
const ca = authority.pair.certificate;
const tls = { scheme: 'https', 'tls-certificate': server.certificate, 'tls-key': server.key, 'tls-ca': ca };
const a = authority.issue('a');
const b = authority.issue('b');

async function withServer(options: Record<string, string>, body: (running: AccessServer) => Promise<void>) {
	const running = await startAccessServer({ 'southbound-auth': 'mtls', ...tls, ...options });
	try {
		await body(running);
	} finally {
		await running.stop();
	}
}

const refusedHandshake = /certificate|ECONNRESET|alert|socket hang up/i;

test('a device is who its certificate says: its own jobs are there, others are not', async () => {
	await withServer({}, async (running) => {
		const ids = await seed(running, ['a', 'b'], { ca });
		const mine = (path: string, more = {}) => ask(running.south + api + path, { identity: a, ca, ...more });
		const list = await mine('/jobs?clientId=a&group=OPEN', { headers: { 'X-Client-Id': 'a' } });
		assert.deepEqual(
			list.json.content.map(({ id }: { id: string }) => id),
			[ids.a],
		);
		assert.deepEqual((await mine('/jobs?clientId=b', { headers: { 'X-Client-Id': 'b' } })).json.content, []);
		assert.equal((await mine(`/jobs/${ids.b}`)).status, 404);
		// As SWUpdate reports progress: its own id in the body, and no X-Client-Id.
		const body = { state: 'BUSY', clientId: 'a', progress: 10, message: 'x', context: { lines: [] } };
		assert.equal((await mine(`/jobs/${ids.a}/status`, { method: 'PUT', body })).status, 200);
		assert.equal((await mine(`/jobs/${ids.b}/status`, { method: 'PUT', body })).status, 404);
		assert.equal((await mine('/jobs', { method: 'POST', body: { clientId: 'a', workflow: 'w' } })).status, 403);
	});
});

test('without a certificate, with one of another CA, an expired one or one for servers there is no connection', async () => {
	const expired = authority.issue('expired', { days: -1 });
	await withServer({}, async ({ south }) => {
		for (const identity of [undefined, other.issue('a'), expired, server]) {
			const asked = ask(`${south}${api}/jobs`, { ca, ...(identity && { identity }) });
			await assert.rejects(asked, refusedHandshake, identity?.certificate);
		}
		assert.equal((await ask(`${south}${api}/jobs`, { ca, identity: a })).status, 200);
	});
});

test('there is no plain port and no plain socket for devices, and operators need no certificate of that CA', async () => {
	await withServer({}, async (running) => {
		assert.equal((await ask(`${running.north}/health`, { ca, headers: running.operator })).status, 200);
	});
	const all = await startAccessServer({
		'southbound-auth': 'mtls',
		...tls,
		scheme: ['http', 'https', 'unix'] as never,
	});
	const served = all.running.listeners.map(({ plan }) => `${plan.port} ${plan.scheme}`).sort();
	await all.stop();
	assert.deepEqual(served, ['northbound http', 'northbound https', 'northbound unix', 'southbound https']);
	const refused = { code: 'configuration-invalid' };
	const { 'tls-ca': _, ...withoutCa } = tls;
	await assert.rejects(startAccessServer({ 'southbound-auth': 'mtls', ...tls, scheme: 'http' }), refused);
	await assert.rejects(startAccessServer({ 'southbound-auth': 'mtls', ...withoutCa }), refused);
});

test('the identity may stand in the alternative names; where there are two of that kind, or none, nobody is let in', async () => {
	const alternativeNames = 'DNS:dev-1.example,URI:urn:device:1,DNS:second.example';
	const several = authority.issue('several', { alternativeNames, subject: '/CN=one/CN=two' });
	const dns = authority.issue('dns', { alternativeNames: 'DNS:dev-1.example,URI:urn:device:1' });
	const answers: Record<string, unknown> = {};
	for (const form of ['cn', 'san-dns', 'san-uri']) {
		await withServer({ 'device-identity': form }, async (running) => {
			await seed(running, ['dns', 'dev-1.example', 'urn:device:1'], { ca });
			const whose = async (identity: Pair) => {
				const { status, json } = await ask(`${running.south}${api}/jobs`, { ca, identity });
				return status === 200 ? json.content.map(({ clientId }: { clientId: string }) => clientId) : status;
			};
			answers[form] = [await whose(dns), await whose(several)];
		});
	}
	assert.deepEqual(answers, {
		cn: [['dns'], 403],
		'san-dns': [['dev-1.example'], 403],
		'san-uri': [['urn:device:1'], ['urn:device:1']],
	});
});

/** A connection that stays, and what it is answered. */
async function open(url: string, identity: Pair, session?: Buffer) {
	const pair = { cert: readFileSync(identity.certificate), key: readFileSync(identity.key) };
	const port = Number(new URL(url).port);
	const socket = connect({ port, host: '127.0.0.1', ca: readFileSync(ca), ...pair, ...(session && { session }) });
	let ticket: Buffer | undefined;
	socket.on('session', (given) => {
		ticket = given;
	});
	const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
	socket.on('error', () => undefined);
	const status = async () => {
		socket.write(`GET ${api}/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n`);
		const [chunk] = await Promise.race([once(socket, 'data'), gone.then(() => [undefined])]);
		return chunk === undefined ? 'gone' : Number(/^HTTP\/1\.1 (\d+)/.exec(String(chunk))?.[1]);
	};
	return { socket: socket as TLSSocket, status, gone, ticket: () => ticket };
}

test('a revoked certificate is refused, and a new list cuts connections and resumed sessions too', async () => {
	const list = join(folder, 'list.pem');
	const before = authority.issue('before');
	authority.revoke(before);
	authority.writeRevocationList(list);
	await withServer({ 'tls-crl': list }, async ({ south, running, log }) => {
		await assert.rejects(ask(`${south}${api}/jobs`, { ca, identity: before }), refusedHandshake);
		const [first, second] = [await open(south, a), await open(south, b)];
		assert.deepEqual([await first.status(), await second.status()], [200, 200]);
		const ticket = first.ticket();
		assert.ok(ticket, 'the server gave a ticket');
		const resumed = await open(south, a, ticket);
		assert.equal(await resumed.status(), 200);
		assert.ok(resumed.socket.isSessionReused());
		authority.revoke(a);
		authority.writeRevocationList(list);
		running.reload();
		await Promise.all([first.gone, resumed.gone]);
		assert.equal(await second.status(), 200, 'another device stays connected');
		assert.equal(await (await open(south, a, ticket)).status(), 'gone', 'the ticket is worth nothing now');
		await assert.rejects(ask(`${south}${api}/jobs`, { ca, identity: a }), refusedHandshake);
		second.socket.destroy();
		assert.ok(log.some((line) => line.includes('certificates read')));
	});
});

test('what is no revocation list stops the start, and a broken one while running changes nothing', async () => {
	await assert.rejects(startAccessServer({ 'southbound-auth': 'mtls', ...tls, 'tls-crl': ca }), {
		code: 'key-unusable',
	});
	const list = join(folder, 'broken.pem');
	const authority = new TestAuthority(folder, 'another');
	const [device, revoked] = [authority.issue('a'), authority.issue('b')];
	authority.revoke(revoked);
	authority.writeRevocationList(list);
	const options = { 'tls-ca': authority.pair.certificate, 'tls-crl': list };
	await withServer(options, async ({ south, running, log }) => {
		writeFileSync(list, 'broken');
		running.reload();
		assert.ok(log.some((line) => line.includes('the certificates cannot be used')));
		assert.equal((await ask(`${south}${api}/jobs`, { ca, identity: device })).status, 200);
		await assert.rejects(ask(`${south}${api}/jobs`, { ca, identity: revoked }), refusedHandshake);
	});
});

test('the audit trail names the device of a certificate', async () => {
	await withServer({}, async (running) => {
		const ids = await seed(running, ['b'], { ca });
		const body = { state: 'BUSY' };
		await ask(`${running.south}${api}/jobs/${ids.b}/status`, { method: 'PUT', body, identity: b, ca });
		const rows = await running.storage.audit.read(0, 100);
		assert.ok(rows.some(({ actor, action }) => actor === 'device:b' && action === 'job.update-status'));
	});
});
