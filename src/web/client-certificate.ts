// The device that a client certificate names: which part of it is the identity, and reading that part so that no name can
// be made to look like another. It leaves out whether the certificate is trusted: TLS has decided that, or the guard does
// for one that a proxy passes on.

import type { X509Certificate } from 'node:crypto';

/** Where the identity stands: the common name of the subject, or the one DNS name or URI among the subject alternative names. */
export const deviceIdentityForms = ['cn', 'san-dns', 'san-uri'] as const;
export type DeviceIdentityForm = (typeof deviceIdentityForms)[number];

export interface CertificateFacts {
	/** One line, as RFC 4514 writes it but in the order of the certificate. */
	readonly subject: string;
	/** As 'DNS:name', 'URI:…'. */
	readonly alternativeNames: readonly string[];
	/** Milliseconds since the epoch. */
	readonly notBefore: number;
	readonly notAfter: number;
	/** The device, or undefined where the certificate has no such name, or several. */
	readonly clientId: string | undefined;
}

export function certificateFacts(certificate: X509Certificate, form: DeviceIdentityForm): CertificateFacts {
	const alternativeNames = splitNames(certificate.subjectAltName ?? '');
	return {
		subject: certificate.subject.split('\n').join(','),
		alternativeNames,
		notBefore: certificate.validFromDate.getTime(),
		notAfter: certificate.validToDate.getTime(),
		clientId: usable(form === 'cn' ? commonNames(certificate) : namesOf(alternativeNames, form)),
	};
}

/** Exactly one: where there are two, which one is meant would be a guess. */
function usable(names: readonly string[]): string | undefined {
	const [name] = names;
	if (names.length !== 1 || name === undefined) return undefined;
	// Names end up in logs and lists.
	return name.length > 0 && name.length <= 256 && !/\p{C}/u.test(name) ? name : undefined;
}

function commonNames(certificate: X509Certificate): string[] {
	// The legacy object holds the values as they are; the printed subject has escapes in it.
	const name: unknown = (certificate.toLegacyObject().subject as { CN?: unknown } | undefined)?.CN;
	if (Array.isArray(name)) return name.map(String);
	return typeof name === 'string' ? [name] : [];
}

function namesOf(alternativeNames: readonly string[], form: 'san-dns' | 'san-uri'): string[] {
	const prefix = form === 'san-dns' ? 'DNS:' : 'URI:';
	return alternativeNames.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}

/**
 * Node writes the names with ', ' between them, and one that could be taken for several as a JSON string
 * (CVE-2021-44532).
 */
function splitNames(text: string): string[] {
	const names: string[] = [];
	for (const [, kind, quoted, plain] of text.matchAll(
		/(?:^|, )([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^",]*))(?=, |$)/g,
	)) {
		try {
			names.push(`${kind}:${quoted === undefined ? plain : (JSON.parse(quoted) as string)}`);
		} catch {
			// Node does not write such a thing. Leaving one out could make another the only one, so none is believed.
			return [];
		}
	}
	return names;
}
