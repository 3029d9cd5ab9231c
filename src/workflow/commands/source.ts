// Where the workflow commands read a workflow from: a file, stdin, the workflows that Caisson brings along, or a server.
// It leaves out what is done with it.

import { stat } from 'node:fs/promises';
import { CaissonError } from '../../errors.ts';
import type { ApiClient } from '../../terminal/api-client.ts';
import { readInput } from '../../terminal/input-file.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { builtinText, builtinWorkflowNames } from '../builtin.ts';
import { type Workflow, workflowNamePattern } from '../rules/model.ts';
import { type ReadWorkflow, readWorkflow } from '../rules/parse.ts';
import { yamlLimits } from '../rules/yaml.ts';

export const workflowsPath = '/api/wfx/v1/workflows';

export function workflowPath(name: string): string {
	return `${workflowsPath}/${encodeURIComponent(name)}`;
}

/** What a person typed, for messages. */
export function sourceName(source: string): string {
	return source === '-' ? 'stdin' : source;
}

/** Files of which the name ends in .json must be strictly JSON; all others are YAML, of which JSON is a part. */
export async function readFile(terminal: Terminal, file: string): Promise<ReadWorkflow> {
	const text = await readInput(terminal, file, 4 * yamlLimits.length);
	return readWorkflow(text, file.endsWith('.json') ? 'json' : 'yaml');
}

/** A file, stdin or a built-in workflow; undefined where `source` is none of these. */
export async function readLocal(terminal: Terminal, source: string): Promise<ReadWorkflow | undefined> {
	if (source === '-' || (await isFile(source))) return readFile(terminal, source);
	const builtin = builtinWorkflowNames.find((name) => name === source);
	if (builtin !== undefined) return readWorkflow(builtinText(builtin));
	// What cannot be a workflow's name, or looks like a file's, is better refused as a file than asked of a server.
	if (!workflowNamePattern.test(source) || /\.(ya?ml|json)$/.test(source)) return readFile(terminal, source);
	return undefined;
}

/** Also true for pipes, as in <(…); false for directories. */
async function isFile(path: string): Promise<boolean> {
	const found = await stat(path).catch(() => undefined);
	return found !== undefined && !found.isDirectory();
}

/** @throws CaissonError workflow-not-found; server-unreachable where the answer is no workflow */
export async function fetchWorkflow(terminal: Terminal, name: string): Promise<Workflow> {
	const api = await terminal.api();
	const answer = await api.request('GET', workflowPath(name), { absent: 'workflow-not-found' });
	return asWorkflow(api, answer.body);
}

interface WorkflowPageWire {
	readonly content: readonly Workflow[];
	readonly pagination?: { readonly limit: number; readonly offset: number; readonly total: number };
}

/** @throws CaissonError server-unreachable where the answer is no page of workflows */
export function asPage(api: ApiClient, body: unknown): WorkflowPageWire {
	if (!isObject(body) || !Array.isArray(body.content)) throw unexpected(api, 'a page of workflows');
	const content = body.content.map((workflow: unknown) => asWorkflow(api, workflow));
	return { ...body, content };
}

/** wfx leaves out empty lists, also `transitions`, which its own schema requires. */
export function asWorkflow(api: ApiClient, body: unknown): Workflow {
	if (isObject(body) && typeof body.name === 'string') {
		const { name, states = [], groups, transitions = [] } = body;
		const lists = [states, transitions, groups ?? []];
		if (lists.every((list) => Array.isArray(list) && list.every(isObject))) {
			return { ...body, name, states, transitions } as unknown as Workflow;
		}
	}
	throw unexpected(api, 'a workflow');
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unexpected(api: ApiClient, what: string): CaissonError {
	return new CaissonError('server-unreachable', `${api.address} answered with something that is not ${what}.`);
}
