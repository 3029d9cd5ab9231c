import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { launch, makeCa, makeCertificate, opensslMissing, temporaryFolder } from './fixtures.ts';
import { expiryOf, readTlsFiles } from './tls.ts';

const folder = temporaryFolder((step) => after(step));
const skip = opensslMissing();
const none = { certificate: '', key: '' };
const ca = skip ? none : makeCa(folder, 'ca');
const made = (name: string, issuer = ca) => (skip ? none : makeCertificate(folder, name, issuer));
const [first, second] = [made('first'), made('second')];
const trusted = skip ? '' : readFileSync(ca.certificate);

test('the files are refused by name where they are unreadable, no PEM, or do not belong together', { skip }, () => {
	const empty = join(folder, 'empty.pem');
	writeFileSync(empty, 'nothing');
	const refusal = (files: Partial<typeof first> & { ca?: string }, message: RegExp) =>
		assert.throws(() => readTlsFiles({ ca: undefined, ...first, ...files }), { code: 'key-unusable', message });
	refusal({ certificate: '/absent.crt' }, /^\/absent\.crt cannot be read: ENOENT$/);
	refusal({ certificate: empty }, /empty\.pem is not a PEM certificate$/);
	refusal({ key: empty }, /empty\.pem is not a PEM private key without passphrase$/);
	refusal({ ca: empty }, /empty\.pem is not a PEM certificate$/);
	refusal({ key: second.key }, /second\.key is not the key of the certificate in .*first\.crt$/);
});

test('the end of a certificate is known', { skip }, () => {
	const days = (expiryOf(readTlsFiles({ ...first, ca: undefined })) - Date.now()) / 86_400_000;
	assert.ok(days > 59 && days <= 60, String(days));
});

function start(words: readonly string[]) {
	const server = launch(['--data', join(folder, `data${Math.random()}`), '--scheme', 'https', ...words]);
	after(() => server.kill('SIGKILL'));
	return server;
}

const withFiles = ({ certificate, key } = first) => ['--tls-certificate', certificate, '--tls-key', key];

type Identity = { readonly certificate: string; readonly key: string };

async function handshake(url: string, options: { maxVersion?: 'TLSv1.1' | 'TLSv1.2'; identity?: Identity } = {}) {
	const { identity, ...rest } = options;
	const pair = identity && { cert: readFileSync(identity.certificate), key: readFileSync(identity.key) };
	const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', ca: trusted, ...pair, ...rest });
	// In TLS 1.3 a client learns only from the first read that its certificate was refused.
	socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
	await once(socket, 'readable');
	const answer: Buffer | null = socket.read();
	if (answer === null) throw new Error('the connection was closed without an answer');
	return { socket, answer: String(answer) };
}

const subject = (socket: TLSSocket) => (socket.getPeerCertificate() as PeerCertificate).subject.CN;

test('https serves both ports with TLS 1.2 and newer', { skip }, async () => {
	const server = start(withFiles());
	for (const port of ['southbound', 'northbound'] as const) {
		const url = await server.url(port);
		assert.match(url, /^https:\/\/127\.0\.0\.1:\d+$/);
		const { socket, answer } = await handshake(url);
		assert.match(answer, port === 'southbound' ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 401 /);
		assert.equal(socket.getProtocol(), 'TLSv1.3');
		socket.destroy();
		const old = await handshake(url, { maxVersion: 'TLSv1.2' });
		assert.equal(old.socket.getProtocol(), 'TLSv1.2');
		assert.match(old.socket.getCipher().standardName, /^TLS_ECDHE_.*(GCM|POLY1305)/);
		old.socket.destroy();
		await assert.rejects(handshake(url, { maxVersion: 'TLSv1.1' }));
	}
	server.kill('SIGTERM');
	assert.equal(await server.ended, 0);
});

test('with tls-ca only clients with a certificate of that CA get an answer', { skip }, async () => {
	const server = start([...withFiles(), '--tls-ca', ca.certificate]);
	const url = await server.url('southbound');
	const foreign = made('foreign', makeCa(folder, 'other-ca'));
	await assert.rejects(handshake(url), /certificate required|ECONNRESET|closed without/);
	await assert.rejects(handshake(url, { identity: foreign }), /unknown ca|ECONNRESET|closed without/);
	const { socket, answer } = await handshake(url, { identity: second });
	assert.match(answer, /^HTTP\/1\.1 200 /);
	socket.destroy();
	server.kill('SIGTERM');
	assert.equal(await server.ended, 0);
});

test('a new certificate is used for new connections, the open one stays; a broken one changes nothing', {
	skip,
}, async () => {
	const current = { certificate: join(folder, 'current.crt'), key: join(folder, 'current.key') };
	copyFileSync(first.certificate, current.certificate);
	copyFileSync(first.key, current.key);
	const server = start(withFiles(current));
	const url = await server.url('southbound');
	const agent = new Agent({ keepAlive: true, ca: trusted });
	const ask = async () => {
		const [answer] = await once(get(`${url}/health`, { agent }), 'response');
		const name = subject(answer.socket as TLSSocket);
		answer.resume();
		await once(answer, 'end');
		return name;
	};
	assert.equal(await ask(), 'first');
	for (const part of ['certificate', 'key'] as const) {
		copyFileSync(second[part], `${current[part]}.new`);
		renameSync(`${current[part]}.new`, current[part]);
	}
	server.kill('SIGHUP');
	await server.logged('certificates read');
	assert.equal(await ask(), 'first', 'the open connection');
	const fresh = await handshake(url);
	assert.equal(subject(fresh.socket), 'second', 'a new connection');
	fresh.socket.destroy();
	writeFileSync(current.certificate, 'broken');
	server.kill('SIGHUP');
	await server.logged('the certificates cannot be used; the running ones stay');
	const still = await handshake(url);
	assert.equal(subject(still.socket), 'second');
	still.socket.destroy();
	agent.destroy();
	server.kill('SIGTERM');
	assert.equal(await server.ended, 0);
});

test('a certificate that ends soon is warned of at the start', { skip }, async () => {
	const soon = makeCertificate(folder, 'soon', ca, 5);
	const server = start(withFiles(soon));
	assert.equal((await server.logged('the TLS certificate expires soon')).days, 4);
	await server.logged('serving');
	server.kill('SIGTERM');
	assert.equal(await server.ended, 0);
});
