import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import {
	type BrowserFacts,
	bearerToken,
	judgeOrigin,
	judgeSessionUse,
	sessionOf,
	setSessionCookie,
	tokenInUrl,
} from './authentication.ts';

const token = 'QmFzZTY0VG9rZW5Gb3JUZXN0czAxMjM0NTY3ODkwMTI';
const names = new Set(['localhost', 'caisson.example']);

function reason(request: Omit<Partial<BrowserFacts>, 'headers'> & { headers?: BrowserFacts['headers'] }) {
	const headers = { host: 'localhost:8081', ...request.headers };
	return judgeOrigin({ localAddress: '127.0.0.1', encrypted: false, ...request, headers }, names)?.reason;
}

test('a bearer token is read whatever the case of its scheme; another header holds none', () => {
	assert.equal(bearerToken(`Bearer ${token}`), token);
	assert.equal(bearerToken(`bearer  ${token} `), token);
	assert.equal(bearerToken(undefined), undefined);
	for (const wrong of [
		`Basic ${token}`,
		token,
		'Bearer ',
		'Bearer',
		`Bearer ${token} ${token}`,
		`Bearer ${'a'.repeat(600)}`,
	]) {
		assert.equal(bearerToken(wrong), '', wrong);
	}
});

test('a token in the URL is refused', () => {
	for (const url of ['/x?token=a', '/x?a=b&access_token=', '/x?%74oken=a', '/x?access%5Ftoken=a']) {
		assert.equal(tokenInUrl(url)?.reason, 'token-in-url', url);
	}
	assert.equal(tokenInUrl('/jobs?tag=token&state=access_token'), undefined);
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

test('the secret of a session is read where there is one cookie of that name', () => {
	const secret = 'a'.repeat(43);
	assert.equal(sessionOf(`caisson-session=${secret}`), secret);
	assert.equal(sessionOf(`other=1; caisson-session=${secret}; more=x`), secret);
	for (const cookie of [undefined, '', 'caisson-session=', 'caisson-session=short', `x-caisson-session=${secret}`]) {
		assert.equal(sessionOf(cookie), undefined, cookie);
	}
	assert.equal(sessionOf(`caisson-session=${secret}; caisson-session=${secret}`), undefined);
});

test('a session is used by pages of this server, and by nothing else that a browser shows', () => {
	const use = (method: string, headers: Record<string, string>) =>
		judgeSessionUse({ method, headers } as unknown as IncomingMessage)?.reason;
	assert.equal(use('GET', {}), undefined);
	assert.equal(use('GET', { 'sec-fetch-site': 'none' }), undefined);
	assert.equal(use('GET', { 'sec-fetch-site': 'same-origin' }), undefined);
	assert.equal(use('POST', { 'sec-fetch-site': 'same-origin' }), undefined);
	assert.equal(use('POST', { origin: 'http://localhost:8081' }), undefined);
	assert.equal(use('POST', {}), 'foreign-origin');
	assert.equal(use('DELETE', { 'sec-fetch-site': 'none' }), 'foreign-origin');
	// Another port of this host is the same site, so SameSite=Strict sends the cookie.
	for (const method of ['GET', 'POST']) {
		for (const site of ['same-site', 'cross-site']) {
			assert.equal(use(method, { 'sec-fetch-site': site, origin: 'http://localhost:8081' }), 'foreign-origin');
		}
	}
});

test('the cookie of a session is out of reach of scripts and of other sites, and over TLS never sent in the clear', () => {
	assert.equal(setSessionCookie('s', 60, false), 'caisson-session=s; Path=/; Max-Age=60; HttpOnly; SameSite=Strict');
	assert.match(setSessionCookie('s', 60, true), /; Secure$/);
});
