// What the job commands share when they talk to a server: paths, checked answers, options that several of them have.
// It leaves out what is printed (show.ts).

import { type Command, Option } from 'commander';
import { CaissonError } from '../../errors.ts';
import type { ApiAnswer, ApiClient } from '../../terminal/api-client.ts';
import { list } from '../../terminal/command-help.ts';
import { readInput } from '../../terminal/input-file.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { JobStatus, JsonObject } from '../rules/model.ts';
import type { JobWire } from '../rules/wire.ts';

export const jobsPath = '/api/wfx/v1/jobs';

/** `/api/wfx/v1/jobs/ID/part` */
export function jobPath(id: string, part?: 'status' | 'definition' | 'tags'): string {
	return `${jobsPath}/${encodeURIComponent(id)}${part === undefined ? '' : `/${part}`}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unexpected(api: ApiClient, what: string): CaissonError {
	return new CaissonError('server-unreachable', `${api.address} answered with something that is not ${what}.`);
}

/** @throws CaissonError server-unreachable where the answer is no job */
export function asJob(api: ApiClient, body: unknown): JobWire {
	if (isObject(body) && typeof body.id === 'string' && isObject(body.status)) return body as unknown as JobWire;
	throw unexpected(api, 'a job');
}

/** @throws CaissonError server-unreachable where the answer is no status */
export function asStatus(api: ApiClient, body: unknown): JobStatus {
	if (isObject(body) && typeof body.state === 'string') return body as unknown as JobStatus;
	throw unexpected(api, 'a job’s status');
}

/** @throws CaissonError server-unreachable where the answer is no list of tags */
export function asTags(api: ApiClient, body: unknown): string[] {
	if (Array.isArray(body) && body.every((tag) => typeof tag === 'string')) return body;
	throw unexpected(api, 'a list of tags');
}

export interface JobPageWire {
	readonly content: readonly JobWire[];
	readonly pagination?: { readonly limit: number; readonly offset: number; readonly total: number };
}

/** @throws CaissonError server-unreachable where the answer is no page of jobs */
export function asPage(api: ApiClient, body: unknown): JobPageWire {
	if (isObject(body) && Array.isArray(body.content)) {
		for (const job of body.content) asJob(api, job);
		return body as unknown as JobPageWire;
	}
	throw unexpected(api, 'a page of jobs');
}

/** Which jobs: the filters of GET /jobs, as options of a command. */
export interface JobSelection {
	readonly clientId?: string;
	readonly group?: readonly string[];
	readonly state?: string;
	readonly workflow?: string;
	readonly tag?: readonly string[];
}

/** Adds the options of JobSelection. */
export function withSelection(command: Command): Command {
	return command
		.option('--client-id <id>', 'only jobs of this device')
		.option('--group <name>', 'only jobs whose state is in this group; several: any of them', list)
		.option('--state <name>', 'only jobs in this state')
		.option('--workflow <name>', 'only jobs with this workflow')
		.option('--tag <tag>', 'only jobs with this tag; several: any of them', list);
}

/** The query parameters of a selection. */
export function selectionQuery(selection: JobSelection): Record<string, string | undefined> {
	const { clientId, group, state, workflow, tag } = selection;
	return { clientId, group: group?.join(','), state, workflow, tag: tag?.join(',') };
}

export interface FilterOptions {
	readonly filter?: string;
	readonly raw?: boolean;
}

/** Adds wfxctl's `--filter` and `--raw`. */
export function withFilter(command: Command): Command {
	return command
		.option('--filter <jq>', 'let the server apply a jq expression to its answer')
		.option('--raw', 'with --filter: strings without quotes');
}

export function filterHeaders({ filter }: FilterOptions): Record<string, string> {
	return filter === undefined ? {} : { 'X-Response-Filter': filter };
}

/** Prints what a filter made of an answer: one JSON value a line. */
export function printFiltered(terminal: Terminal, answer: ApiAnswer, { raw }: FilterOptions): void {
	const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
	for (const line of text.split('\n').filter((part) => part !== '')) {
		terminal.print(raw ? unquoted(line) : line);
	}
}

function unquoted(line: string): string {
	try {
		const value: unknown = JSON.parse(line);
		return typeof value === 'string' ? value : line;
	} catch {
		return line;
	}
}

/** Adds the job as `ID` or, as in wfxctl, `--id ID`; `rest` is what may follow it. */
export function withJobId(command: Command, rest = '', restMeaning = ''): Command {
	command.argument('[id]', 'id of the job').addOption(new Option('--id <id>', 'the job, as wfxctl has it'));
	if (rest !== '') command.argument(rest, restMeaning);
	const plain = rest.replace(/^\[(.*?)(\.\.\.)?\]$/, (_, name: string, more?: string) => `<${name}>${more ?? ''}`);
	return command.usage(`[options] <id>${rest === '' ? '' : ` ${plain}`}`);
}

/** Splits what withJobId has parsed into the job and the words after it. @throws CaissonError usage-wrong */
export function jobAndRest(
	words: readonly (string | undefined)[],
	options: { readonly id?: string },
): [string, string[]] {
	const given = words.filter((word) => word !== undefined);
	const id = options.id ?? given.shift();
	if (id === undefined || id === '') throw new CaissonError('usage-wrong', 'The id of the job is missing.');
	return [id, given];
}

/** Adds `--if-match`. */
export function withVersion(command: Command): Command {
	return command.option('--if-match <version>', 'only if the job still has this version (see `job get`)');
}

export function versionHeaders(options: { readonly ifMatch?: string }): Record<string, string> {
	const version = options.ifMatch;
	if (version === undefined) return {};
	return { 'If-Match': /^(W\/)?"|^\*$/.test(version) ? version : `"${version}"` };
}

/** Says so where a server (plain wfx) knows no versions, so that --if-match was not checked. */
export function noteUnchecked(terminal: Terminal, answer: ApiAnswer, options: { readonly ifMatch?: string }): void {
	if (options.ifMatch === undefined || answer.headers.etag !== undefined) return;
	terminal.note('This server sends no versions: whether --if-match still held was not checked.');
}

/**
 * A JSON object from the command line: inline where it starts with '{', '-' for stdin, else a file.
 * @param what names it in messages
 * @throws CaissonError file-unusable, request-invalid
 */
export async function readObject(terminal: Terminal, source: string, what: string): Promise<JsonObject> {
	const inline = source.trimStart().startsWith('{');
	const text = inline ? source : await readInput(terminal, source);
	const origin = inline ? what : `${what} in ${source === '-' ? 'stdin' : source}`;
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (cause) {
		const reason = (cause as Error).message;
		throw new CaissonError('request-invalid', `The ${origin} is not JSON: ${reason}.`, { cause });
	}
	if (!isObject(value)) throw new CaissonError('request-invalid', `The ${origin} is not a JSON object.`);
	return value;
}

/** Runs `step` for every item, `width` at a time, in order of start; the first failure lets those under way finish. */
export async function severalAtATime<Item>(
	items: Iterable<Item>,
	width: number,
	step: (item: Item) => Promise<void>,
): Promise<void> {
	const iterator = items[Symbol.iterator]();
	let failure: { readonly error: unknown } | undefined;
	const work = async () => {
		for (let next = iterator.next(); !next.done && failure === undefined; next = iterator.next()) {
			try {
				await step(next.value);
			} catch (error) {
				failure ??= { error };
			}
		}
	};
	await Promise.all(Array.from({ length: width }, work));
	if (failure !== undefined) throw failure.error;
}
