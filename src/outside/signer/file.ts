// A private key in a PEM file, with or without a passphrase. It leaves out tokens (pkcs11.ts) and what is signed (open.ts).

import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { CaissonError } from '../../errors.ts';
import type { KeyFiles } from '../../update/signer.ts';
import { credentialFile } from './secret-file.ts';
import { kindOf, type SigningKey, signatureSchemes, withPadding } from './signing-key.ts';

const minimumModulus = 2048;
/** Name of the systemd credential (systemd.exec(5), LoadCredential=) that holds the passphrase where no file is named. */
export const passphraseCredential = 'caisson-key-passphrase';

/** @throws CaissonError key-unusable, file-unusable */
export async function openFileKey(options: Pick<KeyFiles, 'keyFile' | 'passphraseFile' | 'warn'>): Promise<SigningKey> {
	const key = await readPrivateKey(options);
	const publicKey = createPublicKey(key);
	const kind = checkedKind(publicKey, options.keyFile);
	return {
		publicKey,
		kind,
		name: options.keyFile,
		async sign(scheme, message) {
			const needed = signatureSchemes[scheme];
			if (needed.kind !== kind) {
				throw new CaissonError('key-unusable', `The key ${options.keyFile} is ${kind}; it cannot sign with ${scheme}.`);
			}
			return new Uint8Array(sign(needed.hash, message, withPadding(scheme, key)));
		},
	};
}

/** @throws CaissonError key-unusable, file-unusable */
export async function readPrivateKey(
	options: Pick<KeyFiles, 'keyFile' | 'passphraseFile' | 'warn'>,
): Promise<KeyObject> {
	const pem = new TextDecoder('latin1').decode(await read(options.keyFile, 'key'));
	if (options.warn !== undefined && ((await stat(options.keyFile)).mode & 0o077) !== 0) {
		options.warn(`The key ${options.keyFile} can be read by others than its owner: chmod 0600 it.`);
	}
	const passphraseFile =
		options.passphraseFile ?? (await credentialFile(passphraseCredential, process.env.CREDENTIALS_DIRECTORY));
	const passphrase = passphraseFile === undefined ? undefined : await readPassphrase(passphraseFile);
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

/** @throws CaissonError key-unusable for weak keys and for kinds that SWUpdate and TUF do not take */
export function checkedKind(key: KeyObject, name: string): NonNullable<ReturnType<typeof kindOf>> {
	const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
	if (key.asymmetricKeyType === 'rsa' && bits < minimumModulus) {
		throw new CaissonError(
			'key-unusable',
			`The key ${name} is RSA with ${bits} bits; at least ${minimumModulus} are needed.`,
		);
	}
	const kind = kindOf(key);
	if (kind !== undefined) return kind;
	const curve = key.asymmetricKeyType === 'ec' ? key.asymmetricKeyDetails?.namedCurve : undefined;
	const found = curve === undefined ? key.asymmetricKeyType : `an elliptic-curve key on ${curve}`;
	throw new CaissonError('key-unusable', `The key ${name} is ${found}; usable are RSA, and ECDSA on P-256 or P-384.`);
}

async function read(file: string, what: string): Promise<Uint8Array> {
	try {
		return await readFile(file);
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `The ${what} ${file} cannot be read (${reason}).`, { cause });
	}
}
