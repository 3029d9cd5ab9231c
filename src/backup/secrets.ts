// The secrets of a data directory (tokens, keys, small files of the owner) as one encrypted member: scrypt (RFC 7914)
// makes a key of the passphrase, AES-256-GCM (NIST SP 800-38D) encrypts, and the head of the backup is authenticated
// with it, so that secrets cannot be moved into another backup. The form is defined in docs/formats/backup.md.

import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';
import { CaissonError } from '../errors.ts';
import { longestSecrets, members, secretLimits } from './rules/layout.ts';

export interface SecretFile {
	/** Relative to the data directory. */
	readonly path: string;
	readonly content: Uint8Array;
}

/** 128 MiB and about half a second for each guess: OWASP's first choice for scrypt. */
const cost = { N: 2 ** 17, r: 8, p: 1 } as const;
const tagLength = 16;

/** @param head the bytes of the backup's first member */
export function encryptSecrets(files: readonly SecretFile[], passphrase: string, head: Uint8Array): Buffer {
	const [salt, nonce] = [randomBytes(16), randomBytes(12)];
	const parameters = {
		cipher: 'aes-256-gcm',
		kdf: 'scrypt',
		...cost,
		salt: salt.toString('base64'),
		nonce: nonce.toString('base64'),
	};
	const header = Buffer.from(`${JSON.stringify(parameters)}\n`);
	const cipher = createCipheriv('aes-256-gcm', deriveKey(passphrase, salt, cost), nonce, { authTagLength: tagLength });
	cipher.setAAD(Buffer.concat([head, header]));
	const plain = files.map(({ path, content }) => ({ path, content: Buffer.from(content).toString('base64') }));
	const encrypted = [cipher.update(JSON.stringify({ files: plain }), 'utf8'), cipher.final()];
	return Buffer.concat([header, ...encrypted, cipher.getAuthTag()]);
}

/** @throws CaissonError backup-refused where the passphrase is another; backup-malformed where the form is broken */
export function decryptSecrets(member: Uint8Array, passphrase: string, head: Uint8Array): SecretFile[] {
	const bytes = Buffer.from(member.buffer, member.byteOffset, member.length);
	const headerEnd = bytes.subarray(0, 1024).indexOf(10) + 1;
	const { salt, nonce, ...parameters } = readParameters(bytes.toString('utf8', 0, headerEnd));
	if (bytes.length < headerEnd + tagLength || bytes.length > longestSecrets)
		throw malformed('its length is impossible');
	const key = deriveKey(passphrase, salt, parameters);
	const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength });
	decipher.setAAD(Buffer.concat([head, bytes.subarray(0, headerEnd)]));
	decipher.setAuthTag(bytes.subarray(-tagLength));
	let text: string;
	try {
		text = decipher.update(bytes.subarray(headerEnd, -tagLength), undefined, 'utf8') + decipher.final('utf8');
	} catch (cause) {
		throw new CaissonError('backup-refused', 'The passphrase is not the one of this backup’s secrets.', { cause });
	}
	return readFiles(text);
}

function deriveKey(passphrase: string, salt: Uint8Array, { N, r, p }: { N: number; r: number; p: number }): Buffer {
	return scryptSync(passphrase.normalize('NFC'), salt, 32, { N, r, p, maxmem: 256 * N * r });
}

function readParameters(line: string) {
	let value: Record<string, unknown>;
	try {
		value = JSON.parse(line) as Record<string, unknown>;
	} catch {
		throw malformed('its first line is not JSON');
	}
	const { cipher, kdf, N, r, p } = value ?? {};
	if (cipher !== 'aes-256-gcm' || kdf !== 'scrypt') throw malformed('its cipher is not known');
	// Bounds on what a hostile file may make us spend: 1 GiB.
	const power = typeof N === 'number' && Number.isInteger(Math.log2(N)) && N >= 2 ** 14 && N <= 2 ** 20;
	if (!power || r !== 8 || (p !== 1 && p !== 2)) throw malformed('its parameters are out of bounds');
	const [salt, nonce] = [value.salt, value.nonce].map((text) => Buffer.from(String(text), 'base64'));
	if (salt?.length !== 16 || nonce?.length !== 12) throw malformed('its salt or nonce has a wrong length');
	return { N, r, p, salt, nonce };
}

function readFiles(text: string): SecretFile[] {
	const { files } = JSON.parse(text) as { files?: unknown };
	if (!Array.isArray(files) || files.length > secretLimits.files) throw malformed('its list of files is malformed');
	return files.map((file: { path?: unknown; content?: unknown }) => {
		if (typeof file?.path !== 'string' || typeof file.content !== 'string' || !isInside(file.path)) {
			throw malformed('a file in it has an impossible path');
		}
		return { path: file.path, content: Buffer.from(file.content, 'base64') };
	});
}

/** A relative path that stays below its directory. */
export function isInside(path: string): boolean {
	return path.length < 1000 && !path.includes('\0') && path.split('/').every((part) => !['', '.', '..'].includes(part));
}

function malformed(why: string): CaissonError {
	return new CaissonError('backup-malformed', `The backup’s member ${members.secrets} cannot be used: ${why}.`);
}
