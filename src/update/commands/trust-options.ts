// The options by which verify and sign are told what devices trust.

import type { Command } from 'commander';
import type { CertificatePurpose, Trust } from '../signer.ts';
import { wrong } from './signing-options.ts';

export interface TrustOptions {
	readonly cert?: string | readonly string[];
	readonly publicKey?: string;
	readonly certPurpose: CertificatePurpose;
}

export function withPublicKeyOption(command: Command): Command {
	return command.option(
		'--public-key <file>',
		'what the devices trust (swupdate -k) where they check raw RSA signatures: PEM',
	);
}

/** @throws CaissonError usage-wrong unless exactly one of both is given */
export function trustOf(options: TrustOptions, now: number): Trust {
	const certificates = options.cert === undefined ? [] : [options.cert].flat();
	const [certificateFile] = certificates;
	if (certificates.length + (options.publicKey === undefined ? 0 : 1) !== 1) {
		throw wrong('Say what the devices trust: either --cert CERT (cms), or --public-key KEY (raw RSA).');
	}
	const rest = { now, purpose: options.certPurpose };
	return options.publicKey === undefined
		? { certificateFile: certificateFile as string, ...rest }
		: { publicKeyFile: options.publicKey, ...rest };
}
