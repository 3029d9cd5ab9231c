// `caisson trust ceremony`: from an agreement of people to unsigned documents and the record of it. The first ceremony takes
// a plan or asks for it; later ones change the root, or the roles that targets delegates to. Signing is another command.

import { join } from 'node:path';
import { Command } from 'commander';
import { CaissonError } from '../../errors.ts';
import { list, wholeNumber, withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { documentsBeside, readDocument, readRoot } from '../ceremony/documents.ts';
import { firstCeremony } from '../ceremony/first.ts';
import { type Outcome, writeOutcome } from '../ceremony/outcome.ts';
import { expiryOption, type PlanFile, readKeyFile, readPlan } from '../ceremony/plan-file.ts';
import { spaced, summaryOf } from '../ceremony/record.ts';
import { type Changes, mustSignAnew, rootRotation, targetsRotation } from '../ceremony/rotation.ts';
import type { CeremonyWorld } from '../ceremony/world.ts';
import { entriesOf, type KeyEntry } from '../rules/ceremony/key-entry.ts';
import { quoted } from '../rules/metadata/failure.ts';
import type { RootSigned, TargetsSigned } from '../rules/metadata/model.ts';
import { planByAsking } from './ceremony-questions.ts';
import { collected, confirmed, wrong } from './key-options.ts';

interface OutputOptions {
	readonly output: string;
	readonly yes?: boolean;
	readonly format: 'text' | 'json';
}

export function ceremonyCommand(terminal: Terminal, world: CeremonyWorld): Command {
	const command = new Command('ceremony')
		.summary('agree on keys, thresholds and expiries, and make what people sign')
		.description(
			'Make the unsigned documents of a ceremony and its record. The first one is made from a plan, or by answering ' +
				'questions on a terminal; root and targets make the versions that follow. No server and no network is needed.',
		)
		.addCommand(firstCommand(terminal, world), { isDefault: true })
		.addCommand(rootCommand(terminal, world))
		.addCommand(targetsCommand(terminal, world));
	return withExamples(command, [
		['caisson trust ceremony --plan ceremony.yaml -o ceremony', 'The first root, targets and releases'],
		[
			'caisson trust ceremony root --from ceremony/1.root.json \\\n    --remove-key bob --add-key keys/frank.public.json -o ceremony',
			'Replace a root key that was lost',
		],
	]);
}

function withOutput(command: Command): Command {
	withFormat(command)
		.option('-o, --output <dir>', 'folder for the documents; made where absent', '.')
		.option('-y, --yes', 'write without asking');
	return withExitCodes(command, {
		0: 'written',
		1: 'refused: by a rule that the keys or thresholds break, or by you',
		2: 'trouble',
	});
}

function firstCommand(terminal: Terminal, world: CeremonyWorld): Command {
	const command = new Command('first')
		.summary('the first root, targets and roles below it (default)')
		.description('Make version 1 of root, of targets and of the roles that people sign below it.')
		.option('--plan <file>', 'YAML; without it, questions are asked, and the answers are kept as ceremony.yaml');
	withOutput(command).action(async ({ plan, ...options }: OutputOptions & { readonly plan?: string }) => {
		const file = plan ?? (await planByAsking(terminal, world, options.output));
		const outcome = firstCeremony(await readPlan(file, [], world), world);
		await finish(terminal, outcome, options);
	});
	return withExamples(command, [['caisson trust ceremony first --plan ceremony.yaml -o ceremony', 'From a plan']]);
}

interface NextOptions extends OutputOptions {
	readonly from: string;
	readonly plan?: string;
	readonly role?: readonly string[];
	readonly addKey?: readonly string[];
	readonly removeKey?: readonly string[];
	readonly threshold?: number;
	readonly expires?: string;
	readonly root?: string;
}

function withChanges(command: Command, roles: string): Command {
	return withOutput(
		command
			.requiredOption('--from <document>', 'the version that stands')
			.option('--plan <file>', 'YAML that says how it shall be, instead of the single changes')
			.option('--role <name>', roles, list)
			.option('--add-key <file>', 'NAME.public.json of a key that the role gets; may be repeated', collected)
			.option('--remove-key <label>', 'label or id of a key that the role loses; may be repeated', collected)
			.option('--threshold <number>', 'how many keys must sign from now on', wholeNumber(1, 1000))
			.option('--expires <when>', 'days from now, 365d, or a date, 2030-01-31; by default a year'),
	);
}

function rootCommand(terminal: Terminal, world: CeremonyWorld): Command {
	const command = new Command('root')
		.summary('the root that follows: rotate keys, change thresholds, extend the expiry')
		.description(
			'Make the next root. Devices accept it when enough keys of the old root and enough of the new one have signed it. ' +
				'Without a change it only gets a new expiry.',
		);
	withChanges(command, 'role whose keys change: root (default), targets, snapshot, timestamp; may be repeated');
	command.action(async (options: NextOptions) => {
		const before = (await readRoot(options.from)).signed;
		const change = await changesOf(options, 'root', entriesOf(before.keys), world);
		const outcome = rootRotation(before, change, world);
		if (!(await finish(terminal, outcome, options))) return;
		const after = outcome.documents[0]?.signed as RootSigned;
		const signers = mustSignAnew(before, after);
		if (signers.length === 0) return;
		terminal.note(
			`The keys of targets change, to ${signers.join(', ')}. Unless enough of them signed the targets that stands:`,
		);
		terminal.note('  caisson trust ceremony targets --from N.targets.json');
	});
	return withExamples(command, [
		['caisson trust ceremony root --from 1.root.json --expires 365d', 'Extend the expiry'],
		[
			'caisson trust ceremony root --from 1.root.json --role timestamp,snapshot \\\n    --remove-key online --add-key online2.public.json',
			'Replace a stolen online key',
		],
	]);
}

function targetsCommand(terminal: Terminal, world: CeremonyWorld): Command {
	const command = new Command('targets')
		.summary('the targets document that follows: change who signs releases, extend the expiry')
		.description(
			'Make the next version of targets, or of a role below it. Targets that are listed stay; keys of the roles that it ' +
				'delegates to can change. Without a change it only gets a new expiry.',
		)
		.option('--root <file>', 'the root that stands; by default the newest that lies beside');
	withChanges(command, 'delegated role whose keys change: releases, bins; may be repeated');
	command.action(async (options: NextOptions) => {
		const document = await readDocument(options.from);
		const { signed } = document.metadata;
		if (signed._type !== 'targets') {
			throw new CaissonError(
				'trust-role-unknown',
				`${options.from} is a document of ${quoted(signed._type)}, not of targets.`,
			);
		}
		const before = signed as TargetsSigned;
		const change = await changesOf(options, undefined, entriesOf(before.delegations?.keys ?? {}), world);
		const root = options.root === undefined ? await rootBeside(options.from) : (await readRoot(options.root)).signed;
		if (root === undefined) terminal.note('Warning: no root lies beside: which keys are the server’s is not checked.');
		await finish(terminal, targetsRotation(document.role, before, change, world, root), options);
	});
	return withExamples(command, [
		[
			'caisson trust ceremony targets --from 1.targets.json --role releases \\\n    --remove-key rita --add-key rosa.public.json',
			'Replace a key of those who sign releases',
		],
		['caisson trust ceremony targets --from 3.releases.json --expires 180d', 'Extend the expiry of releases'],
	]);
}

async function rootBeside(file: string): Promise<RootSigned | undefined> {
	const roots = (await documentsBeside(file)).flatMap(({ metadata: { signed } }) =>
		signed._type === 'root' ? [signed] : [],
	);
	return roots.sort((a, b) => b.version - a.version)[0] as RootSigned | undefined;
}

async function changesOf(
	options: NextOptions,
	role: string | undefined,
	known: readonly KeyEntry[],
	world: CeremonyWorld,
): Promise<Changes | PlanFile> {
	const { plan, addKey = [], removeKey = [], threshold } = options;
	const expires = options.expires === undefined ? {} : { expires: expiryOption(options.expires, world.now()) };
	const single = addKey.length + removeKey.length + (threshold === undefined ? 0 : 1) > 0;
	if (plan !== undefined) {
		if (single || options.role !== undefined) throw wrong('--plan says how it shall be: leave the single changes out.');
		return { ...(await readPlan(plan, known, world)), ...expires };
	}
	const roles = options.role ?? (role === undefined ? [] : [role]);
	if (single && roles.length === 0) throw wrong('Say whose keys change: --role NAME.');
	if (options.role !== undefined && !single) {
		throw wrong('Say what changes of the role: --add-key, --remove-key, --threshold.');
	}
	const add: KeyEntry[] = [];
	for (const file of addKey) add.push(await readKeyFile(file, world));
	return { ...{ roles, add, remove: removeKey }, ...(threshold === undefined ? {} : { threshold }), ...expires };
}

/** Shows, asks on a terminal, writes. @returns whether it was written */
async function finish(terminal: Terminal, outcome: Outcome, options: OutputOptions): Promise<boolean> {
	const { documents, findings } = outcome;
	if (options.format === 'text') showOutcome(terminal, outcome);
	if (findings.faults.length === 0 && options.yes !== true) {
		// Where nobody can be asked, a plan is replayed: what is written is unsigned, and shown again before it is signed.
		if ((await confirmed(terminal, `Write ${documents.length} documents to ${options.output}?`)) === false) {
			terminal.note('Nothing was written.');
			terminal.exit(1);
			return false;
		}
	}
	const written = await writeOutcome(outcome, options.output);
	if (options.format === 'json') {
		terminal.json({
			documents: documents.map(({ role, file, digest, differences, signed: { version, expires } }) => ({
				...{ role, version, expires, digest, differences },
				file: join(options.output, file),
			})),
			roles: summaryOf(outcome),
			warnings: findings.warnings,
			record: written.at(-1),
		});
		return true;
	}
	terminal.print('');
	for (const file of written) terminal.print(file);
	terminal.note('Print the record, and carry the documents to everyone who signs:');
	terminal.note(`  caisson trust sign ${join(options.output, documents[0]?.file ?? '')} --key KEY`);
	return true;
}

function showOutcome(terminal: Terminal, outcome: Outcome): void {
	for (const { role, threshold, keys, online, scope } of summaryOf(outcome)) {
		const who = online ? 'signed by the server' : 'signed by people';
		terminal.print(`${role}: ${threshold} of ${keys.length} keys, ${who}${scope === '' ? '' : `; ${scope}`}`);
		terminal.table(keys, [
			{ title: '  Key', value: ({ label }) => `  ${label}` },
			{ title: 'Kind', value: ({ kind }) => kind },
			{ title: 'Key id', value: ({ keyid }) => keyid },
			{ title: 'Holder', value: ({ holder }) => holder ?? '-' },
		]);
	}
	for (const { file, signed, digest, differences } of outcome.documents) {
		terminal.print(`${file}: expires ${signed.expires}`);
		terminal.print(`  SHA-256 ${spaced(digest)}`);
		if (signed.version > 1) for (const line of differences) terminal.print(`  ${line}`);
	}
	for (const warning of outcome.findings.warnings) terminal.note(`Warning: ${warning}`);
}
