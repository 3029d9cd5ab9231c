// SWUpdate's other form of signature: the bare bytes of an RSA signature over the SHA-256 of sw-description, as `openssl
// dgst -sha256 -sign` makes them, checked with a public key alone (corelib/swupdate_rsa_verify.c). Whether it is PKCS #1
// v1.5 or PSS cannot be seen, only tried; a device is built for one of the two.

import type { KeyObject } from 'node:crypto';
import type { SignatureKind, SignatureVerdict } from '../../update/signer.ts';
import { publicKeyFacts } from './public-key.ts';
import { isSignature, type SigningScheme } from './signing-key.ts';

/** Bytes of the moduli that are in use: RSA of 2048 to 8192 bits. */
const lengths = [256, 384, 512, 1024];

/** Whether these bytes can only be a raw signature: of an RSA modulus' length, and no DER sequence of that length. */
export function looksRaw(signature: Uint8Array): boolean {
	if (!lengths.includes(signature.length)) return false;
	// SignedData of 256 to 65535 bytes starts with 30 82 and the length of the rest.
	const rest = ((signature[2] as number) << 8) | (signature[3] as number);
	return !(signature[0] === 0x30 && signature[1] === 0x82 && rest === signature.length - 4);
}

const kinds: readonly (readonly [Exclude<SignatureKind, 'cms'>, SigningScheme])[] = [
	['rsa', 'rsa-pkcs1-sha256'],
	['rsa-pss', 'rsa-pss-sha256'],
];

export function verifyRaw(signature: Uint8Array, content: Uint8Array, key: KeyObject): SignatureVerdict {
	const signers = [publicKeyFacts(key)];
	if (key.asymmetricKeyType !== 'rsa') {
		return { kind: 'rsa', valid: false, reason: 'raw signatures are RSA, and the public key is not', signers };
	}
	if (!looksRaw(signature)) {
		const reason = 'it is not a raw RSA signature: CMS signatures are checked with a certificate';
		return { kind: 'rsa', valid: false, reason, signers };
	}
	for (const [kind, scheme] of kinds) {
		if (isSignature(scheme, key, content, signature)) return { kind, valid: true, signers };
	}
	const reason = 'the public key does not fit it, or it does not belong to this sw-description';
	return { kind: 'rsa', valid: false, reason, signers };
}
