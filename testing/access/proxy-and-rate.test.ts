import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseNetwork } from '../../src/web/trusted-proxy.ts';
import { type Pair, TestAuthority } from './certificates.ts';
import { type AccessServer, api, ask, seed, startAccessServer } from './server.ts';

const folder = mkdtempSync(join(tmpdir(), 'caisson-proxy-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const authority = new TestAuthority(folder, 'devices');
const server = authority.issueServer('server');
const ca = authority.pair.certificate;
const mtls = {
	...{ 'southbound-auth': 'mtls', scheme: 'https', 'tls-certificate': server.certificate, 'tls-key': server.key },
	'tls-ca': ca,
};
const proxy = authority.issue('proxy');
const a = authority.issue('a');
const b = authority.issue('b');

/** RFC 9440, section 2.2. */
const passedOn = ({ certificate }: Pair) =>
	`:${new X509Certificate(readFileSync(certificate)).raw.toString('base64')}:`;

async function withServer(options: Record<string, string>, body: (running: AccessServer) => Promise<void>) {
	const running = await startAccessServer(options);
	try {
		await body(running);
	} finally {
		await running.stop();
	}
}

test('a certificate that a trusted proxy passes on is the identity, and the proxy’s own is none', async () => {
	await withServer({ ...mtls, 'trusted-proxy': '127.0.0.0/8' }, async (running) => {
		const ids = await seed(running, ['a', 'b', 'proxy'], { ca });
		const through = (headers: Record<string, string | string[]>) =>
			ask(`${running.south}${api}/jobs`, { ca, identity: proxy, headers });
		const seen = await through({ 'Client-Cert': passedOn(a) });
		assert.deepEqual(
			seen.json.content.map(({ id }: { id: string }) => id),
			[ids.a],
		);
		assert.equal((await through({})).status, 401, 'no certificate passed on');
		for (const value of ['', 'x', ':x:', '::', passedOn(a).slice(1), [passedOn(a), passedOn(b)]]) {
			assert.equal((await through({ 'Client-Cert': value })).status, 401, String(value).slice(0, 9));
		}
	});
});

test('a proxy cannot pass on what TLS would have refused', async () => {
	const list = join(folder, 'list.pem');
	const revoked = authority.issue('revoked');
	authority.revoke(revoked);
	authority.writeRevocationList(list);
	const other = new TestAuthority(folder, 'other');
	await withServer({ ...mtls, 'trusted-proxy': '127.0.0.1', 'tls-crl': list }, async (running) => {
		const through = (pair: Pair) =>
			ask(`${running.south}${api}/jobs`, { ca, identity: proxy, headers: { 'Client-Cert': passedOn(pair) } });
		assert.equal((await through(a)).status, 200);
		for (const pair of [revoked, other.issue('a'), authority.issue('old', { days: -1 }), server]) {
			assert.equal((await through(pair)).status, 401, pair.certificate);
		}
	});
});

test('from everybody else these headers mean nothing', async () => {
	await withServer({ ...mtls, 'trusted-proxy': '192.0.2.1' }, async (running) => {
		const ids = await seed(running, ['a', 'b'], { ca });
		const headers = {
			...{
				'Client-Cert': passedOn(b),
				'X-SSL-Client-S-DN': 'CN=b',
				'X-Client-Id': 'b',
				'X-Forwarded-For': '192.0.2.1',
			},
			...{ Forwarded: 'for=192.0.2.1', 'X-Real-IP': '192.0.2.1' },
		};
		const seen = await ask(`${running.south}${api}/jobs`, { ca, identity: a, headers });
		assert.deepEqual(
			seen.json.content.map(({ id }: { id: string }) => id),
			[ids.a],
		);
		await assert.rejects(ask(`${running.south}${api}/jobs`, { ca, headers }));
	});
});

test('in token mode a certificate that is passed on opens nothing', async () => {
	await withServer({ 'southbound-auth': 'token', 'trusted-proxy': '127.0.0.1' }, async (running) => {
		const headers = { 'Client-Cert': passedOn(a) };
		assert.equal((await ask(`${running.south}${api}/jobs`, { headers })).status, 401);
	});
});

/** The address that the audit trail has of a request that was denied. */
async function recordedAddress(running: AccessServer, forwarded: string | string[]): Promise<unknown> {
	await ask(`${running.north}/x${Math.random()}`, { headers: { 'X-Forwarded-For': forwarded } });
	const rows = await running.storage.audit.read(0, 100);
	return rows.at(-1)?.detail?.remoteAddress;
}

test('where a request came from is the last address that no trusted proxy has, as trusted proxies tell it', async () => {
	await withServer({ 'trusted-proxy': '127.0.0.1,10.0.0.0/8' }, async (running) => {
		assert.equal(await recordedAddress(running, '203.0.113.9'), '203.0.113.9');
		assert.equal(await recordedAddress(running, '198.51.100.1, 203.0.113.9'), '203.0.113.9', 'the left one is claimed');
		assert.equal(await recordedAddress(running, '198.51.100.1, 203.0.113.9, 10.1.2.3'), '203.0.113.9');
		assert.equal(await recordedAddress(running, ['198.51.100.1', '203.0.113.9']), '203.0.113.9');
		assert.equal(await recordedAddress(running, '[2001:db8::1]:5000'), '2001:db8::1');
		assert.equal(await recordedAddress(running, 'nonsense'), '127.0.0.1');
	});
	await withServer({}, async (running) => {
		assert.equal(await recordedAddress(running, '203.0.113.9'), '127.0.0.1');
	});
});

test('whoever asks too often is told when to come back; others are not held up', async () => {
	const options = { 'northbound-rate': '0.1', 'southbound-rate': '0.1', 'trusted-proxy': '127.0.0.1' };
	await withServer({ ...options, 'southbound-auth': 'token' }, async (running) => {
		const from = (address: string, headers = {}) =>
			ask(`${running.north}/health`, { headers: { 'X-Forwarded-For': address, ...headers } });
		assert.equal((await from('203.0.113.1')).status, 401);
		const limited = await from('203.0.113.1');
		assert.equal(limited.status, 429);
		assert.match(String(limited.headers['retry-after']), /^(9|10)$/);
		assert.equal((await from('203.0.113.2')).status, 401, 'another address');
		assert.equal((await from('203.0.113.1', running.operator)).status, 200, 'a caller who is known counts by name');
		assert.equal((await from('203.0.113.9', running.operator)).status, 429, 'from wherever it asks');
		assert.equal((await from('2001:db8::1')).status, 401);
		assert.equal((await from('2001:db8:0:0:ffff::2')).status, 429, 'one network of IPv6');
		assert.equal((await from('2001:db8:0:1::2')).status, 401, 'another');
		assert.equal((await ask(`${running.south}/health`)).status, 401, 'the ports count for themselves');
		assert.equal((await ask(`${running.south}/health`)).status, 429);
	});
});

test('an open port on loopback has no limit unless one is set', async () => {
	await withServer({}, async (running) => {
		const statuses = new Set<number>();
		for (let count = 0; count < 300; count++) statuses.add((await ask(`${running.south}/health`)).status);
		assert.deepEqual([...statuses], [200]);
	});
});

test('addresses and networks are read, other words are refused', () => {
	for (const text of ['10.0.0.1', '10.0.0.0/8', '::1', '2001:DB8::/32'])
		assert.equal(parseNetwork(text), text.toLowerCase());
	for (const text of ['', 'proxy', '10.0.0.0/33', '10.0.0.0/0', '::/129', '10.0.0.1/', '10.0.0.1/8/8']) {
		assert.throws(() => parseNetwork(text), RangeError, text);
	}
});
