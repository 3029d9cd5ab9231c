// Keys for repositories in tests: made with node:crypto, in the form that metadata has. They live in memory only.

import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { trustKeyOf, trustSha256 } from '../../src/outside/signer/trust-verify.ts';
import { keyIdOf } from '../../src/trust/rules/metadata/keys.ts';
import type { Signature, TrustKey } from '../../src/trust/rules/metadata/model.ts';

export type TestKeyKind = 'ed25519' | 'ecdsa-p256' | 'ecdsa-p384' | 'rsa';

export interface TestKey {
	readonly keyid: string;
	readonly key: TrustKey;
	sign(message: Uint8Array): Signature;
}

const generate: Readonly<Record<TestKeyKind, () => { publicKey: KeyObject; privateKey: KeyObject }>> = {
	ed25519: () => generateKeyPairSync('ed25519'),
	'ecdsa-p256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
	'ecdsa-p384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
	rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
};

function signWith(kind: TestKeyKind, key: KeyObject, message: Uint8Array): Buffer {
	if (kind === 'ed25519') return sign(null, message, key);
	if (kind !== 'rsa') return sign(kind === 'ecdsa-p256' ? 'sha256' : 'sha384', message, { key, dsaEncoding: 'der' });
	const padding = constants.RSA_PKCS1_PSS_PADDING;
	return sign('sha256', message, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
}

/** A new key. `keyid` overrides the default id: a key id is only a name within one document. */
export function newKey(kind: TestKeyKind = 'ed25519', keyid?: string): TestKey {
	const { publicKey, privateKey } = generate[kind]();
	const key = trustKeyOf(publicKey);
	const id = keyid ?? keyIdOf(key, trustSha256);
	return {
		keyid: id,
		key,
		sign: (message) => ({ keyid: id, sig: signWith(kind, privateKey, message).toString('hex') }),
	};
}

/** The same key under another id. */
export function renamed(key: TestKey, keyid: string): TestKey {
	return { keyid, key: key.key, sign: (message) => ({ ...key.sign(message), keyid }) };
}
