// The options by which pack and sign are told of keys, and what they warn of before anything is signed.

import { type Command, Option } from 'commander';
import { CaissonError } from '../../errors.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import {
	type CertificatePurpose,
	type KeyFiles,
	type Keys,
	type SignatureKind,
	type Signer,
	signatureKinds,
} from '../signer.ts';

export interface SigningOptions {
	readonly key?: readonly string[];
	readonly cert?: readonly string[];
	readonly passphraseFile?: string;
	readonly pinFile?: string;
	readonly pkcs11Module?: string;
	readonly signature: SignatureKind;
	readonly certPurpose: CertificatePurpose;
}

/** Unlike lists elsewhere not with commas, which PKCS#11 URIs and file names may hold. */
const collected = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];

export function withSigningOptions(command: Command): Command {
	return command
		.option(
			'--key <key>',
			'private key: a PEM file (RSA, or ECDSA on P-256 or P-384), or the PKCS#11 URI of a key in a token; several times for several signers (cms)',
			collected,
		)
		.option('--cert <file>', 'certificate of the key, PEM or DER; in the order of the keys', collected)
		.option(
			'--passphrase-file <file>',
			'file whose first line is the passphrase of the key; by default the systemd credential caisson-key-passphrase',
		)
		.option(
			'--pin-file <file>',
			'file (0600) whose first line is the PIN of the token; by default the systemd credential caisson-token-pin',
		)
		.option('--pkcs11-module <file>', 'PKCS#11 module of the token’s maker')
		.addOption(
			new Option(
				'--signature <kind>',
				'what the devices’ SWUpdate is built for: cms; rsa (PKCS#1 v1.5) or rsa-pss without certificates',
			)
				.choices(signatureKinds)
				.default('cms'),
		)
		.addOption(certPurposeOption());
}

export function certPurposeOption(): Option {
	return new Option('--cert-purpose <purpose>', 'what the devices check (swupdate --cert-purpose)')
		.choices(['emailProtection', 'codeSigning'])
		.default('emailProtection');
}

/** @throws CaissonError usage-wrong where the options do not fit together; what opening the keys throws */
export async function openSignerOf(terminal: Terminal, keys: Keys, options: SigningOptions): Promise<Signer> {
	const keyFiles = options.key ?? [];
	const certificates = options.cert ?? [];
	if (keyFiles.length === 0) throw wrong('A key is needed to sign: --key KEY, and --cert CERT for cms.');
	const needed = options.signature === 'cms' || certificates.length > 0 ? keyFiles.length : 0;
	if (certificates.length !== needed) {
		throw wrong(
			`There are ${keyFiles.length} --key and ${certificates.length} --cert: every key needs its certificate.`,
		);
	}
	const [first, ...more] = keyFiles.map((keyFile, index): KeyFiles => {
		const certificateFile = certificates[index];
		return {
			keyFile,
			signature: options.signature,
			purpose: options.certPurpose,
			warn: (message) => terminal.note(`Warning: ${message}`),
			...(certificateFile === undefined ? {} : { certificateFile }),
			...(options.passphraseFile === undefined ? {} : { passphraseFile: options.passphraseFile }),
			...(options.pinFile === undefined ? {} : { pinFile: options.pinFile }),
			...(options.pkcs11Module === undefined ? {} : { module: options.pkcs11Module }),
		};
	}) as [KeyFiles, ...KeyFiles[]];
	const signer = await keys.openSigner(first, ...more);
	warnOfDates(terminal, signer);
	return signer;
}

function warnOfDates(terminal: Terminal, signer: Signer): void {
	const now = new Date().toISOString();
	for (const each of signer.signers) {
		if (!('subject' in each)) continue;
		const { notBefore, notAfter, subject } = each;
		if (now < notBefore) terminal.note(`Warning: the certificate ${subject} is valid only from ${notBefore}.`);
		if (now > notAfter) {
			terminal.note(`Warning: the certificate ${subject} expired on ${notAfter}: SWUpdate will refuse what it signs.`);
		}
	}
}

export function wrong(message: string): CaissonError {
	return new CaissonError('usage-wrong', message);
}
