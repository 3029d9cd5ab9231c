// `caisson errors [CODE]`: the catalogue of errors, on the command line.

import { Argument, Command } from 'commander';
import { CaissonError, type ErrorCode, errorCatalogue } from '../../src/errors.ts';
import { withExamples, withFormat } from '../../src/terminal/command-help.ts';
import type { Terminal } from '../../src/terminal/terminal.ts';

export function errorsCommand(terminal: Terminal): Command {
	const code = new Argument('[code]', 'the code that stands in brackets behind a message');
	const command = new Command('errors')
		.description('Explains an error code: when it happens and what to do about it. Without a code, lists all.')
		.addArgument(code);
	withFormat(command);
	withExamples(command, [['caisson errors transition-refused', 'What a code means']]);
	return command.action((name: string | undefined, { format }: { format: 'text' | 'json' }) => {
		if (name === undefined) return listAll(terminal, format);
		if (!Object.hasOwn(errorCatalogue, name)) {
			throw new CaissonError('usage-wrong', `There is no error code ${name}; \`caisson errors\` lists all.`);
		}
		const meaning = errorCatalogue[name as ErrorCode];
		if (format === 'json') return terminal.json({ code: name, ...meaning });
		terminal.print(`${terminal.style('bold', name)}  (exit code ${meaning.exit}, HTTP status ${meaning.http})`);
		terminal.print(meaning.when);
		terminal.print(meaning.remedy);
	});
}

function listAll(terminal: Terminal, format: 'text' | 'json'): void {
	const rows = Object.entries(errorCatalogue).map(([code, meaning]) => ({ code, ...meaning }));
	if (format === 'json') terminal.json(rows);
	else {
		terminal.table(rows, [
			{ title: 'CODE', value: (row) => row.code },
			{ title: 'EXIT', value: (row) => String(row.exit), align: 'right' },
			{ title: 'HTTP', value: (row) => String(row.http), align: 'right' },
			{ title: 'WHEN', value: (row) => row.when },
		]);
	}
}
