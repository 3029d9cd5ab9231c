// `caisson update sign`: signs a .swu that was packed before, or its description alone where the key is on a machine that
// the .swu does not reach. The work is done by ../sign.ts.

import { Command } from 'commander';
import { withExamples, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { PackedUpdate } from '../pack.ts';
import { attachSignature, extractDescription, readSmall, signDescription, signUpdate, type ToSign } from '../sign.ts';
import { type Keys, signerLine } from '../signer.ts';
import { readingUpdate } from './reading.ts';
import { openSignerOf, type SigningOptions, withSigningOptions, wrong } from './signing-options.ts';
import { trustOf, withPublicKeyOption } from './trust-options.ts';

interface Options extends SigningOptions {
	readonly output: string;
	readonly extractDescription?: boolean;
	readonly description?: boolean;
	readonly attach?: string;
	readonly publicKey?: string;
	readonly format: 'text' | 'json';
}

const byHand = `
Where the key is on a machine without network, only the description travels:
  1. caisson update sign X.swu --extract-description -o sw-description
  2. there: caisson update sign sw-description --description
     -o sw-description.sig --key KEY --cert CERT
     or: openssl cms -sign -binary -noattr -outform DER -in sw-description
     -out sw-description.sig -signer CERT -inkey KEY
  3. caisson update sign X.swu --attach sw-description.sig --cert CERT -o Y.swu`;

export function signCommand(terminal: Terminal, keys: Keys): Command {
	const command = new Command('sign')
		.summary('sign a .swu that was packed before')
		.description(
			'Check that every payload of FILE is what its sw-description says, show what is signed, and write a signed copy. An ' +
				'older signature is replaced; payload bytes stay as they are.',
		)
		.argument('<file>', 'the .swu; with --description a sw-description')
		.requiredOption('-o, --output <file>', 'the file to write; it may be FILE itself');
	withSigningOptions(command)
		.option('--extract-description', 'write the sw-description alone, to sign it elsewhere')
		.option('--description', 'FILE is a sw-description: write its signature')
		.option(
			'--attach <signature>',
			'put in a signature that was made elsewhere, once --cert or --public-key accepts it',
		);
	withPublicKeyOption(command).action(async (file: string, options: Options) => {
		const modes = [options.extractDescription, options.description, options.attach].filter(
			(each) => each !== undefined,
		);
		if (modes.length > 1) throw wrong('--extract-description, --description and --attach exclude each other.');
		if ((options.attach !== undefined || options.extractDescription) && options.key !== undefined) {
			throw wrong('No key is used here: leave --key out.');
		}
		if (options.extractDescription) await extract(terminal, file, options);
		else if (options.description) await signAlone(terminal, keys, file, options);
		else if (options.attach !== undefined) await attach(terminal, keys, file, options.attach, options);
		else await signWhole(terminal, keys, file, options);
	});
	withFormat(command);
	command.addHelpText('after', byHand);
	return withExamples(command, [
		['caisson update sign x.swu -o y.swu --key key.pem --cert cert.pem', 'Sign with a key in a file'],
		[
			"caisson update sign x.swu -o y.swu --cert cert.pem \\\n    --key 'pkcs11:token=HSM;object=release' --pin-file pin \\\n    --pkcs11-module /usr/lib/softhsm/libsofthsm2.so",
			'Sign with a key in a token',
		],
	]);
}

async function signWhole(terminal: Terminal, keys: Keys, file: string, options: Options): Promise<void> {
	const signer = await openSignerOf(terminal, keys, options);
	const show = (toSign: ToSign) => {
		if (options.format === 'text') showToSign(terminal, toSign);
	};
	const signed = await readingUpdate(terminal, file, (read) => signUpdate(file, signer, options.output, show, read));
	if (options.format === 'json') return terminal.json(signed);
	terminal.print(`Version ${signed.version}, signed by ${signed.signers.map(signerLine).join('; ')}.`);
	terminal.print(`${signed.output}: ${signed.size} bytes, SHA-256 ${signed.sha256}`);
	noteCheck(terminal, signed);
}

async function attach(terminal: Terminal, keys: Keys, file: string, from: string, options: Options): Promise<void> {
	const trust = trustOf(options, Date.now());
	const signature = await readSmall(from, terminal.interrupted);
	const signed = await readingUpdate(terminal, file, (read) =>
		attachSignature(file, signature, keys, trust, options.output, read),
	);
	if (options.format === 'json') return terminal.json(signed);
	terminal.print(`Version ${signed.version}, signed by ${signed.signers.map(signerLine).join('; ')}.`);
	terminal.print(`${signed.output}: ${signed.size} bytes, SHA-256 ${signed.sha256}`);
	noteCheck(terminal, signed);
}

function noteCheck(terminal: Terminal, { output, signature }: Pick<PackedUpdate, 'output' | 'signature'>): void {
	const trust = signature === 'cms' ? '--cert CERT' : '--public-key KEY';
	terminal.note(`Check it: caisson update verify ${output} ${trust}`);
}

async function extract(terminal: Terminal, file: string, options: Options): Promise<void> {
	const toSign = await readingUpdate(terminal, file, (read) => extractDescription(file, options.output, read));
	if (options.format === 'json') return terminal.json(toSign);
	showToSign(terminal, toSign);
	terminal.note(
		`Next, where the key is: caisson update sign ${options.output} --description -o SIGNATURE --key KEY --cert CERT`,
	);
}

async function signAlone(terminal: Terminal, keys: Keys, file: string, options: Options): Promise<void> {
	const signer = await openSignerOf(terminal, keys, options);
	const signed = await signDescription(file, signer, options.output, terminal.interrupted);
	if (options.format === 'json') return terminal.json(signed);
	terminal.print(`sw-description of version ${signed.version}, SHA-256 ${signed.sha256}`);
	terminal.print(`${signed.output}: signature of ${signed.signers.map(signerLine).join('; ')}`);
	terminal.note('The payloads were not seen here: the machine that extracted the description checked them.');
	terminal.note(
		`Next, where the .swu is: caisson update sign X.swu --attach ${signed.output} --cert CERT -o SIGNED.swu`,
	);
}

function showToSign(terminal: Terminal, toSign: ToSign): void {
	terminal.table(toSign.members, [
		{ title: 'Member', value: ({ name }) => name },
		{ title: 'Bytes', value: ({ size }) => String(size), align: 'right' },
		{ title: 'SHA-256', value: ({ sha256 }) => sha256 },
	]);
	const hardware = toSign.hardwareCompatibility.join(', ') || 'missing';
	terminal.print(`Version ${toSign.version} for the hardware ${hardware}. Every payload has the described SHA-256.`);
	if (toSign.replaces) terminal.print('Its signature is replaced.');
}
