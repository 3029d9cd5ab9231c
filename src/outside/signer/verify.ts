// Checks the signature of an update. Raw RSA signatures are for raw-signature.ts; a detached CMS signature is checked as SWUpdate built with OpenSSL does (CMS_verify with CMS_BINARY): every signer must have
// signed these bytes, and its certificate must lead to a trusted self-signed one. SWUpdate built with wolfSSL, as in
// Debian 13, asks for less: it does not look at the purpose of a certificate. It leaves out revocation, as SWUpdate does.

import { constants, createHash, type KeyLike, verify, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { OctetString } from 'asn1js';
import { Certificate, ContentInfo, IssuerAndSerialNumber, SignedData, type SignerInfo } from 'pkijs';
import { CaissonError } from '../../errors.ts';
import type { CertificateFacts, SignatureFacts, SignatureVerdict, Trust } from '../../update/signer.ts';
import { certificateFacts, readCertificate } from './certificate.ts';
import { readPublicKey } from './public-key.ts';
import { looksRaw, verifyRaw } from './raw-signature.ts';

const idSignedData = '1.2.840.113549.1.7.2';
const idContentType = '1.2.840.113549.1.9.3';
const idMessageDigest = '1.2.840.113549.1.9.4';
const idRsaPss = '1.2.840.113549.1.1.10';

const hashes: Readonly<Record<string, string>> = {
	'2.16.840.1.101.3.4.2.1': 'sha256',
	'2.16.840.1.101.3.4.2.2': 'sha384',
	'2.16.840.1.101.3.4.2.3': 'sha512',
};

/** A signature that is no longer than this is parsed; real ones have a few kilobytes. */
const maximumLength = 1 << 20;
const maximumChain = 8;

/** @throws CaissonError update-malformed */
export function signatureFacts(signature: Uint8Array): SignatureFacts {
	if (looksRaw(signature)) return { kind: 'raw', bits: signature.length * 8 };
	const { signedData, embedded } = parse(signature);
	const signers = signedData.signerInfos.flatMap((info) => {
		const certificate = certificateOf(info, embedded);
		return certificate === undefined ? [] : [carriedFacts(certificate)];
	});
	return { kind: 'cms', signers };
}

/** @throws CaissonError update-malformed, file-unusable, key-unusable */
export async function verifySignature(
	signature: Uint8Array,
	content: Uint8Array,
	trust: Trust,
): Promise<SignatureVerdict> {
	if ('publicKeyFile' in trust) return verifyRaw(signature, content, await readPublicKey(trust.publicKeyFile));
	const trusted = await readTrusted(trust.certificateFile);
	if (looksRaw(signature)) {
		const reason = 'it is a raw RSA signature, not CMS: SWUpdate built for CMS refuses it (check it with a public key)';
		return { kind: 'rsa', valid: false, reason, signers: [] };
	}
	const { signedData, embedded } = parse(signature);
	const signers: CertificateFacts[] = [];
	let reason: string | undefined = signedData.signerInfos.length === 0 ? 'it has no signer' : undefined;
	for (const info of signedData.signerInfos) {
		const certificate = certificateOf(info, [...embedded, ...trusted]);
		if (certificate === undefined) {
			reason ??= 'it does not carry the certificate of its signer';
			continue;
		}
		const facts = carriedFacts(certificate);
		signers.push(facts);
		reason ??=
			signatureFault(info, certificate, content) ??
			chainFault(certificate, embedded, trusted, trust.now) ??
			purposeFault(facts, trust);
	}
	return { kind: 'cms', signers, ...(reason === undefined ? { valid: true } : { valid: false, reason }) };
}

interface ParsedSignature {
	readonly signedData: SignedData;
	readonly embedded: readonly X509Certificate[];
}

function parse(signature: Uint8Array): ParsedSignature {
	if (signature.length > maximumLength) throw malformed(`it is longer than ${maximumLength} bytes`);
	try {
		const contentInfo = ContentInfo.fromBER(new Uint8Array(signature));
		if (contentInfo.contentType !== idSignedData) throw malformed('it is not CMS SignedData');
		const signedData = new SignedData({ schema: contentInfo.content });
		const embedded = (signedData.certificates ?? [])
			.filter((each) => each instanceof Certificate)
			.map((each) => new X509Certificate(new Uint8Array(each.toSchema(false).toBER(false))));
		return { signedData, embedded };
	} catch (cause) {
		if (cause instanceof CaissonError) throw cause;
		throw malformed('it is not CMS SignedData in DER', cause);
	}
}

function certificateOf(info: SignerInfo, among: readonly X509Certificate[]): X509Certificate | undefined {
	const sid: unknown = info.sid;
	if (!(sid instanceof IssuerAndSerialNumber)) return bySubjectKeyIdentifier(sid, among);
	const issuer = hexOf(sid.issuer.toSchema().toBER(false));
	const serial = hexOf(sid.serialNumber.valueBlock.valueHexView);
	return among.find((certificate) => {
		const parsed = Certificate.fromBER(new Uint8Array(certificate.raw));
		return (
			hexOf(parsed.serialNumber.valueBlock.valueHexView) === serial &&
			hexOf(parsed.issuer.toSchema().toBER(false)) === issuer
		);
	});
}

function bySubjectKeyIdentifier(sid: unknown, among: readonly X509Certificate[]): X509Certificate | undefined {
	const value = (sid as { valueBlock?: { valueHexView?: Uint8Array } } | undefined)?.valueBlock?.valueHexView;
	if (value === undefined || value.length === 0) return undefined;
	return among.find((certificate) => {
		const parsed = Certificate.fromBER(new Uint8Array(certificate.raw));
		const extension = parsed.extensions?.find((each) => each.extnID === '2.5.29.14')?.parsedValue;
		return extension instanceof OctetString && hexOf(extension.valueBlock.valueHexView) === hexOf(value);
	});
}

/** RFC 5652 section 5.4: without signed attributes the content itself is signed, with them their DER as a SET. */
function signatureFault(info: SignerInfo, certificate: X509Certificate, content: Uint8Array): string | undefined {
	const hash = hashes[info.digestAlgorithm.algorithmId];
	if (hash === undefined) return `its hash algorithm ${info.digestAlgorithm.algorithmId} is not supported`;
	let signed: Uint8Array = content;
	if (info.signedAttrs !== undefined) {
		if (!digestMatches(info, createHash(hash).update(content).digest())) {
			return 'it does not belong to this sw-description';
		}
		signed = new Uint8Array(info.signedAttrs.encodedValue);
		signed[0] = 0x31;
	}
	const key: KeyLike | Parameters<typeof verify>[2] =
		info.signatureAlgorithm.algorithmId === idRsaPss
			? {
					key: certificate.publicKey,
					padding: constants.RSA_PKCS1_PSS_PADDING,
					saltLength: constants.RSA_PSS_SALTLEN_AUTO,
				}
			: certificate.publicKey;
	try {
		if (verify(hash, signed, key, info.signature.valueBlock.valueHexView)) return undefined;
	} catch {
		return 'its algorithm does not fit the key of its signer';
	}
	return 'it does not belong to this sw-description';
}

function digestMatches(info: SignerInfo, digest: Uint8Array): boolean {
	const attributes = info.signedAttrs?.attributes ?? [];
	const value = attributes.find((each) => each.type === idMessageDigest)?.values[0];
	// RFC 5652 section 11: with signed attributes, the content type must be among them as well.
	if (!attributes.some((each) => each.type === idContentType)) return false;
	return value instanceof OctetString && hexOf(value.valueBlock.valueHexView) === hexOf(digest);
}

/** From the signer by issuers (embedded or trusted) to a trusted self-signed certificate, all valid at `now`. */
function chainFault(
	signer: X509Certificate,
	embedded: readonly X509Certificate[],
	trusted: readonly X509Certificate[],
	now: number,
): string | undefined {
	let current = signer;
	for (let length = 1; length <= maximumChain; length++) {
		const { subject: name, notBefore, notAfter } = carriedFacts(current);
		if (now < Date.parse(notBefore)) return `the certificate ${name} is valid only from ${notBefore}`;
		if (now > Date.parse(notAfter)) return `the certificate ${name} expired on ${notAfter}`;
		const isTrusted = trusted.some((each) => each.raw.equals(current.raw));
		if (isTrusted && isSelfSigned(current)) return undefined;
		const child = current;
		const issuer = [...trusted, ...embedded].find(
			(each) => each.ca && !each.raw.equals(child.raw) && issued(child, each),
		);
		if (issuer === undefined) {
			return isTrusted
				? `the certificate ${name} is given, but not its issuer: OpenSSL wants the chain up to a self-signed one`
				: `its signer ${name} is not trusted by the given certificate`;
		}
		current = issuer;
	}
	return `its certificate chain is longer than ${maximumChain}`;
}

/** OpenSSL takes it as the end of a chain whatever its key usage says (so checkIssued, which looks at that, would not do). */
function isSelfSigned(certificate: X509Certificate): boolean {
	return certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);
}

function issued(certificate: X509Certificate, issuer: X509Certificate): boolean {
	try {
		return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
	} catch {
		return false; // a key that cannot be read has issued nothing
	}
}

/** The facts of a certificate that a signature carries: where they cannot be read, the signature is at fault. */
function carriedFacts(certificate: X509Certificate): CertificateFacts {
	try {
		return certificateFacts(certificate);
	} catch (cause) {
		throw malformed('its certificate is damaged', cause);
	}
}

function purposeFault(facts: CertificateFacts, trust: Trust): string | undefined {
	const wanted = trust.purpose ?? 'emailProtection';
	if (wanted === 'any' || facts.purposes.includes(wanted)) return undefined;
	return `the certificate ${facts.subject} is not for ${wanted}`;
}

async function readTrusted(file: string): Promise<X509Certificate[]> {
	let bytes: Uint8Array;
	try {
		bytes = await readFile(file);
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `The certificate ${file} cannot be read (${reason}).`, { cause });
	}
	const blocks = new TextDecoder('latin1')
		.decode(bytes)
		.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
	if (blocks === null) return [readCertificate(bytes, file)];
	return blocks.map((block) => readCertificate(new TextEncoder().encode(block), file));
}

function hexOf(bytes: ArrayBuffer | Uint8Array): string {
	return Buffer.from(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)).toString('hex');
}

function malformed(rule: string, cause?: unknown): CaissonError {
	return new CaissonError('update-malformed', `The signature cannot be read: ${rule}.`, { cause });
}
