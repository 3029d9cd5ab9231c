// `caisson update pack`: words and options in, a signed .swu out. The work is done by ../pack.ts.

import { Command, Option } from 'commander';
import { withExamples, withFormat } from '../../terminal/command-help.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { type PackedUpdate, type PackProgress, packUpdate } from '../pack.ts';
import type { CertificatePurpose, Keys } from '../signer.ts';

interface Options {
	readonly output: string;
	readonly key: string;
	readonly cert: string;
	readonly passphraseFile?: string;
	readonly certPurpose: CertificatePurpose;
	readonly cpio: 'crc' | 'newc';
	readonly format: 'text' | 'json';
}

const specificationHelp = `
The specification names things as SWUpdate's sw-description does:
  version: "1.2.0"
  hardware-compatibility: ["1.0", "#RE:^2\\\\..*"]   # or the word any
  images:                                  # handler raw by default
    - { source: rootfs.ext4, device: /dev/mmcblk0p3, compress: zstd }
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
		.requiredOption('-o, --output <file>', 'the .swu to write; it appears when it is complete')
		.requiredOption('--key <file>', 'private key, PEM: RSA, or ECDSA on P-256 or P-384')
		.requiredOption('--cert <file>', 'certificate of the key, PEM or DER')
		.option('--passphrase-file <file>', 'file whose first line is the passphrase of the key')
		.addOption(
			new Option('--cert-purpose <purpose>', 'what the devices check (swupdate --cert-purpose)')
				.choices(['emailProtection', 'codeSigning'])
				.default('emailProtection'),
		)
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
		['caisson update create-test-key trial', 'Make a key and a certificate to try it with'],
	]);
}

async function pack(terminal: Terminal, keys: Keys, spec: string, options: Options): Promise<PackedUpdate> {
	const signer = await keys.openSigner({
		keyFile: options.key,
		certificateFile: options.cert,
		purpose: options.certPurpose,
		warn: (message) => terminal.note(`Warning: ${message}`),
		...(options.passphraseFile === undefined ? {} : { passphraseFile: options.passphraseFile }),
	});
	const { notBefore, notAfter, subject } = signer.certificate;
	const now = new Date().toISOString();
	if (now < notBefore) terminal.note(`Warning: the certificate ${subject} is valid only from ${notBefore}.`);
	if (now > notAfter) {
		terminal.note(`Warning: the certificate ${subject} expired on ${notAfter}: SWUpdate will refuse what it signs.`);
	}
	try {
		return await packUpdate({
			specification: { file: spec },
			signer,
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
	terminal.print(`Version ${packed.version}, signed by ${packed.signer.subject} (${packed.signer.key}).`);
	terminal.print(`${packed.output}: ${packed.size} bytes, SHA-256 ${packed.sha256}`);
	terminal.note(`Check it: caisson update verify ${packed.output} --cert CERT`);
}
