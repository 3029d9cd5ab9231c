import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ConsoleLink } from '../../src/access/console-link.ts';
import { type AccessServer, type Ask, api, ask, own, startAccessServer } from './server.ts';

let server: AccessServer;
before(async () => {
	server = await startAccessServer({});
});
after(() => server.stop());

const linkFile = (from: AccessServer) => join(from.data, 'first-admin-link');
const readLink = (from: AccessServer) => readFileSync(linkFile(from), 'utf8').trim();
const codeOf = (link: string) => link.split('#code=')[1] ?? '';
const sessions = `${own}/access/sessions`;
const begin = (code: string, more: Ask = {}) =>
	ask(server.north + sessions, { method: 'POST', body: { code }, ...more });

test('the first start leaves a link that its owner alone can read; its code works once and begins a session', async () => {
	const link = readLink(server);
	assert.ok(link.startsWith(`${server.north}/ui/#code=`));
	assert.equal(statSync(linkFile(server)).mode & 0o777, 0o600);
	assert.ok(!server.log.some((line) => line.includes(codeOf(link))));

	assert.equal((await begin('x'.repeat(43))).status, 401);
	const begun = await begin(codeOf(link));
	assert.equal(begun.status, 201);
	assert.deepEqual(begun.json.roles, ['admin']);
	assert.ok(!existsSync(linkFile(server)));
	assert.equal((await begin(codeOf(link))).status, 401, 'a second time');

	const [cookie = ''] = begun.headers['set-cookie'] ?? [];
	assert.match(
		cookie,
		/^caisson-session=caisson-session-[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
	);
	const headers = { cookie: cookie.split(';')[0] ?? '' };
	assert.equal((await ask(`${server.north}${api}/jobs`, { headers })).status, 200);
	const whoami = await ask(`${server.north}${sessions}/current`, { headers });
	assert.deepEqual(whoami.json, { name: 'first-admin', roles: ['admin'], how: 'session' });
	const clear = await ask(`${server.north}${sessions}/current`, {
		...{ method: 'DELETE', headers: { ...headers, origin: server.north } },
	});
	assert.equal(clear.status, 204);
	assert.match(String(clear.headers['set-cookie']), /^caisson-session=; Path=\/; Max-Age=0;/);
	assert.equal((await ask(`${server.north}${api}/jobs`, { headers })).status, 401);
	const rows = await server.storage.audit.read(0, 100);
	const actions = rows.map(({ actor, action }) => `${actor} ${action}`);
	assert.ok(actions.includes('operator:first-admin access.session-start'));
	assert.ok(actions.includes('operator:first-admin access.session-end'));
	assert.ok(rows.some(({ action, detail }) => action === 'access.denied' && detail?.reason === 'wrong-code'));
	assert.ok(!JSON.stringify(rows).includes(codeOf(link)));
});

test('a page of another origin neither begins a session nor uses one', async () => {
	const other = await startAccessServer({});
	try {
		const post = (headers: Record<string, string>) =>
			ask(other.north + sessions, { method: 'POST', body: { code: codeOf(readLink(other)) }, headers });
		assert.equal((await post({ origin: 'http://evil.example' })).status, 403);
		assert.equal((await post({ host: 'evil.example' })).status, 403);
		const begun = await post({ origin: other.north });
		assert.equal(begun.status, 201);
		const cookie = String(begun.headers['set-cookie']).split(';')[0] ?? '';
		const use = async (method: string, headers: Record<string, string>) =>
			(await ask(`${other.north}${api}/workflows/absent`, { method, headers: { cookie, ...headers } })).status;
		assert.equal(await use('GET', {}), 404);
		assert.equal(await use('GET', { 'sec-fetch-site': 'same-origin' }), 404);
		assert.equal(await use('GET', { 'sec-fetch-site': 'same-site' }), 403);
		assert.equal(await use('DELETE', {}), 403);
		assert.equal(await use('DELETE', { origin: 'http://127.0.0.1:1' }), 403);
		assert.equal(await use('DELETE', { origin: other.north }), 404);
		assert.equal(await use('DELETE', { 'sec-fetch-site': 'same-origin' }), 404);
	} finally {
		await other.stop();
	}
});

test('there is no link where the port is open, nor on a later start', async () => {
	const open = await startAccessServer({ 'northbound-auth': 'none' });
	try {
		assert.ok(!existsSync(linkFile(open)));
		const post = { method: 'POST', body: { code: 'x' } };
		assert.equal((await ask(open.north + sessions, post)).status, 401);
	} finally {
		await open.stop();
	}
});

test('the link of an earlier start is good for the rest of its hour and removed after it', async () => {
	const other = await startAccessServer({});
	try {
		const [file, code] = [linkFile(other), codeOf(readLink(other))];
		const now = Date.now();
		assert.equal(new ConsoleLink(other.data, () => now + 3_000_000).redeem('x'), false);
		const late = new ConsoleLink(other.data, () => now + 3_700_000);
		assert.equal(late.redeem(code), false);
		assert.ok(!existsSync(file));
		late.write('http://x/ui/', (bytes) => Buffer.alloc(bytes, 7));
		assert.equal(late.redeem(Buffer.alloc(32, 7).toString('base64url')), true);
		late.write('http://x/ui/', (bytes) => Buffer.alloc(bytes, 8));
		utimesSync(file, new Date(0), new Date(0));
		assert.equal(new ConsoleLink(other.data, () => now).redeem(Buffer.alloc(32, 8).toString('base64url')), false);
	} finally {
		await other.stop();
	}
});
