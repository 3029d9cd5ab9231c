// `caisson trust sign`: one person adds one signature to a document, on a machine that needs no network, after seeing what
// is signed. The work is done by ../ceremony/sign.ts.

import { Command } from 'commander';
import { withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { spaced } from '../ceremony/record.ts';
import {
	checksOf,
	mergeSignatures,
	type OpenDocument,
	openDocument,
	type SigningRequest,
	signDocument,
	writeSigned,
} from '../ceremony/sign.ts';
import type { CeremonyWorld } from '../ceremony/world.ts';
import { keyName } from '../rules/ceremony/key-entry.ts';
import type { RoleCheck } from '../rules/ceremony/standing.ts';
import type { Metadata } from '../rules/metadata/model.ts';
import { collected, confirmed, keyFiles, type SecretOptions, withSecretOptions, wrong } from './key-options.ts';

interface Options extends SecretOptions {
	readonly key?: string;
	readonly root?: readonly string[];
	readonly role?: string;
	readonly previous?: string;
	readonly merge?: readonly string[];
	readonly output?: string;
	readonly yes?: boolean;
	readonly format: 'text' | 'json';
}

export function signCommand(terminal: Terminal, world: CeremonyWorld): Command {
	const command = new Command('sign')
		.summary('add a signature to a document that was carried here')
		.description(
			'Show what DOCUMENT says and what is new in it, and add the signature of one key. A key that the role does not ' +
				'name is refused, and so is a document that was changed after somebody signed it. No network is used.',
		)
		.argument('<document>', 'N.ROLE.json; the signature is added in place unless -o says otherwise')
		.option('--key <key>', 'private key: a PEM file, or the PKCS#11 URI of a key in a token')
		.option(
			'--root <file>',
			'the root that you trust, or the document that delegates to the role; by default what lies beside; may be repeated',
			collected,
		)
		.option('--role <name>', 'the role, where the file is not called N.ROLE.json')
		.option('--previous <file>', 'the version before, to show what is new; by default what lies beside')
		.option('--merge <copy>', 'take over the signatures of another copy instead of signing; may be repeated', collected)
		.option('-o, --output <file>', 'write the signed document there')
		.option('-y, --yes', 'sign without asking');
	withSecretOptions(command).action(async (file: string, options: Options) => {
		if (options.merge !== undefined) await merge(terminal, world, file, options.merge, options);
		else await sign(terminal, world, file, options);
	});
	withFormat(command);
	withExitCodes(command, {
		0: 'signed, or the key had signed before',
		1: 'refused: the key, the document, or by you',
		2: 'trouble',
	});
	return withExamples(command, [
		[
			'caisson trust sign 1.root.json --key alice.pem \\\n    --passphrase-file alice.pass',
			'Sign the first root with a key in a file',
		],
		[
			'caisson trust sign 2.root.json --root 1.root.json --key alice.pem \\\n    --passphrase-file alice.pass',
			'Sign a rotation',
		],
		['caisson trust sign a/1.root.json --merge b/1.root.json -o 1.root.json', 'Join the signatures of two copies'],
	]);
}

async function sign(terminal: Terminal, world: CeremonyWorld, file: string, options: Options): Promise<void> {
	if (options.key === undefined)
		throw wrong('A key is needed: --key FILE, or --key pkcs11:…; or join copies with --merge.');
	if (options.format === 'json' && options.yes !== true) {
		throw wrong('With --format json nothing is shown before it is signed: look at the document, and pass --yes.');
	}
	const document = await openDocument(requestOf(file, options), world);
	// What is signed is seen before the key is opened: a wrong PIN counts.
	if (options.format === 'text') show(terminal, document, world);
	if (options.yes !== true) {
		const answer = await confirmed(terminal, `Sign this document as ${options.key}?`);
		if (answer === undefined) throw wrong('Nobody can be asked here: look at the document, and pass --yes.');
		if (!answer) {
			terminal.note('Nothing was signed.');
			return terminal.exit(1);
		}
	}
	const signer = await world.keys.open(keyFiles(terminal, options.key, options));
	const { metadata, keyid, label, added } = await signDocument(document, signer);
	const output = options.output ?? file;
	if (added || output !== file) await writeSigned(output, metadata);
	const checks = checksOf({ ...document, metadata }, world);
	if (options.format === 'json') return terminal.json(report(document, metadata, checks, { output, keyid, added }));
	terminal.print('');
	terminal.print(added ? `Signed by ${label}.` : `${label} had signed before: the document stays as it is.`);
	if (output !== file || added) terminal.print(`Written: ${output}`);
	showChecks(terminal, document, checks);
}

async function merge(
	terminal: Terminal,
	world: CeremonyWorld,
	file: string,
	copies: readonly string[],
	options: Options,
): Promise<void> {
	if (options.key !== undefined) throw wrong('--merge joins signatures that are there: leave --key out.');
	const [first, ...others] = await Promise.all(
		[file, ...copies].map((each) => openDocument(requestOf(each, options), world)),
	);
	const document = first as OpenDocument;
	const metadata = mergeSignatures(document, others);
	const output = options.output ?? file;
	await writeSigned(output, metadata);
	const checks = checksOf({ ...document, metadata }, world);
	if (options.format === 'json') return terminal.json(report(document, metadata, checks, { output }));
	terminal.print(`${output}: ${metadata.signatures.length} signatures`);
	showChecks(terminal, document, checks);
}

function requestOf(file: string, { root, role, previous }: Options): SigningRequest {
	return {
		...{ file, trusted: root ?? [] },
		...(role === undefined ? {} : { role }),
		...(previous === undefined ? {} : { previous }),
	};
}

function show(terminal: Terminal, document: OpenDocument, world: CeremonyWorld): void {
	const { role, metadata, digest, previous, differences, warnings, from } = document;
	const { version, expires } = metadata.signed;
	const days = Math.floor((Date.parse(expires) - world.now()) / 86_400_000);
	terminal.print(`Role:     ${role}, version ${version}`);
	terminal.print(`Expires:  ${expires} (in ${days} days)`);
	terminal.print(`SHA-256:  ${spaced(digest)}`);
	terminal.print(`Compared: ${previous === undefined ? 'with nothing, all of it is new' : `with ${previous.file}`}`);
	for (const line of differences) terminal.print(`  ${line}`);
	if (differences.length === 0) terminal.print('  nothing is new');
	for (const { file, given } of from) {
		terminal.print(`Keys by:  ${file}${given ? '' : ' (it lies beside; --root names one that you trust)'}`);
	}
	for (const warning of warnings) terminal.note(`Warning: ${warning}`);
}

function showChecks(terminal: Terminal, { authorities }: OpenDocument, checks: readonly RoleCheck[]): void {
	for (const [index, { by, signed, threshold, missing, unsigned }] of checks.entries()) {
		const keys = authorities[index]?.keys ?? {};
		const names = (ids: readonly string[]) => ids.map((id) => keyName(id, keys)).join(', ') || 'nobody';
		const rest = missing === 0 ? 'complete' : `${missing} more of ${names(unsigned)}`;
		terminal.print(`By ${by}: ${threshold} needed, signed by ${names(signed)}; ${rest}`);
	}
}

function report(
	{ role, digest, differences, warnings }: OpenDocument,
	{ signed, signatures }: Metadata,
	checks: readonly RoleCheck[],
	more: object,
): object {
	const { version, expires } = signed;
	return { role, version, expires, digest, differences, warnings, signatures: signatures.length, checks, ...more };
}
