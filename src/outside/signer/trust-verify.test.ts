import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { keyIdentity, keyIdOf } from '../../trust/rules/metadata/keys.ts';
import type { TrustKey } from '../../trust/rules/metadata/model.ts';
import { trustHash, trustKeyOf, trustSha256, verifyTrustSignature } from './trust-verify.ts';

const message = new TextEncoder().encode('caisson');
const golden: readonly { name: string; keyid: string; key: TrustKey; sig: string }[] = JSON.parse(
	readFileSync(join(import.meta.dirname, '../../../testdata/trust/metadata/keys.json'), 'utf8'),
);

function withPublic(key: TrustKey, value: string): TrustKey {
	return { ...key, keyval: { public: value } };
}

function pem(der: Buffer, label = 'PUBLIC KEY'): string {
	return `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;
}

for (const { name, keyid, key, sig } of golden) {
	describe(`a ${name} key of securesystemslib`, () => {
		const signature = Buffer.from(sig, 'hex');

		it('has the same default id', () => {
			assert.equal(keyIdOf(key, trustSha256), keyid);
		});

		it('verifies its signature, and no other', () => {
			assert.equal(verifyTrustSignature(key, message, signature), true);
			assert.equal(verifyTrustSignature(key, new TextEncoder().encode('Caisson'), signature), false);
			const flipped = Buffer.from(signature);
			flipped.writeUInt8(flipped.readUInt8(flipped.length - 1) ^ 1, flipped.length - 1);
			assert.equal(verifyTrustSignature(key, message, flipped), false);
			for (const other of golden)
				if (other.name !== name) assert.equal(verifyTrustSignature(other.key, message, signature), false);
		});

		it('is used by its scheme and in its standard encoding only', () => {
			const use = (changed: TrustKey) => verifyTrustSignature(changed, message, signature);
			assert.equal(use({ ...key, scheme: 'unknown' }), false);
			for (const value of [
				'',
				'x',
				'00',
				` ${key.keyval.public}x`,
				`${key.keyval.public}`.repeat(2),
				'A'.repeat(1 << 20),
			]) {
				assert.equal(use(withPublic(key, value)), false);
			}
			for (const { key: other } of golden)
				if (other !== key) assert.equal(use(withPublic(key, other.keyval.public ?? '')), false);
		});

		it('is written as securesystemslib writes it', () => {
			if (name === 'ed25519') return;
			assert.deepEqual({ ...trustKeyOf(createPublicKey(key.keyval.public ?? '')) }, key);
		});
	});
}

describe('verification', () => {
	it('never throws, whatever the signature is', () => {
		for (const { key } of golden) {
			for (const bytes of [
				new Uint8Array(0),
				new Uint8Array(1),
				new Uint8Array(64),
				new Uint8Array(9000),
				Buffer.from('3006020100020100', 'hex'),
			]) {
				assert.equal(verifyTrustSignature(key, message, bytes), false);
			}
		}
	});

	it('takes the old key types that are named like their schemes', () => {
		const ecdsa = golden.find(({ name }) => name === 'ecdsa-p256');
		assert.ok(ecdsa !== undefined);
		const old = { ...ecdsa.key, keytype: 'ecdsa-sha2-nistp256' };
		assert.equal(verifyTrustSignature(old, message, Buffer.from(ecdsa.sig, 'hex')), true);
	});

	it('refuses RSA keys of less than 2048 bits', () => {
		const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
		const key: TrustKey = { keytype: 'rsa', scheme: 'rsassa-pss-sha256', keyval: { public: pem(spki(publicKey)) } };
		const signature = sign('sha256', message, { key: privateKey, padding: 6, saltLength: 32 });
		assert.equal(verifyTrustSignature(key, message, signature), false);
		assert.throws(() => trustKeyOf(publicKey), { code: 'key-unusable' });
	});

	it('refuses a second encoding of a key: a compressed point, PKCS #1, other base64', () => {
		const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
		const key = trustKeyOf(publicKey);
		const signature = sign('sha256', message, privateKey);
		assert.equal(verifyTrustSignature(key, message, signature), true);
		const der = spki(publicKey);
		const odd = (der.readUInt8(der.length - 1) & 1) + 2;
		const point = Buffer.concat([Buffer.from([odd]), der.subarray(-64, -32)]);
		const compressed = Buffer.concat([
			Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'),
			point,
		]);
		createPublicKey(pem(compressed));
		assert.equal(verifyTrustSignature(withPublic(key, pem(compressed)), message, signature), false);
		const loose = withPublic(key, pem(der).replace('\n-----END', '====\n-----END'));
		assert.equal(verifyTrustSignature(loose, message, signature), false);
		const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
		const pkcs1 = rsa.publicKey.export({ type: 'pkcs1', format: 'pem' });
		const rsaKey: TrustKey = { keytype: 'rsa', scheme: 'rsassa-pss-sha256', keyval: { public: String(pkcs1) } };
		const rsaSignature = sign('sha256', message, { key: rsa.privateKey, padding: 6, saltLength: 32 });
		assert.equal(verifyTrustSignature(rsaKey, message, rsaSignature), false);
		assert.equal(verifyTrustSignature(trustKeyOf(rsa.publicKey), message, rsaSignature), true);
	});

	it('sees one key in two texts that differ in line breaks and case', () => {
		for (const { key } of golden) {
			const value = key.keyval.public ?? '';
			const other = value.startsWith('-----') ? value.replace(/([A-Za-z0-9+/]{10})\n/, '$1\n\n') : value.toUpperCase();
			assert.equal(keyIdentity(withPublic(key, other)), keyIdentity(key));
			assert.equal(new Set(golden.map(({ key: each }) => keyIdentity(each))).size, golden.length);
		}
	});
});

describe('ML-DSA-65', () => {
	it('of another implementation is verified, and written as that one writes it', (t) => {
		const file = join(import.meta.dirname, '../../../testdata/trust/metadata/ml-dsa.json');
		const { key, sig }: { key: TrustKey; sig: string } = JSON.parse(readFileSync(file, 'utf8'));
		let publicKey: KeyObject;
		try {
			publicKey = createPublicKey(key.keyval.public ?? '');
		} catch {
			t.skip('this Node has no ML-DSA');
			return;
		}
		assert.equal(verifyTrustSignature(key, message, Buffer.from(sig, 'hex')), true);
		assert.equal(verifyTrustSignature(key, new Uint8Array(7), Buffer.from(sig, 'hex')), false);
		assert.deepEqual({ ...trustKeyOf(publicKey) }, key);
	});

	it('signs "tuf", the byte 1 and the SHA-512 of the payload (TAP 21)', (t) => {
		let pair: { publicKey: KeyObject; privateKey: KeyObject };
		try {
			pair = generateKeyPairSync('ml-dsa-65' as never) as never;
		} catch {
			t.skip('this Node has no ML-DSA');
			return;
		}
		const key = trustKeyOf(pair.publicKey);
		assert.deepEqual([key.keytype, key.scheme], ['ml-dsa', 'ml-dsa-65/1']);
		const prepared = Buffer.concat([Buffer.from('tuf\u0001'), createHash('sha512').update(message).digest()]);
		assert.equal(verifyTrustSignature(key, message, sign(null, prepared, pair.privateKey)), true);
		assert.equal(verifyTrustSignature(key, message, sign(null, message, pair.privateKey)), false);
	});
});

describe('hashes', () => {
	it('are SHA-256, SHA-384 and SHA-512 in hex, and nothing else', () => {
		assert.equal(trustHash('sha256', new Uint8Array(0)), trustSha256(new Uint8Array(0)));
		assert.equal(trustHash('sha512', new Uint8Array(0))?.length, 128);
		for (const name of ['md5', 'sha1', 'SHA256', 'blake2b-256', '__proto__'])
			assert.equal(trustHash(name, message), undefined);
	});
});

function spki(key: KeyObject): Buffer {
	return key.export({ type: 'spki', format: 'der' });
}
