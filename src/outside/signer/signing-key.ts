// What a private key can do, wherever it is (a PEM file, a token), and which ways of signing fit which key. It leaves out
// what is signed: CMS, the raw signatures of SWUpdate and the metadata of TUF are built on this.

import { constants, type KeyObject, verify } from 'node:crypto';

export type KeyKind = 'rsa' | 'p256' | 'p384' | 'ed25519';

/** Hash and padding of a signature. Signatures of ECDSA are DER sequences of r and s; the others are the bytes as they are. */
export const signatureSchemes = {
	/** RFC 8017 section 8.2. The same bytes for the same message. */
	'rsa-pkcs1-sha256': { kind: 'rsa', hash: 'sha256' },
	/** RFC 8017 section 8.1, with MGF1 of SHA-256 and a salt of 32 bytes. */
	'rsa-pss-sha256': { kind: 'rsa', hash: 'sha256' },
	'ecdsa-p256-sha256': { kind: 'p256', hash: 'sha256' },
	'ecdsa-p384-sha384': { kind: 'p384', hash: 'sha384' },
	/** RFC 8032, pure: no hash before. The same bytes for the same message. */
	ed25519: { kind: 'ed25519', hash: undefined },
} as const satisfies Record<string, { kind: KeyKind; hash: string | undefined }>;

export type SigningScheme = keyof typeof signatureSchemes;

/** A private key that can be asked for signatures, and that nobody sees. */
export interface SigningKey {
	readonly publicKey: KeyObject;
	readonly kind: KeyKind;
	/** For messages: the name of the file, or the URI of the key without module and PIN. */
	readonly name: string;
	/**
	 * The signature over `message`. Nothing is retried.
	 * @throws CaissonError key-unusable where the scheme does not fit the key; what the place of the key throws
	 */
	sign(scheme: SigningScheme, message: Uint8Array): Promise<Uint8Array>;
}

/** What kind of key it is; undefined for kinds that cannot be used (weak RSA is told apart by its length, elsewhere). */
export function kindOf(key: KeyObject): KeyKind | undefined {
	if (key.asymmetricKeyType === 'rsa' || key.asymmetricKeyType === 'ed25519') return key.asymmetricKeyType;
	const curve = key.asymmetricKeyType === 'ec' ? key.asymmetricKeyDetails?.namedCurve : undefined;
	return curve === 'prime256v1' ? 'p256' : curve === 'secp384r1' ? 'p384' : undefined;
}

/** Key and padding as node:crypto's sign takes them. */
export function withPadding(scheme: SigningScheme, key: KeyObject) {
	if (scheme !== 'rsa-pss-sha256') return { key };
	return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
}

/** PSS is accepted with a salt of any length, as SWUpdate does (swupdate_rsa_verify.c sets it to -2, automatic). */
export function isSignature(
	scheme: SigningScheme,
	publicKey: KeyObject,
	message: Uint8Array,
	signature: Uint8Array,
): boolean {
	const padding =
		scheme === 'rsa-pss-sha256'
			? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }
			: {};
	return verify(signatureSchemes[scheme].hash, message, { key: publicKey, ...padding }, signature);
}
