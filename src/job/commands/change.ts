// `caisson job update-status|update-definition|add-tags|del-tags`: changing one job.

import { Command, InvalidArgumentError, Option } from 'commander';
import { CaissonError } from '../../errors.ts';
import { wholeNumber, withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import {
	asStatus,
	asTags,
	type FilterOptions,
	filterHeaders,
	jobAndRest,
	jobPath,
	noteUnchecked,
	printFiltered,
	readObject,
	versionHeaders,
	withFilter,
	withJobId,
	withVersion,
} from './api.ts';
import { showTags } from './read.ts';
import { stateText } from './show.ts';

interface ChangeOptions extends FilterOptions {
	readonly id?: string;
	readonly ifMatch?: string;
	readonly format: 'text' | 'json';
}

interface StatusOptions extends ChangeOptions {
	readonly state: string;
	readonly message?: string;
	readonly progress?: number;
	readonly context?: string;
	readonly clientId?: string;
	readonly actor: 'wfx' | 'client';
	readonly southbound?: string;
}

export function updateStatusCommand(terminal: Terminal): Command {
	const actor = new Option('--actor <who>', 'as the server’s operator (wfx) or as the device (client)');
	const command = withJobId(new Command('update-status'))
		.summary('report or change the status of a job')
		.description(
			'Moves a job to a state, or reports the state that it is in again. The workflow tells which moves there are and whether the operator or the device may make them. The status sent replaces the old one wholly.\n\nUnlike wfxctl, which speaks as the device by default, this speaks as the operator.',
		)
		.requiredOption('--state <name>', 'the new state')
		.option('--message <text>', 'text for people, at most 1024 characters')
		.option('--progress <percent>', 'progress in the state', wholeNumber(-2147483648, 100))
		.option('--context <json>', 'a JSON object with more: a file, - for stdin, or JSON itself')
		.option('--client-id <id>', 'the device that reports')
		.addOption(
			actor
				.choices(['wfx', 'client'])
				.default('wfx')
				.argParser((word: string) => oneOf(word, ['wfx', 'client'])),
		)
		.option('--southbound <url>', 'address of the devices’ port, for --actor client');
	withFilter(withFormat(withVersion(command)));
	withExamples(command, [
		[
			'caisson job update-status 8ea1e9d7-28e6-4f1f-b444-a8d2d1ad7618 \\\n  --state INSTALL',
			'Approve the installation of a phased update',
		],
		[
			'caisson job update-status 8ea1e9d7-28e6-4f1f-b444-a8d2d1ad7618 \\\n  --actor client --client-id pump-7 --state INSTALLING --progress 40',
			'Report as the device, to try a workflow',
		],
	]);
	withExitCodes(command, {
		0: 'the job has this status',
		1: 'the workflow does not allow it, or --if-match no longer holds',
		2: 'trouble',
	});
	return command.action((id: string | undefined, options: StatusOptions) => updateStatus(terminal, id, options));
}

function oneOf<Word extends string>(text: string, words: readonly Word[]): Word {
	const found = words.find((word) => word === text.toLowerCase()); // wfxctl writes CLIENT
	if (found === undefined) throw new InvalidArgumentError(`Allowed choices are ${words.join(', ')}.`);
	return found;
}

async function updateStatus(terminal: Terminal, id: string | undefined, options: StatusOptions): Promise<void> {
	const [job] = jobAndRest([id], options);
	const { state, message, progress, clientId, southbound } = options;
	const context = options.context === undefined ? undefined : await readObject(terminal, options.context, 'context');
	const body = {
		state,
		...(clientId !== undefined && { clientId }),
		...(message !== undefined && { message }),
		...(progress !== undefined && { progress }),
		...(context !== undefined && { context }),
	};
	const api = await terminal.api(
		options.actor === 'client' ? { port: 'southbound', address: southbound } : { port: 'northbound' },
	);
	const headers = { ...filterHeaders(options), ...versionHeaders(options) };
	const answer = await api.request('PUT', jobPath(job, 'status'), { body, headers, absent: 'job-not-found' });
	noteUnchecked(terminal, answer, options);
	if (options.filter !== undefined) return printFiltered(terminal, answer, options);
	const status = asStatus(api, answer.body);
	if (options.format === 'json') return terminal.json(status);
	terminal.print(stateText(status));
	if (status.state !== state) terminal.note(`The workflow took the job on from ${state} to ${status.state} at once.`);
}

export function updateDefinitionCommand(terminal: Terminal): Command {
	const command = withJobId(new Command('update-definition'), '[definition]', 'a file, - for stdin, or JSON itself')
		.summary('replace the definition of a job')
		.description(
			'Replaces the definition of a job wholly, and prints the new one. Its device sees the change by the hash in the status.',
		);
	withFilter(withFormat(withVersion(command), ['json']));
	withExamples(command, [
		[
			'caisson job update-definition 8ea1e9d7-28e6-4f1f-b444-a8d2d1ad7618 \\\n  update.json',
			'A new definition from a file',
		],
	]);
	return command.action(async (first: string | undefined, second: string | undefined, options: ChangeOptions) => {
		const [job, rest] = jobAndRest([first, second], options);
		const [source = '-', ...more] = rest; // wfxctl reads stdin
		if (more.length > 0) throw new CaissonError('usage-wrong', `One definition is enough: ${more.join(' ')}.`);
		const body = await readObject(terminal, source, 'definition');
		const api = await terminal.api();
		const headers = { ...filterHeaders(options), ...versionHeaders(options) };
		const answer = await api.request('PUT', jobPath(job, 'definition'), { body, headers, absent: 'job-not-found' });
		noteUnchecked(terminal, answer, options);
		if (options.filter !== undefined) return printFiltered(terminal, answer, options);
		terminal.json(answer.body);
	});
}

export function addTagsCommand(terminal: Terminal): Command {
	return tagsCommand(
		terminal,
		'add-tags',
		'POST',
		'add tags to a job',
		'Adds tags to a job, 16 at most, and prints all it then has.',
	);
}

export function delTagsCommand(terminal: Terminal): Command {
	return tagsCommand(
		terminal,
		'del-tags',
		'DELETE',
		'take tags off a job',
		'Takes tags off a job and prints those it still has.',
	);
}

function tagsCommand(
	terminal: Terminal,
	name: string,
	method: 'POST' | 'DELETE',
	summary: string,
	description: string,
): Command {
	const command = withJobId(new Command(name), '[tags...]', 'the tags').summary(summary).description(description);
	withFilter(withFormat(withVersion(command)));
	withExamples(command, [[`caisson job ${name} 8ea1e9d7-28e6-4f1f-b444-a8d2d1ad7618 wave-1 north`, 'Two tags']]);
	return command.action(async (first: string | undefined, others: string[], options: ChangeOptions) => {
		const [job, tags] = jobAndRest([first, ...others], options);
		if (tags.length === 0) throw new CaissonError('usage-wrong', 'Name at least one tag.');
		const api = await terminal.api();
		const headers = { ...filterHeaders(options), ...versionHeaders(options) };
		const answer = await api.request(method, jobPath(job, 'tags'), { body: tags, headers, absent: 'job-not-found' });
		noteUnchecked(terminal, answer, options);
		if (options.filter !== undefined) return printFiltered(terminal, answer, options);
		showTags(terminal, asTags(api, answer.body), options.format);
	});
}
