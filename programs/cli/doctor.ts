import { Command } from 'commander';
import type { Terminal } from '../../src/terminal/terminal.ts';
export function doctorCommand(terminal: Terminal): Command {
	void terminal;
	return new Command('doctor');
}
