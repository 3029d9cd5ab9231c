// `caisson trust client inventory|init-director|verify|installed|report`: a device that takes orders of a director, at the command
// line. It leaves out verification itself (src/trust/client/uptane.ts), which the program passes in.

import { Command, Option } from 'commander';
import { CaissonError } from '../../errors.ts';
import { list, withExamples, withFormat } from '../../terminal/command-help.ts';
import { readInput } from '../../terminal/input-file.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { Attack } from '../rules/director/findings.ts';

export interface OrderAddress {
	readonly state: string;
	/** Up to `/director`; the device's name follows. */
	readonly directorUrl: string;
	readonly imageUrls: readonly string[];
	readonly targetUrls: readonly string[];
	readonly incomplete: 'refuse' | 'install-rest';
	readonly out: string;
	readonly signal: AbortSignal;
}

export type VerifyResult =
	| {
			readonly outcome: 'verified';
			readonly updates: readonly { readonly component: string; readonly target: string; readonly path: string }[];
			readonly current: readonly string[];
			readonly leftOut: readonly Attack[];
	  }
	| { readonly outcome: 'refused'; readonly attack: Attack; readonly verified: number };

/** What the commands need of the world: programs/cli/trust-orders.ts. */
export interface OrdersWorld {
	initialise(state: string, directorRoot: string, imageRoot: string): Promise<void>;
	verify(identity: Identity, address: OrderAddress): Promise<VerifyResult>;
	/** What the director is told of this device: its components with their public keys. @throws CaissonError key-unusable */
	inventory(identity: Identity): Promise<unknown>;
	confirm(state: string, component: string): Promise<void>;
	/** Makes, signs and sends a manifest. @throws CaissonError director-manifest-dropped, server-unreachable */
	report(identity: Identity, state: string, directorUrl: string): Promise<void>;
}

/** The file that tells a device who it is. Keys are private keys on this device: files, or PKCS#11 URIs. */
export interface Identity {
	readonly device: string;
	/** How names begin of what may be installed: those that an offline role alone may list. Default: `releases/`. */
	readonly installable?: readonly string[];
	readonly components: readonly {
		readonly id: string;
		readonly hardware: string;
		readonly primary: boolean;
		readonly key: string;
		readonly passphraseFile?: string;
		readonly pinFile?: string;
	}[];
}

export function addOrderCommands(client: Command, terminal: Terminal, world: OrdersWorld): Command {
	client.addCommand(inventoryCommand(terminal, world));
	client.addCommand(initDirectorCommand(terminal, world));
	client.addCommand(verifyCommand(terminal, world));
	client.addCommand(installedCommand(terminal, world));
	client.addCommand(reportCommand(terminal, world));
	return client;
}

const withState = (command: Command) =>
	command.requiredOption('--state <dir>', 'folder of what the device trusts: both repositories, and what is installed');
const withIdentity = (command: Command) =>
	command
		.requiredOption('--identity <file>', 'JSON: who this device is, and the keys of its components')
		.requiredOption('--director-url <url>', 'the director, up to /director');

function inventoryCommand(terminal: Terminal, world: OrdersWorld): Command {
	return new Command('inventory')
		.summary('what the director is told of this device')
		.description('Write the inventory of this device, with public keys: `caisson director device add` takes it.')
		.requiredOption('--identity <file>', 'JSON: who this device is, and the keys of its components')
		.action(async ({ identity }: { readonly identity: string }) => {
			terminal.json(await world.inventory(await readIdentity(terminal, identity)));
		});
}

function initDirectorCommand(terminal: Terminal, world: OrdersWorld): Command {
	return withState(new Command('init-director'))
		.summary('begin with a root of the director and one of the image repository')
		.description('Begin a state that takes orders of a director. Both roots must come by a trusted way.')
		.requiredOption('--director-root <file>', 'a root of the director')
		.requiredOption('--image-root <file>', 'a root of the image repository')
		.action(async (words: { readonly state: string; readonly directorRoot: string; readonly imageRoot: string }) => {
			await world.initialise(words.state, words.directorRoot, words.imageRoot);
			terminal.note(`Next: caisson trust client verify --state ${words.state} …`);
		});
}

interface VerifyWords {
	readonly state: string;
	readonly identity: string;
	readonly directorUrl: string;
	readonly imageUrl: string;
	readonly mirror?: readonly string[];
	readonly targetUrl: string;
	readonly incomplete: 'refuse' | 'install-rest';
	readonly out: string;
	readonly report?: boolean;
	readonly format: 'text' | 'json';
}

function verifyCommand(terminal: Terminal, world: OrdersWorld): Command {
	const command = withFormat(withIdentity(withState(new Command('verify'))))
		.summary('bring what is ordered and genuine')
		.description(
			'Refresh the director and the image repository, check that both agree, that hardware and release counter fit, and ' +
				'bring what is to be installed to files. A refusal ends with exit code 1 and its code.',
		)
		.requiredOption('--image-url <url>', 'where the image repository’s timestamp.json lies')
		.option('--mirror <url>', 'another place of it; may be repeated', list)
		.requiredOption('--target-url <url>', 'where its targets lie')
		.requiredOption('--out <dir>', 'folder for what is to be installed')
		.addOption(
			new Option('--incomplete <policy>', 'where one of several orders cannot be had')
				.choices(['refuse', 'install-rest'])
				.default('refuse'),
		)
		.option('--report', 'send a manifest in the end, after a refusal too')
		.action(async (words: VerifyWords) => {
			const identity = await readIdentity(terminal, words.identity);
			const { state, directorUrl, targetUrl, incomplete, out } = words;
			const result = await world.verify(identity, {
				...{ state, directorUrl, incomplete, out, signal: terminal.interrupted },
				...{ imageUrls: [words.imageUrl, ...(words.mirror ?? [])], targetUrls: [targetUrl] },
			});
			if (words.report === true) await world.report(identity, state, directorUrl);
			if (words.format === 'json') terminal.json(result);
			if (result.outcome === 'refused') {
				const since = result.verified === 0 ? 'never' : new Date(result.verified).toISOString();
				terminal.note(`Both repositories were verified last: ${since}.`);
				throw new CaissonError('trust-refused', `${result.attack.code}: ${result.attack.detail}`);
			}
			if (words.format === 'text') showVerified(terminal, result);
			for (const { code, detail } of result.leftOut) terminal.note(`Left out: ${code}: ${detail}`);
			if (result.leftOut.length > 0) terminal.exit(1);
		});
	return withExamples(command, [
		[
			'caisson trust client verify --state /data/trust --identity id.json \\\n' +
				'--director-url https://director.example/director \\\n' +
				'--image-url https://updates.example/tuf \\\n' +
				'--target-url https://updates.example/tuf/targets --out /data/updates',
			'What an agent does in each cycle, before it installs',
		],
	]);
}

function showVerified(terminal: Terminal, result: Extract<VerifyResult, { outcome: 'verified' }>): void {
	const rows = [
		...result.updates.map(({ component, target, path }) => ({ component, what: target, path })),
		...result.current.map((component) => ({ component, what: 'as ordered', path: '' })),
	];
	terminal.table(rows, [
		{ title: 'COMPONENT', value: ({ component }) => component },
		{ title: 'TARGET', value: ({ what }) => what },
		{ title: 'FILE', value: ({ path }) => path },
	]);
}

function installedCommand(terminal: Terminal, world: OrdersWorld): Command {
	return withState(new Command('installed'))
		.summary('record that a component runs what was verified')
		.description(
			'Record that a component runs what was verified for it: nothing with a lower release counter is taken after that.',
		)
		.argument('<component>', 'id of the component')
		.action(async (component: string, { state }: { readonly state: string }) => {
			await world.confirm(state, component);
			terminal.note(`Recorded for ${component}.`);
		});
}

function reportCommand(terminal: Terminal, world: OrdersWorld): Command {
	return withIdentity(withState(new Command('report')))
		.summary('send the director what is installed')
		.description('Send a signed manifest: what each component runs, and what the last cycle refused.')
		.action(async (words: { readonly state: string; readonly identity: string; readonly directorUrl: string }) => {
			await world.report(await readIdentity(terminal, words.identity), words.state, words.directorUrl);
			terminal.note('The director has accepted the manifest.');
		});
}

async function readIdentity(terminal: Terminal, file: string): Promise<Identity> {
	const wrong = (why: string) =>
		new CaissonError('trust-client-failed', `The identity ${file} cannot be used: ${why}.`);
	let value: Identity;
	try {
		value = JSON.parse(await readInput(terminal, file, 1 << 20)) as Identity;
	} catch (cause) {
		throw cause instanceof CaissonError ? cause : wrong('it is no JSON');
	}
	if (typeof value?.device !== 'string' || !Array.isArray(value.components))
		throw wrong('device and components are due');
	const texts = value.components.flatMap(({ id, hardware, key }) => [id, hardware, key]);
	if (texts.some((text) => typeof text !== 'string')) throw wrong('each component has an id, a hardware and a key');
	const { installable = [] } = value;
	if (!Array.isArray(installable) || installable.some((text) => typeof text !== 'string')) {
		throw wrong('installable is a list of beginnings of names');
	}
	if (value.components.filter(({ primary }) => primary === true).length !== 1)
		throw wrong('one component is the primary');
	return value;
}
