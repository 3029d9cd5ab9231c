// `caisson db`: looking after a whole database, without a server. It decides what the commands print and what counts as
// a refusal; what is done is decided in src/storage/maintenance, which database is meant by the programs.

import { Command } from 'commander';
import { withExamples, withExitCodes, withFormat } from '../terminal/command-help.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Databases, Progress } from './store.ts';

export interface DatabaseWorld {
	readonly databases: Databases;
	/**
	 * The database that options mean: `database`, else the one of the data directory.
	 * @throws CaissonError configuration-invalid where an address cannot be used
	 */
	readonly choose: (options: { readonly database?: string; readonly data?: string }) => string;
}

interface Options {
	readonly database?: string;
	readonly data?: string;
	readonly from?: string;
	readonly to: string;
	readonly format: 'text' | 'json';
}

export function databaseCommands(terminal: Terminal, world: DatabaseWorld): Command {
	const command = new Command('db').description(
		'The database as a whole: its tables, its soundness, a move to another. These commands need no server; a file of a server that runs is refused.',
	);
	command.addCommand(migrateCommand(terminal, world));
	command.addCommand(checkCommand(terminal, world));
	command.addCommand(copyCommand(terminal, world));
	return withExamples(command, [
		['caisson db check', 'Is the database of the local data directory sound'],
		['caisson db copy --to postgres://caisson@db/caisson', 'Move from the embedded store to PostgreSQL'],
	]);
}

const databaseOption = ['--database <url|file>', 'the database (default: the one in the data directory)'] as const;

function migrateCommand(terminal: Terminal, { databases, choose }: DatabaseWorld): Command {
	const command = new Command('migrate')
		.summary('bring the tables up to date')
		.description(
			'Makes the tables, or brings them up to date. A server does this by itself when it starts; run it first where servers may not change tables.',
		)
		.option(...databaseOption);
	withFormat(command);
	return command.action(async () => {
		const options = command.optsWithGlobals<Options>();
		const migrations = await databases.migrate(choose(options));
		if (options.format === 'json') return terminal.json({ migrations });
		for (const name of migrations) terminal.print(name);
		terminal.note(migrations.length === 0 ? 'The tables are up to date.' : `${migrations.length} migrations were run.`);
	});
}

function checkCommand(terminal: Terminal, { databases, choose }: DatabaseWorld): Command {
	const command = new Command('check')
		.summary('read everything and say what is wrong')
		.description(
			'Connects, and reads every row: rows without the row that they belong to, jobs in a state that their workflow does not have, values that are not JSON, numbers above the last one given. It changes nothing. The chain over the audit trail has a command of its own: caisson audit verify.',
		)
		.option(...databaseOption);
	withFormat(command);
	withExitCodes(command, { 0: 'nothing was found', 1: 'something was found', 2: 'trouble: it could not be checked' });
	return command.action(async () => {
		const options = command.optsWithGlobals<Options>();
		const report = await databases.check(choose(options), progressOf(terminal, 'read'));
		terminal.progress('');
		if (report.found > 0) terminal.exit(1);
		if (options.format === 'json') return terminal.json(report);
		terminal.print(`${report.database}: version ${report.version} of ${report.known}`);
		terminal.table(Object.entries(report.rows), [
			{ title: 'TABLE', value: ([table]) => table },
			{ title: 'ROWS', value: ([, rows]) => String(rows), align: 'right' },
		]);
		if (report.found === 0) return terminal.print('Nothing was found.');
		terminal.table(report.findings, [
			{ title: 'FINDING', value: ({ check }) => terminal.style('bad', check) },
			{ title: 'OF', value: ({ subject }) => subject },
			{ title: 'DETAIL', value: ({ detail }) => detail },
		]);
		terminal.print(`${report.found} findings${report.found > report.findings.length ? ', not all shown' : ''}.`);
	});
}

function copyCommand(terminal: Terminal, { databases, choose }: DatabaseWorld): Command {
	const command = new Command('copy')
		.summary('copy everything into an empty database')
		.description(
			'Copies workflows, jobs with tags and history, events, audit trail and tokens, with their ids and order, into an empty database; then reads the copy and compares. All or nothing: where it fails or is ended, the target is as it was. Stop the servers of the source first.',
		)
		.option('--from <url|file>', 'the source (default: the database in the data directory)')
		.requiredOption('--to <url|file>', 'the target: an empty database, or a file that does not exist');
	withFormat(command);
	withExamples(command, [
		['caisson db copy --to postgres://caisson@db/caisson', 'From the local data directory to PostgreSQL'],
		['caisson db copy --from postgres://caisson@db/caisson --to caisson.db', 'And back, into a file'],
	]);
	withExitCodes(command, { 0: 'copied and compared', 1: 'the target is not empty', 2: 'trouble' });
	return command.action(async () => {
		const options = command.optsWithGlobals<Options>();
		const { from, to, data, format } = options;
		const source = choose({
			...(from === undefined ? {} : { database: from }),
			...(data === undefined ? {} : { data }),
		});
		const copied = await databases.copy(source, choose({ database: to }), progressOf(terminal, 'copied'));
		terminal.progress('');
		if (format === 'json') return terminal.json(copied);
		terminal.table(copied, [
			{ title: 'TABLE', value: ({ table }) => table },
			{ title: 'ROWS', value: ({ rows }) => String(rows), align: 'right' },
			{ title: 'SHA-256', value: ({ digest }) => digest },
		]);
		terminal.note('Read back and compared: the same.');
	});
}

function progressOf(terminal: Terminal, done: string): Progress {
	return (table, rows) => terminal.progress(`${table}: ${rows.toLocaleString('en')} rows ${done}`);
}
