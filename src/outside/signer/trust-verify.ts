// Verifies signatures of trust metadata with node:crypto, as securesystemslib does: Ed25519, ECDSA on P-256 and P-384 (DER),
// RSA-PSS with SHA-256, and ML-DSA-65 (TAP 21) where this Node has it. A public key is used only in its one standard
// encoding, so that two texts are never the same key (keyIdentity relies on it). It leaves out private keys.

import * as nodeCrypto from 'node:crypto';
import { constants, createHash, createPublicKey, type KeyObject, verify as verifyWithNode } from 'node:crypto';
import { CaissonError } from '../../errors.ts';
import { type KeyKind, keyKind, mlDsaMessage } from '../../trust/rules/metadata/keys.ts';
import type { TrustKey } from '../../trust/rules/metadata/model.ts';

const spkiEd25519 = Buffer.from('302a300506032b6570032100', 'hex');

/** Clause 4.2: RSA keys have 2048 bits or more. The upper bound keeps a hostile document from costing seconds. */
const minimumRsaBits = 2048;
const maximumRsaBits = 16384;
const maximumSignature = 8192;

/** Keys are read once: a repository of 16,384 bins has one key and as many signatures. */
const readKeys = new Map<string, KeyObject | undefined>();
const maximumReadKeys = 1000;
const maximumKeyText = 20_000;

/** VerifySignature of the rules. False for keys that this Node cannot use. */
export function verifyTrustSignature(key: TrustKey, message: Uint8Array, signature: Uint8Array): boolean {
	const kind = keyKind(key);
	if (kind === undefined || signature.length > maximumSignature) return false;
	const publicKey = cachedKey(kind, key.keyval.public ?? '');
	if (publicKey === undefined) return false;
	try {
		return verifyKind(kind, publicKey, message, signature);
	} catch {
		// OpenSSL refuses some malformed signatures by an error instead of an answer.
		return false;
	}
}

/** Whether signatures by the key can be verified here: its public value is whole, and of the kind that it says. */
export function canVerify(key: TrustKey): boolean {
	const kind = keyKind(key);
	return kind !== undefined && cachedKey(kind, key.keyval.public ?? '') !== undefined;
}

function verifyKind(kind: KeyKind, key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean {
	switch (kind) {
		case 'ed25519':
			return verifyWithNode(null, message, key, signature);
		case 'ecdsa-p256':
			return verifyWithNode('sha256', message, { key, dsaEncoding: 'der' }, signature);
		case 'ecdsa-p384':
			return verifyWithNode('sha384', message, { key, dsaEncoding: 'der' }, signature);
		case 'rsa-pss-sha256':
			return verifyWithNode('sha256', message, { key, ...pssVerification }, signature);
		case 'ml-dsa-65':
			return verifyWithNode(null, mlDsaMessage(message, sha512), key, signature);
	}
}

/** Signers differ in the length of the salt (securesystemslib: the digest's; before 0.26 the largest), so any is read. */
const pssVerification = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };

function cachedKey(kind: KeyKind, value: string): KeyObject | undefined {
	if (value.length > maximumKeyText) return undefined;
	const name = `${kind} ${value}`;
	if (readKeys.has(name)) return readKeys.get(name);
	const key = readPublicKey(kind, value);
	if (readKeys.size >= maximumReadKeys) readKeys.clear();
	readKeys.set(name, key);
	return key;
}

function readPublicKey(kind: KeyKind, value: string): KeyObject | undefined {
	try {
		const der = kind === 'ed25519' ? ed25519Der(value) : pemDer(value);
		if (der === undefined) return undefined;
		const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
		return isOfKind(kind, key) && isStandardEncoding(key, der) ? key : undefined;
	} catch {
		return undefined;
	}
}

function ed25519Der(hex: string): Buffer | undefined {
	return /^[0-9a-fA-F]{64}$/.test(hex) ? Buffer.concat([spkiEd25519, Buffer.from(hex, 'hex')]) : undefined;
}

/** Only what keyIdentity can compare: one PEM block of a SubjectPublicKeyInfo, in plain base64. */
function pemDer(pem: string): Buffer | undefined {
	const body = /^\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(pem)?.[1];
	if (body === undefined) return undefined;
	const base64 = body.replace(/\s+/g, '');
	const der = Buffer.from(base64, 'base64');
	return der.toString('base64') === base64 ? der : undefined;
}

function isOfKind(kind: KeyKind, key: KeyObject): boolean {
	const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
	switch (kind) {
		case 'ed25519':
			return key.asymmetricKeyType === 'ed25519';
		case 'ecdsa-p256':
			return key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1';
		case 'ecdsa-p384':
			return key.asymmetricKeyType === 'ec' && namedCurve === 'secp384r1';
		case 'rsa-pss-sha256':
			return key.asymmetricKeyType === 'rsa' && modulusLength >= minimumRsaBits && modulusLength <= maximumRsaBits;
		case 'ml-dsa-65':
			return key.asymmetricKeyType === 'ml-dsa-65';
	}
}

/** DER written anew is the same, and points of curves are not compressed: OpenSSL would keep that form. */
function isStandardEncoding(key: KeyObject, der: Uint8Array): boolean {
	return trustKeyDer(key).equals(der);
}

function trustKeyDer(key: KeyObject): Buffer {
	const uncompressed =
		key.asymmetricKeyType === 'ec' ? createPublicKey({ key: key.export({ format: 'jwk' }), format: 'jwk' }) : key;
	return uncompressed.export({ type: 'spki', format: 'der' });
}

/**
 * The entry for a public key, as securesystemslib writes it: PEM with a final line break, Ed25519 as hex.
 * @throws CaissonError key-unusable for a key of another kind
 */
export function trustKeyOf(publicKey: KeyObject): TrustKey {
	const found = keyForms.find(([kind]) => isOfKind(kind, publicKey));
	if (found === undefined) {
		throw new CaissonError(
			'key-unusable',
			`a key of type ${publicKey.asymmetricKeyType} cannot sign trust metadata: use Ed25519, ECDSA on P-256 or P-384, RSA of 2048 to 16384 bits, or ML-DSA-65`,
		);
	}
	const [kind, keytype, scheme] = found;
	const der = trustKeyDer(publicKey);
	const value = kind === 'ed25519' ? der.subarray(spkiEd25519.length).toString('hex') : pemOf(der);
	return Object.freeze({ keytype, scheme, keyval: Object.freeze({ public: value }) });
}

const keyForms: readonly (readonly [KeyKind, string, string])[] = [
	['ed25519', 'ed25519', 'ed25519'],
	['ecdsa-p256', 'ecdsa', 'ecdsa-sha2-nistp256'],
	['ecdsa-p384', 'ecdsa', 'ecdsa-sha2-nistp384'],
	['rsa-pss-sha256', 'rsa', 'rsassa-pss-sha256'],
	['ml-dsa-65', 'ml-dsa', 'ml-dsa-65/1'],
];

function pemOf(der: Buffer): string {
	const lines = der.toString('base64').replace(/(.{64})(?=.)/g, '$1\n');
	return `-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`;
}

/** Node 18, which devices run, has no hash in one call. */
function hexDigest(algorithm: string, bytes: Uint8Array): string {
	const inOneCall = (nodeCrypto as { hash?: typeof nodeCrypto.hash }).hash;
	if (inOneCall !== undefined) return inOneCall(algorithm, bytes, 'hex');
	return createHash(algorithm).update(bytes).digest('hex');
}

/** Sha256 of the rules. */
export function trustSha256(bytes: Uint8Array): string {
	return hexDigest('sha256', bytes);
}

const algorithms: ReadonlySet<string> = new Set(['sha256', 'sha384', 'sha512']);

/** HashBytes of the rules: SHA-256, SHA-384 and SHA-512. */
export function trustHash(algorithm: string, bytes: Uint8Array): string | undefined {
	return algorithms.has(algorithm) ? hexDigest(algorithm, bytes) : undefined;
}

function sha512(bytes: Uint8Array): Uint8Array {
	return createHash('sha512').update(bytes).digest();
}
