// `caisson update inspect`: shows what is in a .swu, judging nothing.

import { Command } from 'commander';
import type { DescribedArtifact, SwDescription } from '../../format/sw-description/description.ts';
import { withExamples, withFormat } from '../../terminal/command-help.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { type ReadUpdate, readUpdate } from '../read.ts';
import { artifactsOf } from '../rules/check.ts';
import type { CertificateFacts, Keys } from '../signer.ts';

export function inspectCommand(terminal: Terminal, keys: Keys): Command {
	const command = new Command('inspect')
		.summary('show what is in a .swu')
		.description(
			'Show the members of a .swu with their hashes, what its sw-description says, and who signed it. Nothing is checked: see verify.',
		)
		.argument('<file>', 'the .swu')
		.action(async (file: string, options: { readonly format: 'text' | 'json' }) => {
			const update = await read(terminal, file);
			const signers = update.signature === undefined ? [] : keys.signersOf(update.signature);
			if (options.format === 'json') terminal.json(asJson(file, update, signers));
			else show(terminal, update, signers);
		});
	withFormat(command);
	return withExamples(command, [
		['caisson update inspect update.swu', 'Show members, description and signer'],
		['caisson update inspect update.swu --format json', 'The same for a program'],
	]);
}

async function read(terminal: Terminal, file: string): Promise<ReadUpdate> {
	try {
		return await readUpdate(file, {
			signal: terminal.interrupted,
			progress: (member, bytes, total) =>
				terminal.progress(`Reading ${member}: ${bytesText(bytes)} of ${bytesText(total)}`),
		});
	} finally {
		terminal.progress('');
	}
}

function asJson(file: string, update: ReadUpdate, signers: readonly CertificateFacts[]): unknown {
	const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);
	return {
		file,
		members: update.members,
		description: JSON.parse(JSON.stringify(update.description, plain)) as unknown,
		signed: update.signature !== undefined,
		signers,
	};
}

function show(
	terminal: Terminal,
	{ members, description, signature }: ReadUpdate,
	signers: readonly CertificateFacts[],
): void {
	terminal.table(members, [
		{ title: 'Member', value: ({ name }) => name },
		{ title: 'Bytes', value: ({ size }) => String(size), align: 'right' },
		{ title: 'SHA-256', value: ({ sha256 }) => sha256 },
	]);
	terminal.print('');
	for (const [name, value] of overall(description)) terminal.print(`${`${name}:`.padEnd(31)} ${value}`);
	const artifacts = artifactsOf(description);
	if (artifacts.length > 0) {
		terminal.print('');
		terminal.table(artifacts, [
			{ title: 'Artifact', value: ({ where }) => where },
			{ title: 'Member', value: ({ artifact }) => artifact.filename ?? '-' },
			{ title: 'Handler', value: ({ artifact }) => String(artifact.attributes.type ?? '-') },
			{ title: 'To', value: ({ artifact }) => destination(artifact) },
		]);
	}
	for (const section of description.sections) {
		for (const { name, value } of section.bootenv)
			terminal.print(`${[...section.path, 'bootenv'].join('.')}: ${name}=${value}`);
	}
	terminal.print('');
	if (signature === undefined) terminal.print('Not signed.');
	else if (signers.length === 0) terminal.print('Signed; the signature does not carry its certificate.');
	for (const signer of signers) {
		terminal.print(`Signed by ${signer.subject} (${signer.key}), until ${signer.notAfter}, serial ${signer.serial}.`);
	}
	terminal.note('Nothing was checked: see caisson update verify.');
}

function overall(description: SwDescription): [string, string][] {
	const rows: [string, string][] = [['version', description.version]];
	if (description.description !== undefined) rows.push(['description', description.description]);
	rows.push(['hardware-compatibility', description.hardwareCompatibility.join(', ') || 'missing']);
	for (const [name, value] of Object.entries(description.settings)) rows.push([name, String(value)]);
	return rows;
}

function destination({ attributes }: DescribedArtifact): string {
	const parts = [attributes.device, attributes.volume, attributes.mtdname, attributes.path];
	return parts.filter((part) => part !== undefined).join(' ') || '-';
}
