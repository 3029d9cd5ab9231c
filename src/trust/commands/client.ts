// `caisson trust client …`: the TUF client of a device at the command line: begin with a root, refresh, download. Every
// failure ends with exit code 1 and a coded error. It leaves out the client itself (src/trust/client), which the program
// passes in.

import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { CaissonError } from '../../errors.ts';
import { list, withExamples, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { Refusal } from '../rules/client/refusal.ts';

/** What the commands need of the client: src/trust/client/trust-client.ts with the crypto of this machine. */
export interface ClientWorld {
	initialise(state: string, root: Uint8Array): Promise<{ readonly version: number; readonly expires: string }>;
	refresh(options: ClientAddress): Promise<ClientRefresh | ClientRefusal>;
	download(names: readonly string[], folder: string, options: ClientAddress): Promise<ClientDownload | ClientRefusal>;
}

export interface ClientAddress {
	readonly state: string;
	readonly metadataUrls: readonly string[];
	readonly targetUrls?: readonly string[];
	readonly tls?: { readonly ca?: string; readonly certificate?: string; readonly key?: string };
	readonly signal?: AbortSignal;
}

export interface ClientRefresh {
	readonly outcome: 'refreshed';
	readonly versions: Readonly<Record<string, number>>;
	readonly rootsFollowed: number;
	readonly time: { readonly now: number; readonly clock: number; readonly behind: boolean };
	readonly recovered: readonly { readonly role: string; readonly from: number; readonly to: number }[];
}

export interface ClientRefusal {
	readonly outcome: 'refused';
	readonly refusal: Refusal;
}

export interface ClientDownload {
	readonly outcome: 'downloaded';
	readonly refreshed: ClientRefresh;
	readonly targets: readonly {
		readonly name: string;
		readonly outcome: 'downloaded' | 'cached' | 'refused';
		readonly path?: string;
		readonly refusal?: Refusal;
	}[];
}

type Format = 'text' | 'json';

interface RefreshWords {
	readonly state: string;
	readonly metadataUrl: string;
	readonly mirror?: readonly string[];
	readonly ca?: string;
	readonly certificate?: string;
	readonly key?: string;
	readonly format: Format;
}

interface DownloadWords extends RefreshWords {
	readonly targetUrl: string;
	readonly targetMirror?: readonly string[];
	readonly out: string;
}

export function clientCommand(terminal: Terminal, world: ClientWorld): Command {
	return new Command('client')
		.summary('refresh and download as a device does')
		.description(
			'Act as the TUF client of a device: what is downloaded is current, signed by the right keys, and complete. The ' +
				'state keeps what the device trusts; it belongs on a data partition, not into an A/B slot.',
		)
		.addCommand(initCommand(terminal, world))
		.addCommand(refreshCommand(terminal, world))
		.addCommand(downloadCommand(terminal, world));
}

function initCommand(terminal: Terminal, world: ClientWorld): Command {
	const command = new Command('init')
		.summary('begin with a root that came by a trusted way')
		.description('Begin a state with a trusted root. No request is made.')
		.argument('<root.json>', 'the root; any version of the repository’s will do')
		.requiredOption('--state <dir>', 'folder of what the device trusts')
		.action(async (file: string, { state, format }: { readonly state: string; readonly format: Format }) =>
			withExitCodeOne(async () => {
				const root = await world.initialise(state, await readInput(file));
				if (format === 'json') terminal.json({ version: root.version, expires: root.expires });
				else terminal.print(`Trusts root version ${root.version}, which expires at ${root.expires}.`);
				terminal.note(`Next: caisson trust client refresh --state ${state} --metadata-url URL`);
			}),
		);
	withFormat(command);
	return withExamples(command, [['caisson trust client init root.json --state /data/trust', 'Begin on a new device']]);
}

/** Options of every command that talks to a repository. */
function withRepository(command: Command): Command {
	return command
		.requiredOption('--state <dir>', 'folder of what the device trusts')
		.requiredOption('--metadata-url <url>', 'where timestamp.json lies')
		.option('--mirror <url>', 'another place of the metadata, asked where the first fails; may be repeated', list)
		.option('--ca <file>', 'PEM of the CA that the servers’ certificates come from')
		.option('--certificate <file>', 'PEM of the certificate that the device shows')
		.option('--key <file>', 'PEM of its private key');
}

function refreshCommand(terminal: Terminal, world: ClientWorld): Command {
	const command = withRepository(
		new Command('refresh')
			.summary('bring the metadata up to date')
			.description(
				'Follow the root chain and fetch timestamp, snapshot and targets, as the TUF specification demands.',
			),
	).action(async (words: RefreshWords) =>
		withExitCodeOne(async () => {
			const result = await world.refresh(await addressOf(terminal, words));
			if (words.format === 'json') terminal.json(result);
			if (result.outcome === 'refused') throw refusedError(result.refusal);
			if (words.format === 'text') showRefresh(terminal, result);
		}),
	);
	withFormat(command);
	return withExamples(command, [
		['caisson trust client refresh --state /data/trust \\\n  --metadata-url https://updates.example/tuf', 'Refresh'],
	]);
}

function downloadCommand(terminal: Terminal, world: ClientWorld): Command {
	const command = withRepository(
		new Command('download')
			.summary('refresh, and download targets')
			.description('Refresh, and bring targets to files under their names. A file appears only once it is verified.')
			.argument('<name...>', 'names of targets'),
	)
		.requiredOption('--target-url <url>', 'where the targets lie')
		.option('--target-mirror <url>', 'another place of the targets; may be repeated', list)
		.requiredOption('--out <dir>', 'folder for the targets')
		.action(async (names: readonly string[], words: DownloadWords) =>
			withExitCodeOne(async () => {
				const address = await addressOf(terminal, words);
				const targetUrls = [words.targetUrl, ...(words.targetMirror ?? [])];
				const result = await world.download(names, words.out, { ...address, targetUrls });
				if (words.format === 'json') terminal.json(result);
				if (result.outcome === 'refused') throw refusedError(result.refusal);
				if (words.format === 'text') showTargets(terminal, result);
				const refused = result.targets.find(({ refusal }) => refusal !== undefined)?.refusal;
				if (refused !== undefined) throw refusedError(refused);
			}),
		);
	withFormat(command);
	return withExamples(command, [
		[
			'caisson trust client download releases/7.swu --state /data/trust --out . \\\n' +
				'  --metadata-url https://updates.example/tuf \\\n  --target-url https://updates.example/tuf/targets',
			'Download one target',
		],
	]);
}

async function addressOf(terminal: Terminal, words: RefreshWords): Promise<ClientAddress> {
	const text = async (file: string | undefined) =>
		file === undefined ? undefined : new TextDecoder().decode(await readInput(file));
	const [ca, certificate, key] = [await text(words.ca), await text(words.certificate), await text(words.key)];
	const tls = {
		...(ca === undefined ? {} : { ca }),
		...(certificate === undefined ? {} : { certificate }),
		...(key === undefined ? {} : { key }),
	};
	const metadataUrls = [words.metadataUrl, ...(words.mirror ?? [])];
	return { state: words.state, metadataUrls, tls, signal: terminal.interrupted };
}

function showRefresh(terminal: Terminal, result: ClientRefresh): void {
	terminal.table(Object.entries(result.versions), [
		{ title: 'Role', value: ([role]) => role },
		{ title: 'Version', value: ([, version]) => String(version), align: 'right' },
	]);
	showNotes(terminal, result);
}

function showTargets(terminal: Terminal, result: ClientDownload): void {
	terminal.table(result.targets, [
		{ title: 'Target', value: ({ name }) => name },
		{ title: 'Outcome', value: ({ outcome, refusal }) => refusal?.code ?? outcome },
		{ title: 'File', value: ({ path }) => path ?? '' },
	]);
	showNotes(terminal, result.refreshed);
}

function showNotes(terminal: Terminal, { recovered, time }: ClientRefresh): void {
	for (const { role, from, to } of recovered) {
		terminal.note(`The version of ${role} fell from ${from} to ${to}: the root has new keys (recovery).`);
	}
	if (time.behind) {
		const iso = (at: number) => new Date(at).toISOString();
		terminal.note(`The clock says ${iso(time.clock)}, which is earlier than it can be; judged at ${iso(time.now)}.`);
	}
}

function refusedError({ code, detail }: Refusal): CaissonError {
	return new CaissonError('trust-refused', `${code}: ${detail}`);
}

async function readInput(file: string): Promise<Uint8Array> {
	try {
		return await readFile(file);
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('trust-client-failed', `${file} cannot be read (${reason}).`, { cause });
	}
}

/** A device's scripts know two exit codes: 0, and 1 for every failure. Codes that would end with 2 get one that ends with 1. */
async function withExitCodeOne(work: () => Promise<void>): Promise<void> {
	try {
		await work();
	} catch (error) {
		if (error instanceof CaissonError && (error.code === 'file-unusable' || error.code === 'configuration-invalid')) {
			throw new CaissonError('trust-client-failed', error.message, { cause: error });
		}
		throw error;
	}
}
