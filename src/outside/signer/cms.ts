// CMS SignedData (RFC 5652) as SWUpdate reads it: detached, over the bytes as they are, without signed attributes (the
// same as `openssl cms -sign -binary -noattr -outform DER`). This file assembles; it leaves out keys:
// whoever holds one passes in the raw signature.

import { Null, OctetString } from 'asn1js';
import {
	AlgorithmIdentifier,
	Certificate,
	ContentInfo,
	EncapsulatedContentInfo,
	IssuerAndSerialNumber,
	SignedData,
	SignerInfo,
} from 'pkijs';
import type { KeyKind, SigningScheme } from './signing-key.ts';

const idData = '1.2.840.113549.1.7.1';
const idSignedData = '1.2.840.113549.1.7.2';

/** How CMS names a way of signing, by the object identifiers of RFC 5754. */
export interface CmsScheme {
	readonly signing: SigningScheme;
	readonly hashOid: string;
	readonly signatureOid: string;
	/** RSA carries an explicit NULL (RFC 3370 section 3.2), ECDSA nothing (RFC 5754 section 3.3). */
	readonly nullParameters: boolean;
}

/** SWUpdate takes no Ed25519 in CMS. */
export const cmsSchemes: Readonly<Partial<Record<KeyKind, CmsScheme>>> = {
	rsa: {
		signing: 'rsa-pkcs1-sha256',
		hashOid: '2.16.840.1.101.3.4.2.1',
		signatureOid: '1.2.840.113549.1.1.1',
		nullParameters: true,
	},
	p256: {
		signing: 'ecdsa-p256-sha256',
		hashOid: '2.16.840.1.101.3.4.2.1',
		signatureOid: '1.2.840.10045.4.3.2',
		nullParameters: false,
	},
	p384: {
		signing: 'ecdsa-p384-sha384',
		hashOid: '2.16.840.1.101.3.4.2.2',
		signatureOid: '1.2.840.10045.4.3.3',
		nullParameters: false,
	},
};

export interface SignedPart {
	/** DER. */
	readonly certificate: Uint8Array;
	readonly scheme: CmsScheme;
	/** Raw: PKCS #1 v1.5 for RSA, the DER sequence of r and s for ECDSA. */
	readonly signature: Uint8Array;
}

/**
 * The SignedData of all signers, with their certificates. The order of `parts` does not matter: what DER calls a set is
 * written in the order of its bytes (X.690 section 11.6).
 */
export function assembleSignedData(parts: readonly SignedPart[]): Uint8Array {
	const hashes = [...new Set(parts.map(({ scheme }) => scheme.hashOid))];
	const signedData = new SignedData({
		version: 1,
		digestAlgorithms: inOrder(hashes.map((algorithmId) => new AlgorithmIdentifier({ algorithmId }))),
		encapContentInfo: new EncapsulatedContentInfo({ eContentType: idData }),
		certificates: inOrder(parts.map(({ certificate }) => Certificate.fromBER(exact(certificate)))),
		signerInfos: inOrder(parts.map(signerInfo)),
	});
	const contentInfo = new ContentInfo({ contentType: idSignedData, content: signedData.toSchema(true) });
	return new Uint8Array(contentInfo.toSchema().toBER(false));
}

function signerInfo({ certificate: der, scheme, signature }: SignedPart): SignerInfo {
	const certificate = Certificate.fromBER(exact(der));
	return new SignerInfo({
		version: 1,
		sid: new IssuerAndSerialNumber({ issuer: certificate.issuer, serialNumber: certificate.serialNumber }),
		digestAlgorithm: new AlgorithmIdentifier({ algorithmId: scheme.hashOid }),
		signatureAlgorithm: new AlgorithmIdentifier({
			algorithmId: scheme.signatureOid,
			...(scheme.nullParameters ? { algorithmParams: new Null() } : {}),
		}),
		signature: new OctetString({ valueHex: exact(signature) }),
	});
}

function inOrder<Item extends { toSchema(): { toBER(): ArrayBuffer } }>(items: readonly Item[]): Item[] {
	return items
		.map((item) => ({ item, der: Buffer.from(item.toSchema().toBER()) }))
		.sort((one, other) => Buffer.compare(one.der, other.der))
		.map(({ item }) => item);
}

function exact(bytes: Uint8Array): ArrayBuffer {
	return new Uint8Array(bytes).buffer;
}
