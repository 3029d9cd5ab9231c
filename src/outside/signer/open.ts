// Opens what signs updates: keys in files or tokens, each with its certificate, for one of the forms of signature that
// SWUpdate knows. It checks up front that key and certificate belong together and that SWUpdate will accept the
// certificate, before anything is signed. It leaves out where a key is (file.ts, pkcs11.ts).

import type { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CaissonError } from '../../errors.ts';
import type { CertificatePurpose, KeyFiles, SignatureKind, Signer } from '../../update/signer.ts';
import { certificateFacts, readCertificate } from './certificate.ts';
import { assembleSignedData, type CmsScheme, cmsSchemes } from './cms.ts';
import { openFileKey } from './file.ts';
import { openTokenKey } from './pkcs11.ts';
import { isPkcs11Uri } from './pkcs11-uri.ts';
import { publicKeyFacts } from './public-key.ts';
import type { SigningKey, SigningScheme } from './signing-key.ts';

/**
 * @param more further signers of one CMS signature; the raw kinds have one
 * @throws CaissonError key-unusable, file-unusable, token-unusable, token-pin-refused, tool-missing
 */
export async function openSigner(files: KeyFiles, ...more: readonly KeyFiles[]): Promise<Signer> {
	const kind = files.signature ?? 'cms';
	if (kind !== 'cms') {
		if (more.length === 0) return await openRawSigner(kind, files);
		throw new CaissonError('key-unusable', `A signature of the kind ${kind} has one signer; cms can have several.`);
	}
	const signers: CmsSigner[] = [];
	// One after the other: a token answers one request at a time, and after a wrong PIN nothing else must try it.
	for (const each of [files, ...more]) signers.push(await openCmsSigner(each));
	const certificates = signers.map(({ certificate }) => certificate.fingerprint256);
	if (new Set(certificates).size < certificates.length) {
		throw new CaissonError('key-unusable', 'A certificate is given twice: every signer needs one of its own.');
	}
	return {
		kind,
		signers: signers.map(({ certificate }) => certificateFacts(certificate)),
		reproducible: signers.every(({ scheme }) => scheme.signing === 'rsa-pkcs1-sha256'),
		async sign(content) {
			const parts = [];
			for (const { key, certificate, scheme } of signers) {
				parts.push({ certificate: certificate.raw, scheme, signature: await key.sign(scheme.signing, content) });
			}
			return assembleSignedData(parts);
		},
	};
}

interface CmsSigner {
	readonly key: SigningKey;
	readonly certificate: X509Certificate;
	readonly scheme: CmsScheme;
}

async function openCmsSigner(files: KeyFiles): Promise<CmsSigner> {
	if (files.certificateFile === undefined) {
		throw new CaissonError('key-unusable', `A CMS signature needs the certificate of the key ${files.keyFile}.`);
	}
	const certificate = await certificateOf(files.certificateFile);
	const key = await openKey(files);
	const scheme = cmsSchemes[key.kind];
	if (scheme === undefined) {
		throw new CaissonError(
			'key-unusable',
			`The key ${key.name} is ${key.kind}; usable are RSA, and ECDSA on P-256 or P-384.`,
		);
	}
	checkBelongs(key, certificate, files.certificateFile);
	checkPurpose(certificateFacts(certificate).purposes, files.purpose ?? 'emailProtection', files.certificateFile);
	return { key, certificate, scheme };
}

const rawSchemes: Readonly<Record<Exclude<SignatureKind, 'cms'>, SigningScheme>> = {
	rsa: 'rsa-pkcs1-sha256',
	'rsa-pss': 'rsa-pss-sha256',
};

async function openRawSigner(kind: Exclude<SignatureKind, 'cms'>, files: KeyFiles): Promise<Signer> {
	const key = await openKey(files);
	if (key.kind !== 'rsa') {
		throw new CaissonError(
			'key-unusable',
			`A signature of the kind ${kind} needs an RSA key; ${key.name} is ${key.kind}.`,
		);
	}
	if (files.certificateFile !== undefined) {
		checkBelongs(key, await certificateOf(files.certificateFile), files.certificateFile);
	}
	return {
		kind,
		signers: [publicKeyFacts(key.publicKey)],
		reproducible: kind === 'rsa',
		sign: (content) => key.sign(rawSchemes[kind], content),
	};
}

async function openKey(files: KeyFiles): Promise<SigningKey> {
	if (!isPkcs11Uri(files.keyFile)) return await openFileKey(files);
	return await openTokenKey(files.keyFile, {
		...(files.pinFile === undefined ? {} : { pinFile: files.pinFile }),
		...(files.module === undefined ? {} : { module: files.module }),
	});
}

async function certificateOf(file: string): Promise<X509Certificate> {
	let bytes: Uint8Array;
	try {
		bytes = await readFile(file);
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `The certificate ${file} cannot be read (${reason}).`, { cause });
	}
	return readCertificate(bytes, file);
}

function checkBelongs(key: SigningKey, certificate: X509Certificate, file: string): void {
	// Not KeyObject.equals: for keys of different types it leaves an error with OpenSSL, at which the next use of a key fails.
	if (publicKeyFacts(key.publicKey).publicKey === publicKeyFacts(certificate.publicKey).publicKey) return;
	throw new CaissonError(
		'key-unusable',
		`The key ${key.name} and the certificate ${file} do not belong together: the certificate holds another public key.`,
	);
}

function checkPurpose(purposes: readonly CertificatePurpose[], wanted: CertificatePurpose, file: string): void {
	if (purposes.includes(wanted)) return;
	const other = purposes[0];
	if (other !== undefined) {
		throw new CaissonError(
			'key-unusable',
			`The certificate ${file} is for ${other}, not for ${wanted}. If the devices run SWUpdate with ` +
				`--cert-purpose ${other}, pass --cert-purpose ${other} here too.`,
		);
	}
	throw new CaissonError(
		'key-unusable',
		`The certificate ${file} is not for signing updates: SWUpdate wants the extended key usage emailProtection (or ` +
			'codeSigning, with --cert-purpose codeSigning), and a key usage, where there is one, with digitalSignature.',
	);
}
