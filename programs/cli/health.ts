// `caisson health`: does the server work? A server that says no is a finding (exit 1); one that cannot be reached is
// trouble (exit 2).

import { Command } from 'commander';
import { CaissonError } from '../../src/errors.ts';
import { withExitCodes, withFormat } from '../../src/terminal/command-help.ts';
import type { Terminal } from '../../src/terminal/terminal.ts';

export function healthCommand(terminal: Terminal): Command {
	const command = new Command('health').description('Asks the server whether it works. It needs no token.');
	withFormat(command);
	withExitCodes(command, { 0: 'it works', 1: 'it says that it does not', 2: 'it cannot be reached' });
	return command.action(async ({ format }: { format: 'text' | 'json' }) => {
		const api = await terminal.api();
		const { body } = await api.request('GET', '/health', { answers: [503] });
		const status = (body as { status?: unknown } | undefined)?.status;
		if (typeof status !== 'string') {
			throw new CaissonError('server-unreachable', `${api.address} answers, but not as a Caisson or wfx server.`);
		}
		if (status !== 'up') terminal.exit(1);
		if (format === 'json') return terminal.json(body);
		terminal.print(`${terminal.style(status === 'up' ? 'good' : 'bad', status)}  ${api.address}`);
	});
}
