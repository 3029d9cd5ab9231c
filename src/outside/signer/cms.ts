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

const idData = '1.2.840.113549.1.7.1';
const idSignedData = '1.2.840.113549.1.7.2';

/** Hash and signature algorithm of a signer, by the names of node:crypto and the object identifiers of RFC 5754. */
export interface SignatureScheme {
	readonly hash: 'sha256' | 'sha384' | 'sha512';
	readonly hashOid: string;
	readonly signatureOid: string;
	/** RSA carries an explicit NULL (RFC 3370 section 3.2), ECDSA nothing (RFC 5754 section 3.3). */
	readonly nullParameters: boolean;
}

export const schemes = {
	rsaSha256: {
		hash: 'sha256',
		hashOid: '2.16.840.1.101.3.4.2.1',
		signatureOid: '1.2.840.113549.1.1.1',
		nullParameters: true,
	},
	ecdsaSha256: {
		hash: 'sha256',
		hashOid: '2.16.840.1.101.3.4.2.1',
		signatureOid: '1.2.840.10045.4.3.2',
		nullParameters: false,
	},
	ecdsaSha384: {
		hash: 'sha384',
		hashOid: '2.16.840.1.101.3.4.2.2',
		signatureOid: '1.2.840.10045.4.3.3',
		nullParameters: false,
	},
} as const satisfies Record<string, SignatureScheme>;

/**
 * The SignedData for one signer with its certificate.
 * @param signature raw: PKCS #1 v1.5 for RSA, the DER sequence of r and s for ECDSA
 */
export function assembleSignedData(
	certificateDer: Uint8Array,
	scheme: SignatureScheme,
	signature: Uint8Array,
): Uint8Array {
	const certificate = Certificate.fromBER(exact(certificateDer));
	const digestAlgorithm = new AlgorithmIdentifier({ algorithmId: scheme.hashOid });
	const signatureAlgorithm = new AlgorithmIdentifier({
		algorithmId: scheme.signatureOid,
		...(scheme.nullParameters ? { algorithmParams: new Null() } : {}),
	});
	const signedData = new SignedData({
		version: 1,
		digestAlgorithms: [digestAlgorithm],
		encapContentInfo: new EncapsulatedContentInfo({ eContentType: idData }),
		certificates: [certificate],
		signerInfos: [
			new SignerInfo({
				version: 1,
				sid: new IssuerAndSerialNumber({ issuer: certificate.issuer, serialNumber: certificate.serialNumber }),
				digestAlgorithm,
				signatureAlgorithm,
				signature: new OctetString({ valueHex: exact(signature) }),
			}),
		],
	});
	const contentInfo = new ContentInfo({ contentType: idSignedData, content: signedData.toSchema(true) });
	return new Uint8Array(contentInfo.toSchema().toBER(false));
}

function exact(bytes: Uint8Array): ArrayBuffer {
	return new Uint8Array(bytes).buffer;
}
