// `caisson job`: jobs over HTTP, with wfxctl's reach. One command of it a function in commands/; this lists them.

import { Command } from 'commander';
import { withExamples } from '../terminal/command-help.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { addTagsCommand, delTagsCommand, updateDefinitionCommand, updateStatusCommand } from './commands/change.ts';
import { createCommand } from './commands/create.ts';
import { deleteCommand } from './commands/delete.ts';
import { eventsCommand } from './commands/events.ts';
import { getCommand, getDefinitionCommand, getStatusCommand, getTagsCommand, queryCommand } from './commands/read.ts';

/** The noun `job` with its verbs. @param now milliseconds since the epoch */
export function jobCommands(terminal: Terminal, now: () => number = Date.now): Command {
	const job = new Command('job').description(
		'A job takes one device through one workflow. These commands talk to a server: Caisson’s or a plain wfx.',
	);
	const read = [queryCommand, getCommand, eventsCommand, getStatusCommand, getDefinitionCommand, getTagsCommand];
	const change = [createCommand, updateStatusCommand, updateDefinitionCommand, addTagsCommand, delTagsCommand];
	for (const make of read) job.addCommand(make(terminal).helpGroup('Read:'));
	for (const make of change) job.addCommand(make(terminal).helpGroup('Change:'));
	job.addCommand(deleteCommand(terminal, now).helpGroup('Change:'));
	return withExamples(job, [
		['caisson job query --group OPEN', 'What devices are busy with'],
		['caisson job events', 'What happens now'],
	]);
}
