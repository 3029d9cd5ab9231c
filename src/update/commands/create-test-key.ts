// `caisson update create-test-key`: a key and a certificate for trials, in one step.

import { Command } from 'commander';
import { withExamples, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { Keys } from '../signer.ts';

export function createTestKeyCommand(terminal: Terminal, keys: Keys): Command {
	const command = new Command('create-test-key')
		.summary('make a key and a certificate for trials')
		.description(
			'Make an RSA key without a passphrase and a self-signed certificate that SWUpdate accepts (swupdate -k), valid for ' +
				'a year. For trials only: whoever reads the key can update every device that trusts the certificate.',
		)
		.argument('<dir>', 'folder for test-key.pem and test-certificate.pem; made where absent')
		.action(async (directory: string, options: { readonly format: 'text' | 'json' }) => {
			const made = await keys.createTestKey(directory, { now: Date.now() });
			if (options.format === 'json') return terminal.json(made);
			terminal.print(made.keyFile);
			terminal.print(made.certificateFile);
			terminal.note('For trials only: the key has no passphrase.');
			terminal.note(
				`Next: caisson update pack SPEC.yaml -o X.swu --key ${made.keyFile} --cert ${made.certificateFile}`,
			);
		});
	withFormat(command);
	return withExamples(command, [
		['caisson update create-test-key trial', 'Write trial/test-key.pem and its certificate'],
	]);
}
