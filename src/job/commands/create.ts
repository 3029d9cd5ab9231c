// `caisson job create`: one job, or one for each device of a list. A list is not one transaction: what was made is
// printed as it is made, and after a failure --skip-existing goes on where it stopped.

import { Command } from 'commander';
import { CaissonError } from '../../errors.ts';
import type { ApiClient } from '../../terminal/api-client.ts';
import { list, withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { jsonText } from '../../terminal/console-terminal.ts';
import { readInput } from '../../terminal/input-file.ts';
import { printable } from '../../terminal/printable.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { JsonObject } from '../rules/model.ts';
import type { JobWire } from '../rules/wire.ts';
import {
	asJob,
	asPage,
	type FilterOptions,
	filterHeaders,
	jobsPath,
	printFiltered,
	readObject,
	severalAtATime,
	withFilter,
} from './api.ts';
import { noteNext } from './show.ts';

interface CreateOptions extends FilterOptions {
	readonly clientId?: string;
	readonly clientIdFile?: string;
	readonly workflow: string;
	readonly tag?: readonly string[];
	readonly definition?: string;
	readonly skipExisting?: boolean;
	readonly format: 'text' | 'json';
}

export function createCommand(terminal: Terminal): Command {
	const command = new Command('create')
		.summary('create a job, or one for each device of a list')
		.description('Creates a job: one device, taken through one workflow. Prints the id of the new job.')
		.argument('[definition]', 'as --definition: a file, - for stdin, or JSON')
		.requiredOption('--workflow <name>', 'the workflow, which the server must know')
		.option('--client-id <id>', 'the device')
		.option('--client-id-file <file>', 'several devices: one id a line, # for comments, - for stdin')
		.option('--tag <tag>', 'a tag of the job; may be repeated', list)
		.option('--definition <file>', 'what the device shall do: a file, - for stdin, or JSON itself')
		.option(
			'--skip-existing',
			'with --client-id-file: leave out devices that already have a job with this workflow and all these tags',
		);
	withFilter(withFormat(command));
	withExamples(command, [
		[
			'caisson job create --client-id pump-7 \\\n  --workflow wfx.workflow.dau.direct update.json',
			'One job, its definition in a file',
		],
		[
			'caisson job create --client-id-file plant.txt --tag wave-1 \\\n  --workflow wfx.workflow.dau.phased --skip-existing update.json',
			'One job for each device of a list; run again to go on',
		],
	]);
	withExitCodes(command, {
		0: 'all jobs were created (or skipped)',
		1: 'the server refused, e.g. it knows no such workflow',
		2: 'trouble; the ids printed before it are jobs that exist',
	});
	return command.action(async (positional: string | undefined, options: CreateOptions) => {
		if ((options.clientId === undefined) === (options.clientIdFile === undefined)) {
			throw new CaissonError('usage-wrong', 'Name the device with --client-id, or several with --client-id-file.');
		}
		if (positional !== undefined && options.definition !== undefined) {
			throw new CaissonError('usage-wrong', 'The definition is given twice: as an argument and with --definition.');
		}
		const source = positional ?? options.definition;
		if (source === '-' && options.clientIdFile === '-') {
			throw new CaissonError('usage-wrong', 'Stdin cannot be the definition and the list of devices at once.');
		}
		const definition = source === undefined ? undefined : await readObject(terminal, source, 'definition');
		const { clientId, clientIdFile } = options;
		if (clientIdFile !== undefined) await createMany(terminal, clientIdFile, options, definition);
		else if (clientId !== undefined) await createOne(terminal, clientId, options, definition);
	});
}

function requestBody(
	clientId: string,
	{ workflow, tag }: CreateOptions,
	definition: JsonObject | undefined,
): JsonObject {
	return { clientId, workflow, ...(tag && { tags: tag }), ...(definition && { definition }) };
}

async function createOne(
	terminal: Terminal,
	clientId: string,
	options: CreateOptions,
	definition: JsonObject | undefined,
): Promise<void> {
	const api = await terminal.api();
	const body = requestBody(clientId, options, definition);
	const answer = await api.request('POST', jobsPath, { body, headers: filterHeaders(options) });
	if (options.filter !== undefined) return printFiltered(terminal, answer, options);
	const job = asJob(api, answer.body);
	if (options.format === 'json') return terminal.json(job);
	terminal.print(job.id);
	noteNext(terminal, job);
}

async function createMany(
	terminal: Terminal,
	file: string,
	options: CreateOptions,
	definition: JsonObject | undefined,
): Promise<void> {
	if (options.filter !== undefined) throw new CaissonError('usage-wrong', '--filter goes with one device only.');
	const clients = parseClientIds(await readInput(terminal, file), file);
	const api = await terminal.api();
	let [made, skipped] = [0, 0];
	const counts = () => `${made} of ${clients.length} created${skipped === 0 ? '' : `, ${skipped} skipped`}`;
	try {
		await severalAtATime(clients, 8, async (client) => {
			if (options.skipExisting && (await hasJob(api, client, options))) skipped++;
			else {
				const answer = await api.request('POST', jobsPath, { body: requestBody(client, options, definition) });
				made++;
				printMade(terminal, asJob(api, answer.body), options.format);
			}
			terminal.progress(counts());
		});
	} catch (error) {
		terminal.note(`Stopped: ${counts()}. The same command with --skip-existing goes on from here.`);
		throw error;
	}
	terminal.note(`${counts()}.`);
	terminal.note(
		`See them with: caisson job query --workflow ${options.workflow}${options.tag ? ` --tag ${options.tag}` : ''}`,
	);
}

function printMade(terminal: Terminal, job: JobWire, format: 'text' | 'json'): void {
	if (format === 'json') terminal.print(jsonText({ id: job.id, clientId: job.clientId }, ''));
	else terminal.print(`${job.id}  ${printable(job.clientId ?? '')}`);
}

/** Has the device a job with this workflow and all these tags? wfx's filter joins tags by OR, so they are compared. */
async function hasJob(api: ApiClient, clientId: string, { workflow, tag = [] }: CreateOptions): Promise<boolean> {
	const limit = 100;
	for (let offset = 0; ; offset += limit) {
		const query = { clientId, workflow, ...(tag.length > 0 && { tag: tag.join(',') }), limit, offset };
		const { content } = asPage(api, (await api.request('GET', jobsPath, { query })).body);
		if (content.some((job) => tag.every((wanted) => job.tags?.includes(wanted)))) return true;
		if (content.length < limit) return false;
	}
}

/** One id a line; blank lines and lines that start with # are left out. @throws CaissonError request-invalid */
export function parseClientIds(text: string, file: string): string[] {
	const seen = new Map<string, number>();
	for (const [index, line] of text.split('\n').entries()) {
		const id = line.trim();
		if (id === '' || id.startsWith('#')) continue;
		const before = seen.get(id);
		if (before !== undefined) {
			throw new CaissonError('request-invalid', `${file}, line ${index + 1}: ${id} stands in line ${before} already.`);
		}
		seen.set(id, index + 1);
	}
	if (seen.size === 0) throw new CaissonError('request-invalid', `${file} names no device.`);
	return [...seen.keys()];
}
