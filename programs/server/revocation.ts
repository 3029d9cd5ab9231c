// Certificate revocation lists (RFC 5280, section 5): which certificates they name. New connections are checked against
// them by OpenSSL; what is read here serves connections that are open already and certificates that a proxy passes on.

import { fromBER, Integer, Sequence } from 'asn1js';
import { CaissonError } from '../../src/errors.ts';

/** Issuer and serial number, which together name a certificate (RFC 5280, section 4.1.2.2). @param der the certificate */
export function certificateKey(der: Uint8Array): string {
	const fields = sequence(sequence(parsed(der))[0]);
	// version [0] may be absent; then serialNumber, signature, issuer.
	const start = fields[0] instanceof Integer ? 0 : 1;
	return key(fields[start + 2], fields[start]);
}

/**
 * The certificates that the lists in this PEM text revoke, as certificateKey names them.
 * @param path for messages
 * @throws CaissonError key-unusable
 */
export function revokedCertificates(pem: string, path: string): ReadonlySet<string> {
	const blocks = [...pem.matchAll(/-----BEGIN X509 CRL-----([\s\S]*?)-----END X509 CRL-----/g)];
	if (blocks.length === 0) throw new CaissonError('key-unusable', `${path} is not a PEM certificate revocation list`);
	try {
		return new Set(blocks.flatMap(([, base64 = '']) => revokedIn(Buffer.from(base64, 'base64'))));
	} catch (cause) {
		throw new CaissonError('key-unusable', `${path} is not a certificate revocation list`, { cause });
	}
}

function revokedIn(der: Uint8Array): string[] {
	const fields = sequence(sequence(parsed(der))[0]);
	// version may be absent; then signature, issuer, thisUpdate, nextUpdate (may be absent), revokedCertificates.
	const start = fields[0] instanceof Integer ? 1 : 0;
	const issuer = fields[start + 1];
	const list = fields.slice(start + 3).find((field) => field instanceof Sequence);
	if (list === undefined) return [];
	return sequence(list).map((entry) => key(issuer, sequence(entry)[0]));
}

type Element = Sequence['valueBlock']['value'][number];

function parsed(der: Uint8Array): Element {
	const { result, offset } = fromBER(der);
	if (offset === -1) throw new RangeError('not DER');
	return result;
}

function sequence(element: Element | undefined): Element[] {
	if (!(element instanceof Sequence)) throw new RangeError('a sequence is missing');
	return element.valueBlock.value;
}

function key(issuer: Element | undefined, serial: Element | undefined): string {
	if (issuer === undefined || !(serial instanceof Integer)) throw new RangeError('issuer or serial number is missing');
	const hex = (bytes: ArrayBuffer) => Buffer.from(bytes).toString('hex');
	return `${hex(issuer.toBER())}:${hex(serial.valueBlock.toBER())}`;
}
