// Between the bytes that PKCS#11 has for keys and signatures and those that OpenSSL and CMS take: elliptic-curve points,
// r and s, the digest with its algorithm. It leaves out asking a token.

import { createPublicKey, type KeyObject } from 'node:crypto';

/** SubjectPublicKeyInfo (RFC 5480, RFC 8410) up to the point, by CKA_EC_PARAMS. */
const infoStarts: Readonly<Record<string, { start: string; pointLength: number }>> = {
	'06082a8648ce3d030107': { start: '3059301306072a8648ce3d020106082a8648ce3d030107034200', pointLength: 65 },
	'06052b81040022': { start: '3076301006072a8648ce3d020106052b81040022036200', pointLength: 97 },
};
const edwardsStart = '302a300506032b6570032100';

/**
 * The public key of CKA_EC_PARAMS and CKA_EC_POINT (PKCS #11 3.0 section 6.3.3: a DER octet string of the point).
 * @throws Error for other curves than P-256 and P-384, and for broken points
 */
export function ellipticPublicKey(parameters: string, point: string): KeyObject {
	const known = infoStarts[parameters];
	if (known === undefined) throw new Error('unknown curve');
	return spki(known.start, point, known.pointLength);
}

/**
 * The public key of an Ed25519 CKA_EC_POINT: an octet string (SoftHSM), a bit string (PKCS #11 3.0) or the 32 bytes.
 * @throws Error for anything else
 */
export function edwardsPublicKey(point: string): KeyObject {
	return spki(edwardsStart, point.replace(/^032100(?=.{64}$)/, ''), 32);
}

function spki(start: string, point: string, length: number): KeyObject {
	const wrapped = `04${length.toString(16).padStart(2, '0')}`;
	const bare = point.length === 2 * (length + 2) && point.startsWith(wrapped) ? point.slice(4) : point;
	if (bare.length !== 2 * length) throw new Error('the point has another length');
	return createPublicKey({ key: Buffer.from(start + bare, 'hex'), format: 'der', type: 'spki' });
}

/** DigestInfo of a SHA-256 (RFC 8017 section 9.2, note 1): what the mechanism CKM_RSA_PKCS pads and signs. */
export function sha256DigestInfo(digest: Uint8Array): Uint8Array {
	return Buffer.concat([Buffer.from('3031300d060960864801650304020105000420', 'hex'), digest]);
}

/** ECDSA-Sig-Value (RFC 5480, appendix A) of r and s one after the other, as CKM_ECDSA gives them. */
export function asn1Signature(rs: Uint8Array): Uint8Array {
	const half = rs.length / 2;
	const body = Buffer.concat([integer(rs.subarray(0, half)), integer(rs.subarray(half))]);
	// Up to 127 bytes the length is one byte: P-384 has at most 2 × 51.
	return new Uint8Array(Buffer.concat([Buffer.from([0x30, body.length]), body]));
}

function integer(bytes: Uint8Array): Uint8Array {
	let from = 0;
	while (from < bytes.length - 1 && bytes[from] === 0) from++;
	const digits = bytes.subarray(from);
	// DER integers are signed: a first bit of 1 needs a zero before it.
	const sign = (digits[0] ?? 0) >= 0x80 ? [0] : [];
	return Buffer.concat([Buffer.from([0x02, sign.length + digits.length, ...sign]), digits]);
}
