// `caisson artifact list|show`: what the server says about artifacts; their bytes are not read.

import { Command } from 'commander';
import { CaissonError } from '../../errors.ts';
import type { ApiClient } from '../../terminal/api-client.ts';
import { wholeNumber, withExamples, withFormat } from '../../terminal/command-help.ts';
import { shortTime, showFields } from '../../terminal/fields.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import {
	type ArtifactPageWire,
	type ArtifactWire,
	artifactsPath,
	asArtifactPage,
	digestWord,
	everyArtifact,
	fetchFacts,
	southboundAddress,
	withSouthbound,
} from './api.ts';

interface ListOptions {
	readonly after?: string;
	readonly limit: number;
	readonly all?: boolean;
	readonly format: 'text' | 'json';
}

export function listCommand(terminal: Terminal): Command {
	const command = new Command('list')
		.summary('list artifacts')
		.description('Lists artifacts in the order of their digests, with their size and the time of their upload.')
		.option('--after <digest>', 'only artifacts that follow this one', digestWord)
		.option('--limit <number>', 'artifacts at most', wholeNumber(1, 1000), 100)
		.option('--all', 'every artifact, not only one page');
	withFormat(command);
	withExamples(command, [
		['caisson artifact list', 'The first page'],
		['caisson artifact list --all --format json', 'Everything, with sizes in bytes, for a program'],
	]);
	return command.action(async (options: ListOptions) => {
		const page = await listed(terminal, await terminal.api(), options);
		if (options.format === 'json') return terminal.json(page);
		terminal.table(page.artifacts, [
			{ title: 'DIGEST', value: (artifact) => artifact.digest },
			{ title: 'SIZE', value: (artifact) => bytesText(artifact.size), align: 'right' },
			{ title: 'STORED', value: (artifact) => shortTime(artifact.stored) },
		]);
		if (page.next !== undefined) terminal.note(`There are more. Go on with --after ${page.next}, or --all.`);
	});
}

async function listed(terminal: Terminal, api: ApiClient, options: ListOptions): Promise<ArtifactPageWire> {
	const { after, limit, all } = options;
	if (!all) return asArtifactPage(api, (await api.request('GET', artifactsPath, { query: { after, limit } })).body);
	const artifacts: ArtifactWire[] = [];
	for await (const artifact of everyArtifact(api, after)) {
		if (artifacts.push(artifact) % 1000 === 0) terminal.progress(`${artifacts.length} artifacts read`);
	}
	terminal.progress('');
	return { artifacts };
}

interface ShowOptions {
	readonly southbound?: string;
	readonly format: 'text' | 'json';
}

export function showCommand(terminal: Terminal): Command {
	const command = new Command('show')
		.summary('show an artifact')
		.description('Shows the size of an artifact, the time of its upload and the URL where devices download it.')
		.argument('<digest>', 'SHA-256 of the artifact', digestWord);
	withFormat(withSouthbound(command));
	withExamples(command, [[`caisson artifact show \\\n  ${exampleDigest}`, 'One artifact']]);
	return command.action(async (digest: string, options: ShowOptions) => {
		const south = await addressOrNone(terminal, options.southbound);
		const facts = await fetchFacts(await terminal.api(), digest);
		const url = south && south + facts.path;
		if (options.format === 'json') return terminal.json({ ...facts, ...(url !== undefined && { url }) });
		showFields(terminal, [
			['Digest', facts.digest],
			['Size', facts.size < 1000 ? bytesText(facts.size) : `${facts.size} B (${bytesText(facts.size)})`],
			['Stored', shortTime(facts.stored)],
			[url === undefined ? 'Path' : 'URL', url ?? facts.path],
		]);
	});
}

export const exampleDigest = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

/** Where nobody has named the address and it cannot be known, the facts are shown all the same. */
async function addressOrNone(terminal: Terminal, southbound: string | undefined): Promise<string | undefined> {
	try {
		return await southboundAddress(terminal, southbound);
	} catch (error) {
		if (southbound === undefined && error instanceof CaissonError && error.code === 'usage-wrong') return undefined;
		throw error;
	}
}
