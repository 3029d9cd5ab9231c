// TLS of the https listeners: which versions and ciphers, and reading the files, so that a bad pair is found before it
// replaces a good one. It leaves out the sockets (listeners.ts) and when to read again (reload.ts).

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { CaissonError } from '../../src/errors.ts';
import type { CertificateTrust } from './certificates.ts';
import { revokedCertificates } from './revocation.ts';

export interface TlsFiles {
	readonly certificate: string;
	readonly key: string;
	/** Where given, clients must show a certificate that this CA issued. */
	readonly ca: string | undefined;
	/** Where given, certificates that these lists revoke are refused. */
	readonly crl?: string | undefined;
}

// RFC 9325 (BCP 195), section 4.2: forward secrecy and AEAD only. wfx offers the same six for TLS 1.2.
const ciphers = [
	'TLS_AES_256_GCM_SHA384',
	'TLS_CHACHA20_POLY1305_SHA256',
	'TLS_AES_128_GCM_SHA256',
	'ECDHE-ECDSA-AES256-GCM-SHA384',
	'ECDHE-RSA-AES256-GCM-SHA384',
	'ECDHE-ECDSA-AES128-GCM-SHA256',
	'ECDHE-RSA-AES128-GCM-SHA256',
	'ECDHE-ECDSA-CHACHA20-POLY1305',
	'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/**
 * The files as options of a secure context, checked: they parse, and key and certificate belong together. Unlike wfx,
 * which adds the system's CAs to the pool, only the CA that is named may issue client certificates.
 * @throws CaissonError key-unusable naming the file; never its content
 */
export function readTlsFiles(files: TlsFiles): SecureContextOptions {
	const cert = read(files.certificate);
	const key = read(files.key);
	const ca = files.ca === undefined ? undefined : read(files.ca);
	const certificate = parse(files.certificate, 'a PEM certificate', () => new X509Certificate(cert));
	const privateKey = parse(files.key, 'a PEM private key without passphrase', () => createPrivateKey(key));
	if (!certificate.checkPrivateKey(privateKey)) {
		throw new CaissonError('key-unusable', `${files.key} is not the key of the certificate in ${files.certificate}`);
	}
	if (files.ca !== undefined && ca !== undefined) {
		parse(files.ca, 'a PEM certificate', () => new X509Certificate(ca));
	}
	const options: SecureContextOptions = {
		cert,
		key,
		...(ca === undefined ? {} : { ca }),
		// Node reads the first list of a text only. A list that is out of date refuses everybody (RFC 5280, section 6.3).
		...(files.crl === undefined ? {} : { crl: blocks(read(files.crl).toString(), 'X509 CRL') }),
		ciphers,
		minVersion: 'TLSv1.2',
		honorCipherOrder: true,
	};
	parse(files.certificate, 'usable for TLS', () => createSecureContext(options));
	return options;
}

/**
 * The same CA and revocation lists, for certificates that TLS does not look at.
 * @throws CaissonError key-unusable
 */
export function readTrust(ca: string | undefined, crl: string | undefined): CertificateTrust {
	const authorities = ca === undefined ? [] : blocks(read(ca).toString(), 'CERTIFICATE');
	return {
		authorities: authorities.map((pem) => parse(ca ?? '', 'a PEM certificate', () => new X509Certificate(pem))),
		revoked: crl === undefined ? new Set() : revokedCertificates(read(crl).toString(), crl),
	};
}

function blocks(pem: string, label: string): string[] {
	return pem.match(new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----`, 'g')) ?? [];
}

/** When the certificate in this PEM ends, in milliseconds since the epoch. */
export function expiryOf(options: SecureContextOptions): number {
	return new X509Certificate(options.cert as Buffer).validToDate.getTime();
}

function read(path: string): Buffer {
	try {
		return readFileSync(path);
	} catch (cause) {
		throw new CaissonError('key-unusable', `${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, {
			cause,
		});
	}
}

function parse<Result>(path: string, what: string, step: () => Result): Result {
	try {
		return step();
	} catch (cause) {
		throw new CaissonError('key-unusable', `${path} is not ${what}`, { cause });
	}
}
