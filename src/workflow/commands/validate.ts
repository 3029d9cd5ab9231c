// `caisson workflow validate`: what is wrong with workflow files. No server is asked.

import { Command } from 'commander';
import { CaissonError } from '../../errors.ts';
import { withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { printable } from '../../terminal/printable.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { ReadWorkflow } from '../rules/parse.ts';
import { validateWorkflow } from '../rules/validate.ts';
import { workflowWarnings } from '../rules/warnings.ts';
import { readFile, sourceName } from './source.ts';

export function validateCommand(terminal: Terminal): Command {
	const command = new Command('validate')
		.summary('check workflow files; needs no server')
		.description(
			'Checks workflow files, YAML or JSON, against the rules of wfx. States may be listed in any order. ' +
				'Warnings name what is legal and most likely a mistake. No server is needed.',
		)
		.argument('<files...>', 'files to check; - is stdin');
	withFormat(command);
	withExitCodes(command, {
		0: 'every workflow is valid, perhaps with warnings',
		1: 'at least one is not',
		2: 'a file could not be read',
	});
	withExamples(command, [
		['caisson workflow validate update.yaml', 'Check a file'],
		['caisson workflow validate --format json workflows/*.yaml', 'For a program'],
	]);
	return command.action(async (files: string[], options: { format: 'text' | 'json' }) => {
		const results: Result[] = [];
		for (const file of files) {
			const result = await checked(terminal, file);
			results.push(result);
			if (!result.valid) terminal.exit(1);
			if (options.format === 'text') printResult(terminal, result);
		}
		if (options.format === 'json') terminal.json(results);
	});
}

interface Result {
	readonly file: string;
	readonly valid: boolean;
	readonly name?: string;
	readonly states?: number;
	readonly transitions?: number;
	/** A rule of validateWorkflow, or 'schema' where the text is no workflow at all. */
	readonly rule?: string;
	readonly message?: string;
	readonly detail?: string;
	readonly warnings: readonly string[];
}

async function checked(terminal: Terminal, path: string): Promise<Result> {
	const file = sourceName(path);
	let read: ReadWorkflow;
	try {
		read = await readFile(terminal, path);
	} catch (error) {
		if (!(error instanceof CaissonError) || error.code !== 'workflow-invalid') throw error;
		return { file, valid: false, rule: 'schema', message: error.message, warnings: [] };
	}
	const { workflow } = read;
	const problem = validateWorkflow(workflow);
	return {
		file,
		valid: problem === undefined,
		name: workflow.name,
		states: workflow.states.length,
		transitions: workflow.transitions.length,
		...problem,
		warnings: [...read.warnings, ...workflowWarnings(workflow)],
	};
}

function printResult(terminal: Terminal, { file, valid, rule, message, detail, warnings, ...facts }: Result): void {
	const place = printable(file);
	if (valid) {
		const size = `${facts.name}, ${facts.states} states, ${facts.transitions} transitions`;
		terminal.print(`${place}: ${terminal.style('good', 'valid')} (${size})`);
	} else {
		const why = printable(`${message}${detail ? ` (${detail})` : ''}`);
		terminal.print(`${place}: ${terminal.style('bad', rule ?? '')}: ${why}`);
	}
	for (const warning of warnings) {
		terminal.print(`${place}: ${terminal.style('warn', 'warning')}: ${printable(warning)}`);
	}
}
