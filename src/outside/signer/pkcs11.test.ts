// Keys in a PKCS#11 token: Debian's SoftHSM is the token, OpenSSL (inside node:crypto) checks what it signed.

import assert from 'node:assert/strict';
import { constants, verify } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { makeSoftToken, type SoftToken, whyNoToken } from '../../../testing/soft-token/soft-token.ts';
import { createTokenKey, listTokenKeys, openTokenKey, pinCredential, type TokenOptions } from './pkcs11.ts';
import { listTokens } from './pkcs11-tool.ts';
import type { KeyKind, SigningScheme } from './signing-key.ts';

const skip = whyNoToken();
const message = new TextEncoder().encode('software = { version = "1"; };\n');
const kinds = ['rsa', 'p256', 'p384', 'ed25519'] as const satisfies readonly KeyKind[];

describe('keys in a PKCS#11 token', { skip }, () => {
	let token: SoftToken;
	let options: TokenOptions;

	before(async () => {
		token = makeSoftToken('caisson test; 1', ['other']);
		options = { module: token.module, pinFile: token.pinFile, environment: {} };
		for (const kind of kinds) await createTokenKey(token.uri(`key ${kind}`), { kind, bits: 2048 }, options);
	});
	after(() => token?.remove());

	const open = (name: string, more: TokenOptions = {}) => openTokenKey(token.uri(name), { ...options, ...more });
	const refused = (promise: Promise<unknown>, code: string, words: RegExp) =>
		assert.rejects(promise, (error: Error & { code: string }) => {
			assert.equal(error.code, code, error.message);
			assert.match(error.message, words);
			assert.doesNotMatch(error.message, /271828|999999/);
			return true;
		});

	const uses: readonly (readonly [KeyKind, SigningScheme, string | undefined, object])[] = [
		['rsa', 'rsa-pkcs1-sha256', 'sha256', {}],
		['rsa', 'rsa-pss-sha256', 'sha256', { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }],
		['p256', 'ecdsa-p256-sha256', 'sha256', {}],
		['p384', 'ecdsa-p384-sha384', 'sha384', {}],
		['ed25519', 'ed25519', undefined, {}],
	];
	for (const [kind, scheme, hash, padding] of uses) {
		it(`signs with ${scheme}, and only that message fits`, async () => {
			const key = await open(`key ${kind}`);
			assert.equal(key.kind, kind);
			for (let round = 0; round < 4; round++) {
				const signature = await key.sign(scheme, message);
				assert.equal(verify(hash, message, { key: key.publicKey, ...padding }, signature), true);
				const other = verify(hash, message.subarray(1), { key: key.publicKey, ...padding }, signature);
				assert.equal(other, false);
			}
		});
	}

	it('hashes messages itself, so that they may have any length; Ed25519 cannot', async () => {
		const long = new Uint8Array(3_000_000).fill(7);
		const key = await open('key p256');
		assert.equal(verify('sha256', long, key.publicKey, await key.sign('ecdsa-p256-sha256', long)), true);
		const edwards = await open('key ed25519');
		await refused(edwards.sign('ed25519', long), 'token-unusable', /at most 1024 bytes, not 3000000/);
		const longest = long.subarray(0, 1024);
		assert.equal(verify(null, longest, edwards.publicKey, await edwards.sign('ed25519', longest)), true);
	});

	it('refuses a scheme that is not the key’s', async () => {
		const key = await open('key p256');
		await refused(key.sign('rsa-pkcs1-sha256', message), 'key-unusable', /is p256; it cannot sign with rsa-pkcs1/);
	});

	it('lists the keys of a token, and each URI of the list opens its key', async () => {
		const listed = await listTokenKeys(`pkcs11:token=${encodeURIComponent(token.label)}`, options);
		assert.deepEqual(listed.map(({ kind }) => kind).sort(), [...kinds].sort());
		for (const { uri, kind } of listed) {
			const key = await openTokenKey(uri, options);
			assert.deepEqual([key.kind, key.name], [kind, uri]);
			assert.match(uri, /^pkcs11:token=caisson%20test%3B%201;serial=[0-9a-f]+;object=key%20\w+;id=(%[0-9a-f]{2}){8}$/);
		}
	});

	it('takes module and PIN from the URI as well', async () => {
		const uri = `${token.uri('key p256')}?module-path=${token.module}&pin-source=file:${token.pinFile}`;
		assert.equal((await openTokenKey(uri, { environment: {} })).kind, 'p256');
	});

	it('takes the PIN from a systemd credential', async () => {
		const folder = dirname(token.pinFile);
		writeFileSync(join(folder, pinCredential), readFileSync(token.pinFile), { mode: 0o400 });
		const environment = { CREDENTIALS_DIRECTORY: folder };
		assert.equal((await openTokenKey(token.uri('key p256'), { module: token.module, environment })).kind, 'p256');
	});

	it('tries a wrong PIN once, and says that tries are counted', async () => {
		await refused(
			open('key rsa', { pinFile: token.wrongPinFile }),
			'token-pin-refused',
			/tried once: .* lock after a few/,
		);
		const low = (await listTokens({ module: token.module })).find(({ label }) => label === token.label);
		assert.ok(low?.flags.includes('user PIN count low'));
		await open('key rsa');
	});

	it('asks for a PIN, and refuses a file that others can read', async () => {
		const none = openTokenKey(token.uri('key rsa'), { module: token.module, environment: {} });
		await refused(none, 'token-pin-refused', /wants its PIN.*--pin-file/);
		const readable = join(dirname(token.pinFile), 'readable');
		writeFileSync(readable, '271828\n');
		chmodSync(readable, 0o640);
		await refused(open('key rsa', { pinFile: readable }), 'file-unusable', /open to others.*chmod 0600/);
		await refused(open('key rsa', { pinFile: '/nowhere' }), 'file-unusable', /cannot be read \(ENOENT\)/);
	});

	it('says which token, module or key is absent', async () => {
		await refused(openTokenKey('pkcs11:token=gone;object=x', options), 'token-unusable', /no token that fits.*"other"/);
		await refused(open('key rsa', { module: '/nowhere.so' }), 'token-unusable', /\/nowhere\.so is not there/);
		await refused(open('key rsa', { module: '/etc/passwd' }), 'token-unusable', /is no PKCS#11 module/);
		await refused(open('nothing'), 'key-unusable', /no private key that fits.*It has pkcs11:token=/);
		await refused(openTokenKey('pkcs11:object=x', { environment: {} }), 'key-unusable', /names no module/);
	});

	it('refuses to choose between keys or tokens', async () => {
		const uri = `pkcs11:token=${encodeURIComponent(token.label)}`;
		await refused(openTokenKey(uri, options), 'key-unusable', /fits 4 keys/);
		await refused(openTokenKey('pkcs11:object=x', options), 'key-unusable', /fits 2 tokens: add serial=/);
	});

	it('overwrites no key', async () => {
		const again = createTokenKey(token.uri('key rsa'), { kind: 'p256' }, options);
		await refused(again, 'key-unusable', /holds pkcs11:\S+ already/);
	});

	it('gives the PIN to pkcs11-tool where other users cannot read it: not among its words', async () => {
		const folder = dirname(token.pinFile);
		const path = process.env.PATH;
		const recorder = `#!/bin/sh\nprintf '%s\\n' "$@" >> '${folder}/words'\nPATH='${path}' exec pkcs11-tool "$@"\n`;
		mkdirSync(join(folder, 'bin'));
		writeFileSync(join(folder, 'bin', 'pkcs11-tool'), recorder, { mode: 0o755 });
		process.env.PATH = `${join(folder, 'bin')}:${path}`;
		try {
			await (await open('key rsa')).sign('rsa-pkcs1-sha256', message);
		} finally {
			process.env.PATH = path;
		}
		const words = readFileSync(join(folder, 'words'), 'utf8');
		assert.match(words, /^--login$/m);
		assert.doesNotMatch(words, /271828/);
		assert.equal(process.env.CAISSON_TOKEN_PIN, undefined);
	});

	it('says that pkcs11-tool is missing', async () => {
		const path = process.env.PATH;
		process.env.PATH = '/nowhere';
		try {
			await refused(open('key rsa'), 'tool-missing', /apt-get install opensc/);
		} finally {
			process.env.PATH = path;
		}
	});
});
