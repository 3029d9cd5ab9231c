// `caisson job get|query|get-status|get-definition|get-tags`: reading, nothing is changed.

import { Command, Option } from 'commander';
import { CaissonError } from '../../errors.ts';
import type { ApiClient } from '../../terminal/api-client.ts';
import { wholeNumber, withExamples, withFormat } from '../../terminal/command-help.ts';
import { jsonText } from '../../terminal/console-terminal.ts';
import { showFields } from '../../terminal/fields.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { JobWire } from '../rules/wire.ts';
import {
	asJob,
	asPage,
	asStatus,
	asTags,
	type FilterOptions,
	filterHeaders,
	type JobSelection,
	jobAndRest,
	jobPath,
	jobsPath,
	printFiltered,
	selectionQuery,
	withFilter,
	withJobId,
	withSelection,
} from './api.ts';
import { type JobRow, jobRow, noteNext, showJob, showJobs, stateText } from './show.ts';

interface ReadOptions extends FilterOptions {
	readonly id?: string;
	readonly format: 'text' | 'json';
}

export function getCommand(terminal: Terminal): Command {
	const command = withJobId(new Command('get'))
		.summary('show a job')
		.description('Shows a job: its device, state, tags, definition, and what an operator can do next.')
		.option('--history', 'also what the job was before, newest first');
	withFilter(withFormat(command));
	withExamples(command, [
		['caisson job get 8ea1e9d7-28e6-4f1f-b444-a8d2d1ad7618 --history', 'A job and how it came to its state'],
	]);
	return command.action(async (id: string | undefined, options: ReadOptions & { history?: boolean }) => {
		const [job] = jobAndRest([id], options);
		const query = options.history ? { history: true } : {};
		const api = await terminal.api();
		const answer = await api.request('GET', jobPath(job), {
			query,
			headers: filterHeaders(options),
			absent: 'job-not-found',
		});
		if (options.filter !== undefined) return printFiltered(terminal, answer, options);
		const found = asJob(api, answer.body);
		if (options.format === 'json') return terminal.json(found);
		showJob(terminal, found, answer.headers.etag?.replace(/^(W\/)?"|"$/g, ''));
		noteNext(terminal, found);
	});
}

export function getStatusCommand(terminal: Terminal): Command {
	const command = withJobId(new Command('get-status'))
		.summary('show the status of a job')
		.description('Shows the status of a job, as its device or an operator last reported it.');
	withFilter(withFormat(command));
	return command.action(async (id: string | undefined, options: ReadOptions) => {
		const [job] = jobAndRest([id], options);
		const api = await terminal.api();
		const answer = await api.request('GET', jobPath(job, 'status'), {
			headers: filterHeaders(options),
			absent: 'job-not-found',
		});
		if (options.filter !== undefined) return printFiltered(terminal, answer, options);
		const status = asStatus(api, answer.body);
		if (options.format === 'json') return terminal.json(status);
		showFields(terminal, [
			['State', stateText(status)],
			['Message', status.message],
			['Client', status.clientId],
			['Hash', status.definitionHash],
			['Context', status.context && JSON.stringify(status.context)],
		]);
	});
}

export function getDefinitionCommand(terminal: Terminal): Command {
	const command = withJobId(new Command('get-definition'))
		.summary('show the definition of a job, as JSON')
		.description('Shows the definition of a job: what its device shall do. It is JSON in every format.');
	withFilter(withFormat(command, ['json']));
	return command.action(async (id: string | undefined, options: ReadOptions) => {
		const [job] = jobAndRest([id], options);
		const api = await terminal.api();
		const answer = await api.request('GET', jobPath(job, 'definition'), {
			headers: filterHeaders(options),
			absent: 'job-not-found',
		});
		if (options.filter !== undefined) return printFiltered(terminal, answer, options);
		terminal.json(answer.body);
	});
}

export function getTagsCommand(terminal: Terminal): Command {
	const command = withJobId(new Command('get-tags'))
		.summary('show the tags of a job')
		.description('Shows the tags of a job, one a line.');
	withFilter(withFormat(command));
	return command.action(async (id: string | undefined, options: ReadOptions) => {
		const [job] = jobAndRest([id], options);
		const api = await terminal.api();
		const answer = await api.request('GET', jobPath(job, 'tags'), {
			headers: filterHeaders(options),
			absent: 'job-not-found',
		});
		if (options.filter !== undefined) return printFiltered(terminal, answer, options);
		showTags(terminal, asTags(api, answer.body), options.format);
	});
}

/** Tags one a line, or as a JSON array. */
export function showTags(terminal: Terminal, tags: readonly string[], format: 'text' | 'json'): void {
	if (format === 'json') terminal.json(tags);
	else for (const tag of tags) terminal.print(tag);
}

interface QueryOptions extends FilterOptions, JobSelection {
	readonly limit: number;
	readonly offset: number;
	readonly sort: 'asc' | 'desc';
	readonly all?: boolean;
	readonly format: 'text' | 'json';
}

export function queryCommand(terminal: Terminal): Command {
	const command = withSelection(new Command('query'))
		.summary('list jobs')
		.description(
			'Lists jobs, oldest first. Filters of different kinds must all match. A job that is deleted while --all reads page by page can hide another one.',
		)
		.option('--limit <number>', 'jobs in one page', wholeNumber(1, 2147483647), 10)
		.option('--offset <number>', 'jobs to leave out before the page', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
		.addOption(new Option('--sort <order>', 'by the time of creation').choices(['asc', 'desc']).default('asc'))
		.option('--all', 'every page, not only one');
	withFilter(withFormat(command));
	withExamples(command, [
		['caisson job query --group OPEN', 'What devices are busy with'],
		['caisson job query --all --state TERMINATED --format json', 'Every job that failed, for a program'],
		["caisson job query --filter '.content[].clientId' --raw", 'Only the devices'],
	]);
	return command.action(async (options: QueryOptions) => {
		const api = await terminal.api();
		if (options.filter !== undefined) return printFilteredPages(terminal, api, options);
		if (options.all)
			return options.format === 'json' ? writeAll(terminal, api, options) : showAll(terminal, api, options);
		const query = { ...pageQuery(options), pagination: true };
		const page = asPage(api, (await api.request('GET', jobsPath, { query })).body);
		if (options.format === 'json') return terminal.json(page);
		showJobs(terminal, page.content.map(jobRow));
		const total = page.pagination?.total ?? 0;
		const last = options.offset + page.content.length;
		if (last < total)
			terminal.note(`Jobs ${options.offset + 1} to ${last} of ${total}. Go on with --offset ${last}, or --all.`);
	});
}

function pageQuery(options: QueryOptions): Record<string, string | number | undefined> {
	const { limit, offset, sort } = options;
	return { ...selectionQuery(options), limit, offset, sort };
}

/** Every job of a selection, page by page, each once. */
export async function* everyJob(
	api: ApiClient,
	selection: JobSelection,
	{ sort, offset = 0 }: { readonly sort: 'asc' | 'desc'; readonly offset?: number },
): AsyncGenerator<JobWire> {
	const limit = 500;
	let before = new Set<string>();
	for (let at = offset; ; at += limit) {
		const query = { ...selectionQuery(selection), limit, offset: at, sort };
		const { content } = asPage(api, (await api.request('GET', jobsPath, { query })).body);
		// A job created meanwhile moves others (newest first) to the next page.
		for (const job of content) if (!before.has(job.id)) yield job;
		if (content.length < limit) return;
		before = new Set(content.map((job) => job.id));
	}
}

async function showAll(terminal: Terminal, api: ApiClient, options: QueryOptions): Promise<void> {
	const rows: JobRow[] = [];
	for await (const job of everyJob(api, options, options)) {
		if (rows.push(jobRow(job)) % 500 === 0) terminal.progress(`${rows.length} jobs read`);
	}
	terminal.progress('');
	showJobs(terminal, rows);
	terminal.note(rows.length === 1 ? '1 job.' : `${rows.length} jobs.`);
}

// Written as it is read, as all jobs of a large fleet with their workflows do not fit into memory.
async function writeAll(terminal: Terminal, api: ApiClient, options: QueryOptions): Promise<void> {
	let between = '{\n  "content": [\n    ';
	for await (const job of everyJob(api, options, options)) {
		terminal.write(between + jsonText(job).replaceAll('\n', '\n    '));
		between = ',\n    ';
	}
	terminal.write(between.startsWith('{') ? '{\n  "content": []\n}\n' : '\n  ]\n}\n');
}

async function printFilteredPages(terminal: Terminal, api: ApiClient, options: QueryOptions): Promise<void> {
	if (options.all) throw new CaissonError('usage-wrong', '--filter goes with one page, not with --all.');
	const query = pageQuery(options);
	printFiltered(terminal, await api.request('GET', jobsPath, { query, headers: filterHeaders(options) }), options);
}
