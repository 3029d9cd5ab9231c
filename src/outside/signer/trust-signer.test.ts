// Keys of every kind sign trust metadata so that the verifier of devices accepts it. Tokens: trust-signer-token.test.ts.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CaissonError } from '../../errors.ts';
import { openTrustSigner } from './trust-signer.ts';
import { trustKeyOf, verifyTrustSignature } from './trust-verify.ts';

const folder = mkdtempSync(join(tmpdir(), 'caisson-trust-signer-'));
after(() => rmSync(folder, { recursive: true }));

const pairs = {
	ed25519: generateKeyPairSync('ed25519'),
	'ecdsa-p256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
	'ecdsa-p384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
	'rsa-pss-sha256': generateKeyPairSync('rsa', { modulusLength: 2048 }),
	'ml-dsa-65': generateKeyPairSync('ml-dsa-65'),
} as const;
const payload = new TextEncoder().encode('{"version":1}');

for (const [kind, { privateKey, publicKey }] of Object.entries(pairs)) {
	test(`a ${kind} key in a file with a passphrase signs as the verifier reads it`, async () => {
		const key = join(folder, `${kind}.pem`);
		const passphraseFile = join(folder, 'passphrase');
		writeFileSync(passphraseFile, 'correct horse\n', { mode: 0o600 });
		const pem = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'correct horse' });
		writeFileSync(key, pem, { mode: 0o600 });
		const signer = await openTrustSigner({ key, passphraseFile });
		assert.equal(signer.kind, kind);
		assert.deepEqual(signer.key, trustKeyOf(publicKey));
		const signature = await signer.sign(payload);
		assert.ok(verifyTrustSignature(signer.key, payload, signature));
		assert.ok(!verifyTrustSignature(signer.key, payload.subarray(1), signature));
	});
}

const unusable = (pattern: RegExp) => (error: unknown) => {
	assert.ok(error instanceof CaissonError && error.code === 'key-unusable', String(error));
	assert.match(error.message, pattern);
	return true;
};

test('a wrong passphrase is told, and does not come back in the message', async () => {
	const passphraseFile = join(folder, 'wrong');
	writeFileSync(passphraseFile, 'battery staple\n', { mode: 0o600 });
	const key = join(folder, 'sealed.pem');
	const seal = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' } as const;
	writeFileSync(key, pairs.ed25519.privateKey.export(seal), { mode: 0o600 });
	await assert.rejects(openTrustSigner({ key, passphraseFile }), (error: Error) => {
		assert.ok(!error.message.includes('battery'));
		return unusable(/sealed\.pem cannot be opened: the passphrase is wrong/)(error);
	});
});

test('a key of another kind is refused with its name', async () => {
	const key = join(folder, 'x25519.pem');
	const pem = generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
	writeFileSync(key, pem, { mode: 0o600 });
	await assert.rejects(openTrustSigner({ key }), unusable(/x25519\.pem cannot be used: a key of type x25519/));
});
