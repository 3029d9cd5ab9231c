// What a public key is called in messages and listings, and reading one from a PEM file. It leaves out certificates.

import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CaissonError } from '../../errors.ts';
import type { PublicKeyFacts } from '../../update/signer.ts';

const curveNames: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

/** For example RSA 3072, or EC P-256. */
export function keyName(key: KeyObject): string {
	const details = key.asymmetricKeyDetails;
	if (key.asymmetricKeyType === 'rsa') return `RSA ${details?.modulusLength}`;
	if (key.asymmetricKeyType === 'ec') return `EC ${curveNames[details?.namedCurve ?? ''] ?? details?.namedCurve}`;
	return String(key.asymmetricKeyType);
}

export function publicKeyFacts(key: KeyObject): PublicKeyFacts {
	const der = key.export({ format: 'der', type: 'spki' });
	return { key: keyName(key), publicKey: createHash('sha256').update(der).digest('hex') };
}

/**
 * Reads a public key as SWUpdate does (corelib/swupdate_rsa_verify.c, load_pubkey: PEM, BEGIN PUBLIC KEY).
 * @throws CaissonError file-unusable, key-unusable; a file with a private key is refused, because it has no place on a device
 */
export async function readPublicKey(file: string): Promise<KeyObject> {
	let pem: string;
	try {
		pem = await readFile(file, 'latin1');
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `The public key ${file} cannot be read (${reason}).`, { cause });
	}
	try {
		if (pem.includes('-----BEGIN PUBLIC KEY-----')) return createPublicKey(pem);
	} catch (cause) {
		throw new CaissonError('key-unusable', `The public key ${file} is damaged.`, { cause });
	}
	throw new CaissonError(
		'key-unusable',
		`${file} is not a public key in PEM (BEGIN PUBLIC KEY): openssl pkey -in KEY -pubout prints that of a private key.`,
	);
}
