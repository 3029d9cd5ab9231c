// The operator token: the one secret that opens the northbound port of a fresh server. Made on the first start, read
// by commands of the same user. It leaves out checking a request against it: see src/web/authentication.ts.

import { join } from 'node:path';
import { CaissonError } from '../errors.ts';
import { readPrivateFile, replacePrivateFile } from './private-file.ts';

export const operatorTokenFile = 'operator-token';

// RFC 6750, section 2.1 (b64token); long enough that it cannot be guessed.
const wellFormed = /^[A-Za-z0-9._~+/-]{32,512}=*$/;

/**
 * The token in this file, or undefined where there is none.
 * @throws CaissonError data-directory-refused where the file is open to others, not readable, or holds no token; the
 * message never holds its content
 */
export function readOperatorToken(path: string): string | undefined {
	const token = readPrivateFile(path)?.trim();
	if (token !== undefined && !wellFormed.test(token)) {
		throw new CaissonError(
			'data-directory-refused',
			`${path} holds no token; remove it, and the next start of the server makes a new one`,
		);
	}
	return token;
}

/**
 * The token of a data directory; made (256 random bits, 0600) where there is none yet.
 * @param random gives that many bytes from a cryptographic source
 * @throws CaissonError data-directory-refused
 */
export function ensureOperatorToken(dataDirectory: string, random: (bytes: number) => Buffer): string {
	const path = join(dataDirectory, operatorTokenFile);
	const existing = readOperatorToken(path);
	if (existing !== undefined) return existing;
	const token = random(32).toString('base64url');
	try {
		replacePrivateFile(path, `${token}\n`);
	} catch (cause) {
		const { code } = cause as NodeJS.ErrnoException;
		throw new CaissonError('data-directory-refused', `${path} cannot be written: ${code}`, { cause });
	}
	return token;
}
