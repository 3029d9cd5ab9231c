// Encryption of payloads as SWUpdate decrypts them: AES in CBC mode with the padding of PKCS #7, the key in a file in the
// form of its -K option, an initialization vector a payload in sw-description (attribute ivt). It decides how the vector is
// derived, and reads the key without ever showing it. What is hashed in sw-description is the encrypted member
// (core/cpio_utils.c, copyfile: the hash is taken as the bytes come in, before they are decrypted).

import { createCipheriv, createHmac } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { CaissonError } from '../errors.ts';

/** A key of 16, 24 or 32 bytes. It has no text form, so that it cannot get into a message by accident. */
export interface AesKey {
	/** The initialization vector for a payload. */
	vectorFor(plainSha256: string): Uint8Array;
	cipher(vector: Uint8Array): ReturnType<typeof createCipheriv>;
}

const vectorLabel = 'caisson update initialization vector 1';

/**
 * Reads a key file: `KEY VECTOR` in hexadecimal, as `swupdate -K` reads it (core/util.c, load_decryption_key). The vector of
 * the file is what devices take for payloads without ivt; packing gives every payload one of its own.
 * @throws CaissonError file-unusable, key-unusable, neither with anything of the key
 */
export async function readAesKey(file: string, warn: (message: string) => void): Promise<AesKey> {
	let text: string;
	try {
		if (((await stat(file)).mode & 0o077) !== 0) {
			warn(`The key ${file} can be read by others than its owner: chmod 0600 it.`);
		}
		text = await readFile(file, 'latin1');
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `The key ${file} cannot be read (${reason}).`, { cause });
	}
	const [key = '', vector = ''] = text.trim().split(/\s+/);
	const isHexadecimal = (word: string, bytes: readonly number[]) =>
		/^[0-9A-Fa-f]+$/.test(word) && bytes.includes(word.length / 2);
	if (!isHexadecimal(key, [16, 24, 32]) || !isHexadecimal(vector, [16])) {
		throw new CaissonError(
			'key-unusable',
			`The key ${file} is not in the form of swupdate -K: the key (32, 48 or 64 hexadecimal digits), a space, a vector ` +
				'(32 digits). One of 256 bits: echo "$(openssl rand -hex 32) $(openssl rand -hex 16)"',
		);
	}
	return aesKey(Buffer.from(key, 'hex'));
}

function aesKey(key: Buffer): AesKey {
	// A key of its own for the vectors: one secret is not used for two algorithms.
	const vectorKey = createHmac('sha256', key).update(vectorLabel).digest();
	return {
		vectorFor: (plainSha256) =>
			new Uint8Array(createHmac('sha256', vectorKey).update(plainSha256, 'hex').digest().subarray(0, 16)),
		cipher: (vector) => createCipheriv(`aes-${key.length * 8}-cbc`, key, vector),
	};
}

/**
 * Encrypts `source` into `target`, a new file.
 * @throws CaissonError file-unusable; the signal's reason when it aborts
 */
export async function encryptFile(
	source: string,
	target: string,
	key: AesKey,
	vector: Uint8Array,
	signal: AbortSignal | undefined,
): Promise<void> {
	try {
		await pipeline(
			createReadStream(source, { highWaterMark: 1 << 20 }),
			key.cipher(vector),
			createWriteStream(target, { flags: 'wx', mode: 0o600 }),
			signal === undefined ? {} : { signal },
		);
	} catch (cause) {
		if (signal?.aborted) throw cause;
		const fault = cause as NodeJS.ErrnoException;
		throw new CaissonError('file-unusable', `${fault.path ?? source} cannot be encrypted (${fault.code}).`, { cause });
	}
}
