// Which server, and who gets a token.

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CaissonError } from '../errors.ts';
import { findServer, type LocalServers, parseAddress } from './server-address.ts';

const folder = mkdtempSync(join(tmpdir(), 'caisson-terminal-'));
after(() => rmSync(folder, { recursive: true }));

const north = 'http://127.0.0.1:9081';
const running: LocalServers = {
	find: async () => ({
		client: 'http://127.0.0.1:9080',
		mgmt: north,
		northbound: [north, 'unix:/run/c.sock'],
		token: 'local',
	}),
};
const none: LocalServers = { find: async () => undefined };
const northbound = { port: 'northbound' } as const;
const southbound = { port: 'southbound' } as const;

function tokenFile(text: string, mode = 0o600): string {
	const path = join(folder, 'token');
	writeFileSync(path, text);
	chmodSync(path, mode);
	return path;
}

async function found(...args: Parameters<typeof findServer>): Promise<[string, string | undefined]> {
	const { address, token } = await findServer(...args);
	return [address.text, token];
}

test('without any word it is the running local server, with its token', async () => {
	assert.deepEqual(await found({}, {}, northbound, running), [north, 'local']);
	assert.deepEqual(await found({}, {}, southbound, running), ['http://127.0.0.1:9080', undefined]);
});

test('where none runs it is wfx’s default address, and nobody there gets a token', async () => {
	assert.deepEqual(await found({}, {}, northbound, none), ['http://127.0.0.1:8081', undefined]);
	assert.deepEqual(await found({}, {}, southbound, none), ['http://127.0.0.1:8080', undefined]);
});

test('--server comes before CAISSON_SERVER', async () => {
	const environment = { CAISSON_SERVER: 'http://b.example' };
	assert.deepEqual(await found({ server: 'http://a.example' }, environment, northbound, running), [
		'http://a.example',
		undefined,
	]);
	assert.deepEqual(await found({}, environment, northbound, running), ['http://b.example', undefined]);
});

test('the local token goes to an address of the local server and to no other', async () => {
	assert.deepEqual(await found({ server: 'unix:/run/c.sock' }, {}, northbound, running), ['unix:/run/c.sock', 'local']);
	for (const server of ['http://127.0.0.1:9082', 'http://[::1]:9081', 'unix:/tmp/c.sock', 'https://127.0.0.1:9081']) {
		assert.deepEqual(await found({ server }, {}, northbound, running), [server, undefined]);
	}
});

test('localhost with the local server’s port is the local server', async () => {
	assert.deepEqual(await found({ server: 'http://localhost:9081' }, {}, northbound, running), [north, 'local']);
});

test('a named token goes to the named server, never to the southbound port', async () => {
	const options = { server: 'https://a.example', tokenFile: tokenFile('abc\n') };
	assert.deepEqual(await found(options, {}, northbound, none), ['https://a.example', 'abc']);
	const target = { port: 'southbound', address: 'https://a.example:8443' } as const;
	assert.deepEqual(await found(options, {}, target, none), ['https://a.example:8443', undefined]);
});

test('the southbound port of a named server is known for wfx’s default ports only', async () => {
	assert.deepEqual(await found({ server: 'https://a.example:8444' }, {}, southbound, none), [
		'https://a.example:8443',
		undefined,
	]);
	await assert.rejects(found({ server: 'https://a.example:9000' }, {}, southbound, none), /name it with --southbound/);
});

test('a token file that everybody reads, or that holds more than a token, is refused', async () => {
	const server = 'https://a.example';
	await assert.rejects(found({ server, tokenFile: tokenFile('abc', 0o644) }, {}, northbound, none), /chmod 0600/);
	const two = found({ server, tokenFile: tokenFile('abc\ndef') }, {}, northbound, none);
	await assert.rejects(two, (error: unknown) => error instanceof CaissonError && !error.message.includes('def'));
});

test('an address with a secret is refused without repeating it', () => {
	for (const text of ['http://u:secret@h', 'http://secret@h', 'http://h/?token=secret', 'http://h/#secret']) {
		assert.throws(
			() => parseAddress(text, '--server'),
			(error: unknown) =>
				error instanceof CaissonError && error.code === 'usage-wrong' && !error.message.includes('secret'),
		);
	}
});
