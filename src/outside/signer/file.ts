// A signer whose private key is in a PEM file: RSA, or ECDSA on P-256 or P-384, with or without a passphrase. It checks
// up front that the key and the certificate belong together and that SWUpdate will accept the certificate. It leaves out
// tokens (PKCS#11) and offline signing.

import { createPrivateKey, createPublicKey, type KeyObject, sign, type X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { CaissonError } from '../../errors.ts';
import type { CertificatePurpose, KeyFiles, Signer } from '../../update/signer.ts';
import { certificateFacts, readCertificate } from './certificate.ts';
import { assembleSignedData, type SignatureScheme, schemes } from './cms.ts';

/** @throws CaissonError key-unusable, file-unusable */
export async function openFileSigner(options: KeyFiles): Promise<Signer> {
	const certificate = readCertificate(await read(options.certificateFile, 'certificate'), options.certificateFile);
	const key = await readKey(options);
	const scheme = schemeOf(key, options.keyFile);
	if (!belongTogether(key, certificate)) {
		throw new CaissonError(
			'key-unusable',
			`The key ${options.keyFile} and the certificate ${options.certificateFile} do not belong together: ` +
				'the certificate holds another public key.',
		);
	}
	const facts = certificateFacts(certificate);
	checkPurpose(facts.purposes, options.purpose ?? 'emailProtection', options.certificateFile);
	return {
		certificate: facts,
		reproducible: key.asymmetricKeyType === 'rsa',
		async sign(content) {
			return assembleSignedData(certificate.raw, scheme, sign(scheme.hash, content, key));
		},
	};
}

async function readKey(options: KeyFiles): Promise<KeyObject> {
	const pem = new TextDecoder('latin1').decode(await read(options.keyFile, 'key'));
	if (options.warn !== undefined && ((await stat(options.keyFile)).mode & 0o077) !== 0) {
		options.warn(`The key ${options.keyFile} can be read by others than its owner: chmod 0600 it.`);
	}
	const passphrase = options.passphraseFile === undefined ? undefined : await readPassphrase(options.passphraseFile);
	try {
		return createPrivateKey(passphrase === undefined ? { key: pem } : { key: pem, passphrase });
	} catch (cause) {
		throw new CaissonError('key-unusable', `The key ${options.keyFile} ${keyFault(pem, passphrase !== undefined)}`, {
			cause,
		});
	}
}

/** Says what is wrong without OpenSSL's words, which are not the same from version to version. */
function keyFault(pem: string, hasPassphrase: boolean): string {
	if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) return 'is not a private key in PEM.';
	const encrypted = pem.includes('ENCRYPTED');
	if (encrypted && !hasPassphrase) return 'needs a passphrase: name a file that holds it with --passphrase-file.';
	if (encrypted) return 'cannot be opened: the passphrase is wrong, or the file is damaged.';
	return 'is damaged, or of a kind that OpenSSL does not know.';
}

async function readPassphrase(file: string): Promise<string> {
	const text = new TextDecoder().decode(await read(file, 'passphrase'));
	const line = text.split(/\r?\n/, 1)[0] ?? '';
	if (line === '') throw new CaissonError('key-unusable', `The passphrase file ${file} starts with an empty line.`);
	return line;
}

function schemeOf(key: KeyObject, file: string): SignatureScheme {
	if (key.asymmetricKeyType === 'rsa') {
		const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
		if (bits >= 2048) return schemes.rsaSha256;
		throw new CaissonError('key-unusable', `The key ${file} is RSA with ${bits} bits; at least 2048 are needed.`);
	}
	const curve = key.asymmetricKeyType === 'ec' ? key.asymmetricKeyDetails?.namedCurve : undefined;
	if (curve === 'prime256v1') return schemes.ecdsaSha256;
	if (curve === 'secp384r1') return schemes.ecdsaSha384;
	const kind = curve === undefined ? key.asymmetricKeyType : `an elliptic-curve key on ${curve}`;
	throw new CaissonError('key-unusable', `The key ${file} is ${kind}; usable are RSA, and ECDSA on P-256 or P-384.`);
}

function belongTogether(key: KeyObject, certificate: X509Certificate): boolean {
	return createPublicKey(key).equals(certificate.publicKey);
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

async function read(file: string, what: string): Promise<Uint8Array> {
	try {
		return await readFile(file);
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `The ${what} ${file} cannot be read (${reason}).`, { cause });
	}
}
