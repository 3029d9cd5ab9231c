// `caisson workflow …`: checking and drawing workflows here, and keeping those of a server. One command of it a function
// in commands/; this lists them.

import { Command } from 'commander';
import { withExamples } from '../terminal/command-help.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { createCommand, deleteCommand, queryCommand } from './commands/change.ts';
import { getCommand, showCommand } from './commands/show.ts';
import { validateCommand } from './commands/validate.ts';

/** The noun `workflow` with its verbs. */
export function workflowCommands(terminal: Terminal): Command {
	const workflow = new Command('workflow').description(
		'A workflow is the finite-state machine that a job takes a device through: its states, and who may move a job ' +
			'from one to the next. Files are YAML or JSON, as for wfx.',
	);
	for (const make of [validateCommand, showCommand]) {
		workflow.addCommand(make(terminal).helpGroup('Here, without a server:'));
	}
	for (const make of [queryCommand, getCommand, createCommand, deleteCommand]) {
		workflow.addCommand(make(terminal).helpGroup('On a server:'));
	}
	return withExamples(workflow, [
		['caisson workflow validate update.yaml', 'Check a file'],
		['caisson workflow show wfx.workflow.dau.direct --format svg > direct.svg', 'Draw a built-in workflow'],
		['caisson workflow create wfx.workflow.dau.direct', 'Teach a server the workflow that SWUpdate speaks'],
	]);
}
