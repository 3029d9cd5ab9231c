// `caisson access …`: who may use a server. One command of it a function in commands/; this lists them.

import { Command } from 'commander';
import { withExamples } from '../terminal/command-help.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { deviceTokenCommand, tokenCommand } from './commands/token.ts';

/** The noun `access` with its verbs. */
export function accessCommands(terminal: Terminal): Command {
	const access = new Command('access').description(
		'Tokens say who asks: API tokens for operators and programs, with roles, and device tokens for devices. docs/security-model.md tells what each of them opens.',
	);
	access.addCommand(tokenCommand(terminal).summary('API tokens of operators and programs'));
	access.addCommand(deviceTokenCommand(terminal).summary('tokens of devices'));
	return withExamples(access, [
		['caisson access token create --name ci --role operator --expires 90d', 'Let a pipeline create jobs'],
		['caisson access device-token create pump-7', 'Let a device in'],
	]);
}
