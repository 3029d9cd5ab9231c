// `caisson update pack`: words and options in, a signed .swu out. The work is done by ../pack.ts.

import { Command, Option } from 'commander';
import { withExamples, withFormat } from '../../terminal/command-help.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { type AesKey, readAesKey } from '../encryption.ts';
import { type PackedUpdate, type PackProgress, packUpdate } from '../pack.ts';
import { type Keys, signerLine } from '../signer.ts';
import { openSignerOf, type SigningOptions, withSigningOptions, wrong } from './signing-options.ts';

interface Options extends SigningOptions {
	readonly output: string;
	readonly unsigned?: boolean;
	readonly aesKey?: string;
	readonly cpio: 'crc' | 'newc';
	readonly format: 'text' | 'json';
}

const specificationHelp = `
The specification names things as SWUpdate's sw-description does:
  version: "1.2.0"
  hardware-compatibility: ["1.0", "#RE:^2\\\\..*"]   # or the word any
  images:                                  # handler raw by default
    - { source: rootfs.ext4, device: /dev/mmcblk0p3, compress: zstd }
    # encrypt: true encrypts it with --aes-key, after it was compressed
  files:                                   # handler rawfile by default
    - { source: app.conf, path: /etc/app.conf, create-destination: true }
  archives:                                # tar files; they keep permissions
    - { source: app.tar, path: /opt/app }
  scripts:
    - { source: after.sh, type: postinstall }
  bootenv: { bootpart: "2" }
  selections:                              # for swupdate -e stable,copyA
    stable.copyA: { images: [...] }
    # a list of a selection replaces the general list of that name
Sources are relative to the specification. Hashes are computed.`;

export function packCommand(terminal: Terminal, keys: Keys): Command {
	const command = new Command('pack')
		.summary('pack and sign a .swu')
		.description(
			'Pack the files that SPEC names into a .swu for SWUpdate and sign it (CMS, detached, no signing time). ' +
				'The same inputs give the same bytes with an RSA key.',
		)
		.argument('<spec>', 'the update specification, YAML or JSON')
		.requiredOption('-o, --output <file>', 'the .swu to write; it appears when it is complete');
	withSigningOptions(command)
		.option('--unsigned', 'write it without a signature: caisson update sign adds one')
		.option('--aes-key <file>', 'encrypts what has encrypt: true; a file as swupdate -K takes it')
		.addOption(
			new Option('--cpio <format>', 'crc: with a checksum a member; newc: without')
				.choices(['crc', 'newc'])
				.default('crc'),
		)
		.action(async (spec: string, options: Options) => {
			const packed = await pack(terminal, keys, spec, options);
			if (options.format === 'json') terminal.json(packed);
			else show(terminal, packed);
		});
	withFormat(command);
	command.addHelpText('after', specificationHelp);
	return withExamples(command, [
		['caisson update pack spec.yaml -o x.swu --key key.pem --cert cert.pem', 'Pack and sign'],
		['caisson update pack spec.yaml -o x.swu --unsigned', 'Pack for a signer elsewhere'],
		['caisson update create-test-key trial', 'Make a key and a certificate to try it with'],
	]);
}

async function pack(terminal: Terminal, keys: Keys, spec: string, options: Options): Promise<PackedUpdate> {
	if (options.unsigned && options.key !== undefined) throw wrong('--unsigned and --key exclude each other.');
	const signer = options.unsigned ? undefined : await openSignerOf(terminal, keys, options);
	const encryption: AesKey | undefined =
		options.aesKey === undefined
			? undefined
			: await readAesKey(options.aesKey, (message) => terminal.note(`Warning: ${message}`));
	try {
		return await packUpdate({
			specification: { file: spec },
			...(signer === undefined ? {} : { signer }),
			...(encryption === undefined ? {} : { encryption }),
			output: options.output,
			cpio: options.cpio,
			signal: terminal.interrupted,
			progress: (state) => terminal.progress(progressLine(state)),
		});
	} finally {
		terminal.progress('');
	}
}

function progressLine({ step, member, bytes, total }: PackProgress): string {
	const word = step[0]?.toUpperCase() + step.slice(1);
	const share =
		total === undefined || total === 0 ? '' : ` of ${bytesText(total)}, ${Math.floor((100 * bytes) / total)} %`;
	return `${word} ${member}: ${bytesText(bytes)}${share}`;
}

function show(terminal: Terminal, packed: PackedUpdate): void {
	terminal.table(packed.members, [
		{ title: 'Member', value: ({ name }) => name },
		{ title: 'Bytes', value: ({ size }) => String(size), align: 'right' },
		{ title: 'SHA-256', value: ({ sha256 }) => sha256 },
	]);
	const by = packed.signature === 'none' ? 'not signed' : `signed by ${packed.signers.map(signerLine).join('; ')}`;
	terminal.print(`Version ${packed.version}, ${by}.`);
	terminal.print(`${packed.output}: ${packed.size} bytes, SHA-256 ${packed.sha256}`);
	if (packed.signature === 'none')
		terminal.note(`Next: caisson update sign ${packed.output} -o SIGNED.swu --key KEY --cert CERT`);
	else
		terminal.note(
			`Check it: caisson update verify ${packed.output} ${packed.signature === 'cms' ? '--cert CERT' : '--public-key KEY'}`,
		);
}
