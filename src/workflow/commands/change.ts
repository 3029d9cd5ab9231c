// `caisson workflow create|query|delete`: the workflows of a server. Workflows are immutable, so there is no update.

import { Command, Option } from 'commander';
import { CaissonError, meaningOf } from '../../errors.ts';
import { wholeNumber, withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { printable } from '../../terminal/printable.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { builtinWorkflowNames } from '../builtin.ts';
import type { Workflow } from '../rules/model.ts';
import { validateWorkflow } from '../rules/validate.ts';
import { asPage, asWorkflow, readLocal, sourceName, workflowPath, workflowsPath } from './source.ts';

type Format = 'text' | 'json';

export function createCommand(terminal: Terminal): Command {
	const command = new Command('create')
		.summary('create workflows on the server')
		.description(
			'Creates workflows on the server, from files (YAML or JSON) or from those that Caisson brings along. ' +
				'All are checked before the first is created. A workflow is never changed afterwards: put a version ' +
				'into its name.',
		)
		.argument('<workflows...>', 'files, names of built-in workflows, or - for stdin');
	withFormat(command);
	command.addHelpText('after', `\nBuilt-in workflows:\n  ${builtinWorkflowNames.join('\n  ')}`);
	withExamples(command, [
		['caisson workflow create wfx.workflow.dau.direct', 'The workflow that SWUpdate speaks'],
		['caisson workflow create update.yaml', 'Your own'],
	]);
	return command.action(async (sources: string[], { format }: { format: Format }) => {
		const workflows: Workflow[] = [];
		for (const source of sources) workflows.push(await readValid(terminal, source));
		const api = await terminal.api();
		const created: Workflow[] = [];
		try {
			for (const workflow of workflows) {
				const answer = await api.request('POST', workflowsPath, { body: workflow });
				created.push(asWorkflow(api, answer.body));
				if (format === 'text') terminal.print(workflow.name);
			}
		} finally {
			// Also where a later one failed: these exist now.
			if (format === 'json') terminal.json(created);
		}
	});
}

async function readValid(terminal: Terminal, source: string): Promise<Workflow> {
	const file = sourceName(source);
	const read = await readLocal(terminal, source).catch((error: unknown) => {
		if (!(error instanceof CaissonError) || error.code !== 'workflow-invalid') throw error;
		throw new CaissonError('workflow-invalid', `${file}: ${error.message}`, { cause: error });
	});
	if (read === undefined) {
		throw new CaissonError('file-unusable', `${file} is neither a file nor the name of a built-in workflow.`);
	}
	for (const warning of read.warnings) terminal.note(`${file}: ${warning}`);
	const problem = validateWorkflow(read.workflow);
	if (problem === undefined) return read.workflow;
	const detail = problem.detail === undefined ? '' : ` (${problem.detail})`;
	throw new CaissonError('workflow-invalid', `${file}: ${problem.message}${detail}`);
}

interface QueryOptions {
	readonly limit: number;
	readonly offset: number;
	readonly sort: 'asc' | 'desc';
	readonly format: Format;
}

export function queryCommand(terminal: Terminal): Command {
	const command = new Command('query')
		.summary('list the workflows of the server')
		.description('Lists the workflows of the server, by name.')
		.option('--limit <number>', 'workflows at most', wholeNumber(1, 2147483647), 100)
		.option('--offset <number>', 'workflows to leave out first', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
		.addOption(new Option('--sort <order>', 'by name').choices(['asc', 'desc']).default('asc'));
	withFormat(command);
	withExamples(command, [
		['caisson workflow query', 'What the server knows'],
		['caisson workflow query --limit 1 --sort desc --format json', 'The last one, for a program'],
	]);
	return command.action(async ({ format, ...query }: QueryOptions) => {
		const api = await terminal.api();
		const page = asPage(api, (await api.request('GET', workflowsPath, { query: { ...query, pagination: true } })).body);
		if (format === 'json') return terminal.json(page);
		terminal.table(page.content, [
			{ title: 'NAME', value: (workflow) => workflow.name },
			{ title: 'STATES', value: (workflow) => String(workflow.states.length), align: 'right' },
			{ title: 'TRANSITIONS', value: (workflow) => String(workflow.transitions.length), align: 'right' },
			{ title: 'DESCRIPTION', value: (workflow) => workflow.description ?? '' },
		]);
		const end = query.offset + page.content.length;
		const total = page.pagination?.total ?? end;
		if (end < total) terminal.note(`${end} of ${total}: the next page is --offset ${end}.`);
		if (total === 0) terminal.note('There are none yet: caisson workflow create wfx.workflow.dau.direct');
	});
}

export function deleteCommand(terminal: Terminal): Command {
	const command = new Command('delete')
		.summary('delete workflows from the server')
		.description('Deletes workflows from the server. A workflow that jobs refer to is kept: delete its jobs first.')
		.argument('<names...>', 'names of workflows');
	withFormat(command);
	withExitCodes(command, {
		0: 'deleted',
		1: 'at least one does not exist, or jobs refer to it; the others are deleted',
		2: 'trouble',
	});
	withExamples(command, [['caisson workflow delete my.workflow.v1', 'An old version']]);
	return command.action(async (names: string[], { format }: { format: Format }) => {
		const api = await terminal.api();
		const deleted: string[] = [];
		let refused: CaissonError | undefined;
		try {
			for (const name of names) {
				try {
					await api.request('DELETE', workflowPath(name), { absent: 'workflow-not-found' });
					deleted.push(name);
					if (format === 'text') terminal.print(printable(name));
				} catch (error) {
					if (!(error instanceof CaissonError) || meaningOf(error).exit !== 1) throw error;
					refused ??= new CaissonError(error.code, `${name}: ${error.message}`, { cause: error });
				}
			}
		} finally {
			if (format === 'json') terminal.json({ deleted });
		}
		if (refused !== undefined) throw refused;
	});
}
