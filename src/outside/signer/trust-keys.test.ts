// Keys that are made sign, are sealed as OpenSSL reads them, and overwrite nothing.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { makeSoftToken, type SoftToken, whyNoToken } from '../../../testing/soft-token/soft-token.ts';
import { newKeyKinds } from '../../trust/signer.ts';
import { trustKeys } from './trust-keys.ts';
import { verifyTrustSignature } from './trust-verify.ts';

const folder = mkdtempSync(join(tmpdir(), 'caisson-trust-keys-'));
after(() => rmSync(folder, { recursive: true }));
const passphraseFile = join(folder, 'passphrase');
writeFileSync(passphraseFile, 'vier Wörter genügen hier\n', { mode: 0o600 });
const payload = new Uint8Array(5000).fill(7);

for (const kind of newKeyKinds) {
	test(`a new ${kind} key is sealed, closed to others, and signs`, async () => {
		const file = join(folder, `${kind}.pem`);
		const made = await trustKeys.create(file, kind, passphraseFile);
		assert.equal(statSync(file).mode & 0o777, 0o600);
		assert.match(readFileSync(file, 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
		const signer = await trustKeys.open({ key: file, passphraseFile });
		assert.deepEqual(signer.key, made.key);
		assert.equal(signer.keyid, made.keyid);
		assert.ok(trustKeys.isUsable(made.key));
		assert.ok(verifyTrustSignature(made.key, payload, await signer.sign(payload)));
	});
}

const openssl = spawnSync('openssl', ['version']).error === undefined;
test('openssl opens the file with the passphrase and tells that it is scrypt', { skip: !openssl }, async () => {
	const file = join(folder, 'openssl.pem');
	await trustKeys.create(file, 'ecdsa-p384', passphraseFile);
	const words = ['pkey', '-in', file, '-passin', `file:${passphraseFile}`, '-noout', '-text'];
	const shown = spawnSync('openssl', words, { encoding: 'utf8' });
	assert.equal(shown.status, 0, shown.stderr);
	assert.match(shown.stdout, /secp384r1|P-384/);
	const parsed = spawnSync('openssl', ['asn1parse', '-in', file, '-i'], { encoding: 'utf8' });
	assert.match(parsed.stdout, /PBES2[\s\S]*id-scrypt|PBES2[\s\S]*scrypt/);
	assert.match(parsed.stdout, /aes-256-cbc/);
});

test('a key that is there is not overwritten', async () => {
	const file = join(folder, 'twice.pem');
	await trustKeys.create(file, 'ed25519', passphraseFile);
	const before = readFileSync(file, 'utf8');
	await assert.rejects(trustKeys.create(file, 'ed25519', passphraseFile), /exists already, and is not overwritten/);
	assert.equal(readFileSync(file, 'utf8'), before);
});

test('a passphrase that others can read is refused', async () => {
	const open = join(folder, 'open');
	writeFileSync(open, 'secret\n', { mode: 0o644 });
	await assert.rejects(trustKeys.create(join(folder, 'never.pem'), 'ed25519', open), /is open to others/);
});

test('a public key that is damaged, or of another kind than it says, is not usable', async () => {
	const { key } = await trustKeys.create(join(folder, 'p256.pem'), 'ecdsa-p256', passphraseFile);
	assert.ok(!trustKeys.isUsable({ ...key, scheme: 'ecdsa-sha2-nistp384' }));
	assert.ok(
		!trustKeys.isUsable({ ...key, keyval: { public: `${key.keyval.public}`.replace('A', 'B').slice(0, -60) } }),
	);
	assert.ok(!trustKeys.isUsable({ keytype: 'ed25519', scheme: 'ed25519', keyval: { public: 'ab' } }));
});

describe('keys in a token', { skip: whyNoToken() }, () => {
	let token: SoftToken;
	before(() => {
		token = makeSoftToken('trust');
	});
	after(() => token?.remove());
	const files = (name: string) => ({ key: token.uri(name), pinFile: token.pinFile, module: token.module });

	for (const kind of ['ecdsa-p256', 'ecdsa-p384', 'rsa'] as const) {
		test(`a new ${kind} key in a token signs, and is listed`, async () => {
			const made = await trustKeys.createInToken(files(`root ${kind}`), kind);
			const signer = await trustKeys.open(files(`root ${kind}`));
			assert.equal(signer.keyid, made.keyid);
			assert.ok(verifyTrustSignature(made.key, payload, await signer.sign(payload)));
			const listed = await trustKeys.listToken({ ...files(''), key: 'pkcs11:token=trust' });
			assert.equal(listed.find(({ label }) => label === `root ${kind}`)?.kind, kind);
		});
	}

	test('kinds that a token cannot sign long documents with are refused before anything is made', async () => {
		for (const kind of ['ed25519', 'ml-dsa-65'] as const) {
			await assert.rejects(trustKeys.createInToken(files(kind), kind), /tokens sign a hash/);
		}
	});
});
