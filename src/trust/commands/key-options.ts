// The options by which commands of trust are told of a private key: a file with its passphrase, or a token with its PIN.

import type { Command } from 'commander';
import { CaissonError } from '../../errors.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { TrustKeyFiles } from '../signer.ts';

export interface SecretOptions {
	readonly passphraseFile?: string;
	readonly pinFile?: string;
	readonly pkcs11Module?: string;
}

export function withSecretOptions(command: Command): Command {
	return command
		.option('--passphrase-file <file>', 'file (0600) whose first line is the passphrase of the key')
		.option('--pin-file <file>', 'file (0600) whose first line is the PIN of the token')
		.option('--pkcs11-module <file>', 'PKCS#11 module of the token’s maker');
}

/** @param key a PEM file, or a PKCS#11 URI */
export function keyFiles(terminal: Terminal, key: string, options: SecretOptions): TrustKeyFiles {
	const { passphraseFile, pinFile, pkcs11Module: module } = options;
	return {
		key,
		warn: (message) => terminal.note(`Warning: ${message}`),
		...(passphraseFile === undefined ? {} : { passphraseFile }),
		...(pinFile === undefined ? {} : { pinFile }),
		...(module === undefined ? {} : { module }),
	};
}

export function wrong(message: string): CaissonError {
	return new CaissonError('usage-wrong', message);
}

/** Unlike lists elsewhere not with commas, which file names and PKCS#11 URIs may hold. */
export const collected = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];

/** @returns whether the person typed yes; undefined where nobody can answer */
export async function confirmed(terminal: Terminal, question: string): Promise<boolean | undefined> {
	const answer = await terminal.ask(`${question} (yes/no) `);
	return answer === undefined ? undefined : answer.trim().toLowerCase() === 'yes';
}
