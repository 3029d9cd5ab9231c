// A secret on one line of a file that only its owner may read: a PIN, a passphrase of a token. It decides that such a file must be
// closed to others, and where a service finds it; it leaves out what the secret is for. Nothing of it enters a message.

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CaissonError } from '../../errors.ts';

/**
 * The first line of `file`.
 * @param what for messages: PIN
 * @throws CaissonError file-unusable where it cannot be read, is open to others or starts with an empty line
 */
export async function readSecret(file: string, what: string): Promise<string> {
	let text: string;
	try {
		const { mode } = await stat(file);
		if ((mode & 0o077) !== 0) {
			throw new CaissonError('file-unusable', `The ${what} file ${file} is open to others; run chmod 0600 on it.`);
		}
		text = await readFile(file, 'utf8');
	} catch (cause) {
		if (cause instanceof CaissonError) throw cause;
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `The ${what} file ${file} cannot be read (${reason}).`, { cause });
	}
	const line = text.split(/\r?\n/, 1)[0] ?? '';
	if (line === '') throw new CaissonError('file-unusable', `The ${what} file ${file} starts with an empty line.`);
	return line;
}

/**
 * The file of a systemd credential (systemd.exec(5), LoadCredential=); undefined where the service has none of that name.
 * @param directory CREDENTIALS_DIRECTORY of the environment
 */
export async function credentialFile(name: string, directory: string | undefined): Promise<string | undefined> {
	if (directory === undefined) return undefined;
	const file = join(directory, name);
	return stat(file).then(
		() => file,
		() => undefined,
	);
}
