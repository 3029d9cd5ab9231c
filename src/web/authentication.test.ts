import assert from 'node:assert/strict';
import { test } from 'node:test';
import Fastify from 'fastify';
import { meaningOf } from '../errors.ts';
import {
	type AccessDenial,
	type DeniedRequest,
	judge,
	requireOperatorToken,
	type ShownRequest,
} from './authentication.ts';

const token = 'QmFzZTY0VG9rZW5Gb3JUZXN0czAxMjM0NTY3ODkwMTI';
const access = { token, names: new Set(['localhost', 'caisson.example']) };
const authorization = `Bearer ${token}`;

function reason(request: Omit<Partial<ShownRequest>, 'headers'> & { headers?: ShownRequest['headers'] }) {
	const headers = { host: 'localhost:8081', authorization, ...request.headers };
	return judge({ url: '/x', localAddress: '127.0.0.1', encrypted: false, ...request, headers }, access)?.reason;
}

test('the token opens the port; the case of the scheme does not matter', () => {
	assert.equal(reason({}), undefined);
	assert.equal(reason({ headers: { authorization: `bearer ${token}` } }), undefined);
});

test('without a token, and with another, nobody passes', () => {
	const { authorization: _, ...headers } = { host: 'localhost', authorization };
	assert.equal(judge({ url: '/', headers, localAddress: '127.0.0.1', encrypted: false }, access)?.reason, 'no-token');
	for (const wrong of [
		`Bearer ${token}x`,
		`Bearer ${token.slice(1)}`,
		`Basic ${token}`,
		token,
		'Bearer ',
		`Bearer ${token} ${token}`,
	]) {
		assert.equal(reason({ headers: { authorization: wrong } }), 'wrong-token', wrong);
	}
});

test('a token in the URL is refused even where the header is right', () => {
	for (const url of ['/x?token=a', '/x?a=b&access_token=', '/x?%74oken=a', '/x?access%5Ftoken=a']) {
		assert.equal(reason({ url }), 'token-in-url', url);
	}
	assert.equal(reason({ url: '/jobs?tag=token&state=access_token' }), undefined);
});

test('requests call the server by a name it has', () => {
	for (const host of ['localhost', 'LOCALHOST:8081', 'caisson.example:443', '127.0.0.1:9', '127.8.8.8', '[::1]:1']) {
		assert.equal(reason({ headers: { host } }), undefined, host);
	}
	for (const host of [
		'evil.example',
		'localhost.evil.example',
		'caisson.example.',
		'a@localhost',
		'',
		'localhost:x',
		'10.0.0.1',
	]) {
		assert.equal(reason({ headers: { host } }), 'foreign-host', host);
	}
});

test('the address that the connection came in on is a name of the server', () => {
	assert.equal(reason({ headers: { host: '192.0.2.7:8081' }, localAddress: '192.0.2.7' }), undefined);
	assert.equal(reason({ headers: { host: '192.0.2.7:8081' }, localAddress: '::ffff:192.0.2.7' }), undefined);
	assert.equal(reason({ headers: { host: '[2001:db8::1]' }, localAddress: '2001:db8::1' }), undefined);
	assert.equal(reason({ headers: { host: '192.0.2.8' }, localAddress: '192.0.2.7' }), 'foreign-host');
});

test('on a unix socket the Host header means nothing', () => {
	assert.equal(reason({ headers: { host: 'anything' }, localAddress: undefined }), undefined);
});

test('a page of another origin is denied, a page of this server is not', () => {
	for (const origin of ['http://localhost:8081', 'https://localhost:8081', 'http://LOCALHOST:8081']) {
		assert.equal(reason({ headers: { origin } }), undefined, origin);
	}
	for (const origin of [
		'null',
		'http://localhost',
		'http://localhost:80',
		'http://evil.example:8081',
		'file://',
		'x',
	]) {
		assert.equal(reason({ headers: { origin } }), 'foreign-origin', origin);
	}
});

test('a default port may be left out, and behind TLS a page without it is another origin', () => {
	const [plain, secure] = ['http://caisson.example', 'https://caisson.example'];
	for (const host of ['caisson.example', 'caisson.example:443']) {
		assert.equal(reason({ headers: { host, origin: secure } }), undefined, host);
		assert.equal(reason({ headers: { host, origin: secure }, encrypted: true }), undefined, host);
		assert.equal(reason({ headers: { host, origin: plain }, encrypted: true }), 'foreign-origin', host);
	}
	assert.equal(reason({ headers: { host: 'caisson.example', origin: plain } }), undefined);
	assert.equal(reason({ headers: { host: 'caisson.example:443', origin: plain } }), 'foreign-origin');
});

async function guarded() {
	const denials: (AccessDenial & DeniedRequest)[] = [];
	const app = Fastify();
	app.setErrorHandler((error, _request, reply) =>
		reply.status(meaningOf(error).http).send(`${(error as Error).message}`),
	);
	requireOperatorToken(app, { ...access, denied: (denial, request) => denials.push({ ...denial, ...request }) });
	app.get('/here', async () => 'here');
	app.setNotFoundHandler((_request, reply) => reply.status(404).send('nothing'));
	await app.listen({ port: 0, host: '127.0.0.1' });
	const address = app.server.address() as { port: number };
	return { app, denials, base: `http://127.0.0.1:${address.port}` };
}

test('over HTTP: 401 names the scheme, 400 and 403 do not, unknown paths tell nothing either', async () => {
	const { app, denials, base } = await guarded();
	const ask = async (path: string, headers: Record<string, string> = {}) => {
		const answer = await fetch(base + path, { headers });
		await answer.text();
		return [answer.status, answer.headers.get('www-authenticate')];
	};
	assert.deepEqual(await ask('/here'), [401, 'Bearer realm="caisson"']);
	assert.deepEqual(await ask('/absent'), [401, 'Bearer realm="caisson"']);
	const wrong = { authorization: 'Bearer wrong' };
	assert.deepEqual(await ask('/here', wrong), [401, 'Bearer realm="caisson", error="invalid_token"']);
	assert.deepEqual(await ask(`/here?token=${token}`, { authorization }), [400, null]);
	assert.deepEqual(await ask('/here', { authorization, origin: 'http://evil.example' }), [403, null]);
	assert.deepEqual(await ask('/here', { authorization }), [200, null]);
	assert.deepEqual(await ask('/absent', { authorization }), [404, null]);
	assert.deepEqual(
		denials.map(({ reason, path, method, remoteAddress }) => [reason, method, path, remoteAddress]),
		[
			['no-token', 'GET', '/here', '127.0.0.1'],
			['no-token', 'GET', '/absent', '127.0.0.1'],
			['wrong-token', 'GET', '/here', '127.0.0.1'],
			['token-in-url', 'GET', '/here', '127.0.0.1'],
			['foreign-origin', 'GET', '/here', '127.0.0.1'],
		],
	);
	assert.ok(!JSON.stringify(denials).includes(token));
	await app.close();
});
