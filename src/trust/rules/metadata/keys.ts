// Public keys as The Update Framework writes them: which key types and schemes Caisson verifies, the id that a key gets by
// default, and when two entries are the same key. Verification itself is passed in (outside/signer/trust-verify.ts).

import { canonicalJson } from './canonical.ts';
import type { Sha256, TrustKey } from './model.ts';

export type KeyKind = 'ed25519' | 'ecdsa-p256' | 'ecdsa-p384' | 'rsa-pss-sha256' | 'ml-dsa-65';

/**
 * What securesystemslib registers, the old key types with the name of their scheme included. ML-DSA is TAP 21: the `/1`
 * is the version of how the message is prepared (mlDsaMessage).
 */
const kinds: ReadonlyMap<string, KeyKind> = new Map([
	['ed25519 ed25519', 'ed25519'],
	['ecdsa ecdsa-sha2-nistp256', 'ecdsa-p256'],
	['ecdsa-sha2-nistp256 ecdsa-sha2-nistp256', 'ecdsa-p256'],
	['ecdsa ecdsa-sha2-nistp384', 'ecdsa-p384'],
	['ecdsa-sha2-nistp384 ecdsa-sha2-nistp384', 'ecdsa-p384'],
	['rsa rsassa-pss-sha256', 'rsa-pss-sha256'],
	['ml-dsa ml-dsa-65/1', 'ml-dsa-65'],
]);

const keytypes: ReadonlySet<string> = new Set([...kinds.keys()].map((pair) => pair.split(' ')[0] ?? ''));

/** The kind of a key, or undefined for one that Caisson cannot verify: such a key never counts. */
export function keyKind(key: Pick<TrustKey, 'keytype' | 'scheme'>): KeyKind | undefined {
	return kinds.get(`${key.keytype} ${key.scheme}`);
}

/** Whether keys of this type have a `public` value. */
export function publicValueIsDue(keytype: string): boolean {
	return keytypes.has(keytype);
}

/** Whether a key resists a quantum computer, for the rule of hybrid roles (hybrid.ts). */
export function isPostQuantum(key: Pick<TrustKey, 'keytype' | 'scheme'>): boolean {
	return keyKind(key) === 'ml-dsa-65';
}

/** The default id of a key, clause 4.2: the SHA-256 of its canonical form, of these three fields only, as securesystemslib does. */
export function keyIdOf(key: TrustKey, sha256: Sha256): string {
	return sha256(canonicalJson({ keytype: key.keytype, scheme: key.scheme, keyval: key.keyval }));
}

/**
 * What two entries share when they are one key, whatever ids, schemes or line breaks they have. It compares text: the
 * verifier refuses public keys that are not in the one standard encoding, so one key has no two texts that verify.
 */
export function keyIdentity(key: TrustKey): string {
	const value = key.keyval.public;
	if (value === undefined) return `${key.keytype} ${canonicalKeyValue(key)}`;
	const body = /-----BEGIN PUBLIC KEY-----([^-]*)-----END PUBLIC KEY-----/.exec(value)?.[1];
	return body === undefined ? `hex ${value.toLowerCase()}` : `pem ${body.replace(/\s+/g, '')}`;
}

function canonicalKeyValue(key: TrustKey): string {
	return new TextDecoder().decode(canonicalJson(key.keyval));
}

const mlDsaPrefix: Uint8Array = new Uint8Array([0x74, 0x75, 0x66, 1]);

/** What an `ml-dsa-65/1` key signs (TAP 21): "tuf", the byte 1, and the SHA-512 of the payload, so that HSMs get a short message. */
export function mlDsaMessage(payload: Uint8Array, sha512: (bytes: Uint8Array) => Uint8Array): Uint8Array {
	const digest = sha512(payload);
	const message = new Uint8Array(mlDsaPrefix.length + digest.length);
	message.set(mlDsaPrefix);
	message.set(digest, mlDsaPrefix.length);
	return message;
}
