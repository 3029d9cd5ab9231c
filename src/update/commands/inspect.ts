// `caisson update inspect`: shows what is in a .swu, judging nothing but the checksums of the archive.

import { Command } from 'commander';
import type { DescribedArtifact, SwDescription } from '../../format/sw-description/description.ts';
import { withExamples, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { type ReadUpdate, readUpdate } from '../read.ts';
import { artifactsOf } from '../rules/check.ts';
import { unverifiedProperty } from '../rules/plan.ts';
import type { Keys, SignatureFacts } from '../signer.ts';
import { headerFacts, type ZchunkFacts } from '../zchunk-members.ts';
import { readingUpdate } from './reading.ts';

export function inspectCommand(terminal: Terminal, keys: Keys): Command {
	const command = new Command('inspect')
		.summary('show what is in a .swu')
		.description(
			'Show the members of a .swu with their place and hashes, what its sw-description says of each artifact ' +
				'(compression, encryption, delta, readback), and who signed it. Only the checksums of the archive are checked: ' +
				'see verify.',
		)
		.argument('<file>', 'the .swu')
		.action(async (file: string, options: { readonly format: 'text' | 'json' }) => {
			const update = await readingUpdate(terminal, file, (reading) => readUpdate(file, reading));
			const signature = update.signature === undefined ? undefined : keys.signatureFacts(update.signature);
			const deltas = await headerFacts(file, update);
			if (options.format === 'json') terminal.json(asJson(file, update, signature, deltas));
			else show(terminal, update, signature, deltas);
		});
	withFormat(command);
	return withExamples(command, [
		['caisson update inspect update.swu', 'Show members, description and signer'],
		['caisson update inspect update.swu --format json', 'The same for a program'],
	]);
}

function asJson(
	file: string,
	update: ReadUpdate,
	signature: SignatureFacts | undefined,
	deltas: ReadonlyMap<string, ZchunkFacts>,
): unknown {
	const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);
	return {
		file,
		members: update.members.map((member) => ({
			...member,
			...(deltas.has(member.name) ? { zchunk: deltas.get(member.name) } : {}),
		})),
		description: JSON.parse(JSON.stringify(update.description, plain)) as unknown,
		signed: signature !== undefined,
		signature: signature?.kind ?? 'none',
		signers: signature?.kind === 'cms' ? signature.signers : [],
	};
}

function show(
	terminal: Terminal,
	{ members, description }: ReadUpdate,
	signature: SignatureFacts | undefined,
	deltas: ReadonlyMap<string, ZchunkFacts>,
): void {
	terminal.table(members, [
		{ title: 'Member', value: ({ name }) => name },
		{ title: 'At', value: ({ dataOffset }) => String(dataOffset), align: 'right' },
		{ title: 'Bytes', value: ({ size }) => String(size), align: 'right' },
		{ title: 'SHA-256', value: ({ sha256 }) => sha256 },
		{ title: 'Checksum', value: ({ checksum }) => (checksum === undefined ? 'none' : 'right') },
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
			{ title: 'Form', value: ({ artifact }) => form(artifact, deltas) },
		]);
	}
	for (const section of description.sections) {
		for (const { name, value } of section.bootenv)
			terminal.print(`${[...section.path, 'bootenv'].join('.')}: ${name}=${value}`);
	}
	terminal.print('');
	showSignature(terminal, signature);
	terminal.note('Signature and hashes were not checked: see caisson update verify.');
}

function showSignature(terminal: Terminal, signature: SignatureFacts | undefined): void {
	for (const line of signatureLines(signature)) terminal.print(line);
}

function signatureLines(signature: SignatureFacts | undefined): string[] {
	if (signature === undefined) return ['Not signed.'];
	if (signature.kind === 'raw') {
		return [`Signed with a raw RSA signature of ${signature.bits} bits, which names no signer.`];
	}
	if (signature.signers.length === 0) return ['Signed (CMS); the signature does not carry its certificate.'];
	return signature.signers.map(
		({ subject, key, notAfter, serial }) => `Signed by ${subject} (${key}), until ${notAfter}, serial ${serial}.`,
	);
}

/** How the member becomes what lies on the device: encrypted, compressed, delta, readback. */
function form(
	{ filename, attributes, properties }: DescribedArtifact,
	deltas: ReadonlyMap<string, ZchunkFacts>,
): string {
	const parts: string[] = [];
	if (attributes.encrypted === true) parts.push('encrypted (AES-CBC)');
	if (attributes.compressed !== undefined) parts.push(`compressed (${attributes.compressed})`);
	const delta = filename === undefined ? undefined : deltas.get(filename);
	if (delta !== undefined) parts.push(`zchunk header: ${delta.chunks} chunks, ${delta.dataBytes} bytes`);
	else if (attributes.type === 'delta') parts.push('zchunk header, which cannot be read');
	if (properties[unverifiedProperty] === 'true') parts.push('packed unverified');
	if (attributes.type === 'readback')
		parts.push(`reads back, expects SHA-256 ${String(properties.sha256 ?? 'that is missing')}`);
	return parts.join(', ') || '-';
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
