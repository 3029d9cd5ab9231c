// Reads X.509 certificates and says what SWUpdate would think of them: subject, key and the purposes that it checks
// before it looks at a signature. It leaves out trust: which certificates a device trusts is the device's to say.

import { X509Certificate } from 'node:crypto';
import { CaissonError } from '../../errors.ts';
import type { CertificateFacts, CertificatePurpose } from '../../update/signer.ts';
import { keyUsageBits } from './key-usage.ts';
import { keyName } from './public-key.ts';

const ekuEmailProtection = '1.3.6.1.5.5.7.3.4';
const ekuCodeSigning = '1.3.6.1.5.5.7.3.3';

/**
 * Reads a certificate, PEM or DER; of several in one PEM the first counts, as for `openssl x509`.
 * @throws CaissonError key-unusable naming `file`
 */
export function readCertificate(bytes: Uint8Array, file: string): X509Certificate {
	try {
		return new X509Certificate(bytes);
	} catch (cause) {
		throw new CaissonError('key-unusable', `${file} is not an X.509 certificate (PEM or DER).`, { cause });
	}
}

/** @throws CaissonError key-unusable where a part of it (its key, its dates) cannot be read */
export function certificateFacts(certificate: X509Certificate): CertificateFacts {
	try {
		return factsOf(certificate);
	} catch (cause) {
		throw new CaissonError('key-unusable', 'A certificate cannot be read: its key or its dates are not valid.', {
			cause,
		});
	}
}

function factsOf(certificate: X509Certificate): CertificateFacts {
	return {
		subject: oneLine(certificate.subject),
		issuer: oneLine(certificate.issuer),
		serial: certificate.serialNumber,
		notBefore: certificate.validFromDate.toISOString(),
		notAfter: certificate.validToDate.toISOString(),
		fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
		key: keyName(certificate.publicKey),
		purposes: purposesOf(certificate),
	};
}

/**
 * The purposes for which SWUpdate accepts a signer. emailProtection is OpenSSL's "smimesign": an extended key usage, where
 * there is one, must list it, and a key usage must allow signatures (digitalSignature or nonRepudiation).
 * codeSigning is SWUpdate's own check (corelib/swupdate_cms_verify.c, check_code_sign): the extended key usage must be
 * there and list it. Builds with OpenSSL check this; Debian 13's SWUpdate, built with wolfSSL, takes any certificate
 * (tried with 2024.12.1), but what is signed for one device should be good for the next.
 */
function purposesOf(certificate: X509Certificate): CertificatePurpose[] {
	// What node calls keyUsage are the object identifiers of the extended key usage; undefined without the extension.
	const extended = certificate.keyUsage as readonly string[] | undefined;
	const usage = keyUsageBits(certificate.raw);
	const maySign = usage === undefined || usage.digitalSignature || usage.nonRepudiation;
	if (!maySign) return [];
	const purposes: CertificatePurpose[] = [];
	if (extended === undefined || extended.includes(ekuEmailProtection)) purposes.push('emailProtection');
	if (extended?.includes(ekuCodeSigning)) purposes.push('codeSigning');
	return purposes;
}

/** Node prints one attribute a line, most significant first. */
function oneLine(name: string): string {
	return name
		.split('\n')
		.filter((part) => part !== '')
		.join(', ');
}
