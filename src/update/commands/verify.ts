// `caisson update verify`: says whether a .swu is signed by whom it should be and holds what was signed.

import { Command } from 'commander';
import { withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { type CertificatePurpose, type Keys, signerLine } from '../signer.ts';
import { type VerifiedUpdate, verifyUpdate } from '../verify.ts';
import { readingUpdate } from './reading.ts';
import { certPurposeOption } from './signing-options.ts';
import { trustOf, withPublicKeyOption } from './trust-options.ts';

interface Options {
	readonly cert?: string;
	readonly publicKey?: string;
	readonly certPurpose: CertificatePurpose;
	readonly format: 'text' | 'json';
}

export function verifyCommand(terminal: Terminal, keys: Keys): Command {
	const command = new Command('verify')
		.summary('check the signature and every member of a .swu')
		.description(
			'Check that FILE is signed by a certificate that CERT trusts (or by the raw RSA key KEY), and that every member has the SHA-256 that the signed ' +
				'sw-description names. It is as strict as SWUpdate built with OpenSSL.',
		)
		.argument('<file>', 'the .swu')
		.option('--cert <file>', 'what the devices trust (swupdate -k): one or several certificates, PEM or DER')
		.addOption(certPurposeOption())
		.action(async (file: string, options: Options) => {
			const verified = await verify(terminal, keys, file, options);
			if (!verified.ok) terminal.exit(1);
			if (options.format === 'json') terminal.json(verified);
			else show(terminal, file, verified);
		});
	withPublicKeyOption(command);
	withFormat(command);
	withExamples(command, [
		['caisson update verify update.swu --cert cert.pem', 'Check what came back from the build'],
		['caisson update verify update.swu --public-key public.pem', 'The same for a raw RSA signature'],
	]);
	return withExitCodes(command, {
		0: 'signature and members are right',
		1: 'something is not: the findings say what; or the file is no .swu',
		2: 'trouble: a file cannot be read',
	});
}

async function verify(terminal: Terminal, keys: Keys, file: string, options: Options): Promise<VerifiedUpdate> {
	const trust = trustOf(options, Date.now());
	return readingUpdate(terminal, file, (reading) => verifyUpdate(file, keys, trust, reading));
}

function show(terminal: Terminal, file: string, verified: VerifiedUpdate): void {
	for (const finding of verified.findings) terminal.print(`${terminal.style('bad', 'Wrong')}  ${finding}`);
	if (!verified.ok) {
		terminal.print(`${file} must not be installed.`);
		return;
	}
	const signers = verified.signers.map(signerLine).join('; ');
	const raw = verified.signature === 'cms' ? '' : `, raw signature: ${verified.signature}`;
	terminal.print(`${terminal.style('good', 'Good')}  signed by ${signers}${raw}`);
	const artifacts = verified.artifacts === 1 ? '1 artifact' : `${verified.artifacts} artifacts`;
	terminal.print(
		`${terminal.style('good', 'Good')}  ${artifacts} of version ${verified.version}, with the hashes that were signed`,
	);
}
