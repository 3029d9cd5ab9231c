// The key usage extension of a certificate (RFC 5280 section 4.2.1.3), which node:crypto does not show.

import { BitString, fromBER } from 'asn1js';
import { Certificate } from 'pkijs';

export interface KeyUsageBits {
	readonly digitalSignature: boolean;
	readonly nonRepudiation: boolean;
}

const idKeyUsage = '2.5.29.15';

/** undefined where the certificate has no key usage extension, so allows every use. */
export function keyUsageBits(der: Uint8Array): KeyUsageBits | undefined {
	const certificate = Certificate.fromBER(new Uint8Array(der));
	const extension = certificate.extensions?.find((each) => each.extnID === idKeyUsage);
	if (extension === undefined) return undefined;
	const { result } = fromBER(extension.extnValue.valueBlock.valueHexView);
	const first = result instanceof BitString ? (result.valueBlock.valueHexView[0] ?? 0) : 0;
	// Bits are numbered from the most significant one: digitalSignature is 0, nonRepudiation is 1.
	return { digitalSignature: (first & 0x80) !== 0, nonRepudiation: (first & 0x40) !== 0 };
}
