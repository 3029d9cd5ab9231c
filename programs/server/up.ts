// `caisson up`: the server as a command. It decides what the command line looks like, what signals do and what becomes
// of an error nobody expected; serving itself stands in server.ts.

import { Command, Option as Flag } from 'commander';
import type { Logger } from 'pino';
import type { Terminal } from '../../src/terminal/terminal.ts';
import { type ServerParts, serve } from '../server.ts';
import { environmentName, type GivenFlags, readConfiguration } from './configuration.ts';
import { chooseLogFormat, createLog } from './log.ts';
import { type ListOption, type Option, type OptionName, options, refusedOptions } from './options.ts';

/** What the command serves. Loaded when it is run, so that its help is quick. */
async function wiring(): Promise<Pick<ServerParts, 'openStorage' | 'openBlobs' | 'createApplication'>> {
	const { createApplication } = await import('../application.ts');
	const openStorage: ServerParts['openStorage'] = async (file, database) => {
		if (database === undefined) return (await import('../../src/storage/sqlite/open.ts')).openSqlite(file);
		return (await import('../../src/storage/postgres/open.ts')).openPostgres(database);
	};
	const { openBlobs } = await import('../../src/outside/blobs/open.ts');
	return { openStorage, openBlobs, createApplication };
}

export function upCommand(terminal: Terminal): Command {
	const command = new Command('up').description(
		'Serve devices (southbound) and operators (northbound) until SIGTERM or Ctrl-C.',
	);
	command.addOption(
		new Flag('--config <FILE>', 'YAML file with options; repeatable, later ones win').argParser(collect),
	);
	for (const [name, option] of Object.entries<Option<unknown> | ListOption<unknown>>(options)) {
		command.addOption(flagOf(name, option));
	}
	for (const name of Object.keys(refusedOptions)) {
		command.addOption(new Flag(`--${name} <value>`).argParser(collect).hideHelp());
	}
	command.addHelpText('after', helpEnd);
	return command.action(async () => up(terminal, givenFlags(command)));
}

const helpEnd = `
Each option is also an environment variable (${environmentName('client-port')} for
--client-port) and a line of YAML (client-port: 8080). A flag wins over the
environment, the environment over files, a later file over an earlier one.
Without --config these files are read:
  /etc/caisson/caisson.yaml
  $XDG_CONFIG_HOME/caisson/caisson.yaml
  ./caisson.yaml

Signals:
  SIGHUP   read the files and certificates again
  SIGTERM  finish what is under way, then end; a second one ends at once

Example:
  Serve on this machine, with files under /download/:
    $ caisson up --simple-fileserver ./files`;

const collect = (text: string, before: readonly string[] | undefined) => [...(before ?? []), text];

function flagOf(name: string, option: Option<unknown> | ListOption<unknown>): Flag {
	const shown = typeof option.default === 'string' && option.value !== '' ? ` (default: ${option.default})` : '';
	const list = typeof option.default === 'object' && option.default.length > 0 ? ` (default: ${option.default})` : '';
	const isSwitch = option.value === '';
	const on = isSwitch && option.default === 'true' ? ' (default: true)' : '';
	const flag = new Flag(
		`--${name} ${isSwitch ? '[true|false]' : `<${option.value}>`}`,
		option.help + shown + list + on,
	);
	if (isSwitch) flag.preset('true');
	return flag.argParser(collect);
}

/** The texts that the command line gave, and nothing that it did not. */
function givenFlags(command: Command): GivenFlags {
	const values: Record<string, readonly string[]> = {};
	let config: readonly string[] = [];
	for (const flag of command.options) {
		const given: unknown = command.getOptionValue(flag.attributeName());
		const name = flag.name();
		if (!(name in options || name in refusedOptions || name === 'config') || given === undefined) continue;
		// A global option of the same name gives its text alone.
		const texts = Array.isArray(given) ? given.map(String) : [String(given)];
		const list = name in options && 'many' in options[name as OptionName];
		if (name === 'config') config = texts;
		// Of a flag that takes one value the last counts, as in wfx.
		else values[name] = list ? texts : texts.slice(-1);
	}
	return { config, values };
}

async function up(terminal: Terminal, flags: GivenFlags): Promise<void> {
	const read = () => readConfiguration(flags, terminal.environment);
	const configuration = read();
	const { values } = configuration;
	const format = chooseLogFormat(values['log-format'], process.stderr.isTTY === true, terminal.environment);
	const { log, setLevel } = createLog(format, values['log-level']);
	endOnUnexpected(log);
	// Whatever is made in the data directory is its owner's alone; unix sockets set their own mode.
	process.umask(0o077);
	// Before the start: a signal that comes during it stops the server in order as soon as it is up.
	const asked = stopSignal(log);
	let reload = () => {};
	process.on('SIGHUP', () => reload());
	const server = await serve(configuration, {
		...(await wiring()),
		log,
		setLogLevel: setLevel,
		readConfiguration: read,
		environment: process.env,
	});
	reload = server.reload;
	await asked;
	await server.stop();
}

/** Resolves at the first SIGTERM or SIGINT; the second ends the process at once. */
function stopSignal(log: Logger): Promise<void> {
	return new Promise((resolve) => {
		let signals = 0;
		const stop = (signal: NodeJS.Signals) => {
			signals++;
			log.info({ signal }, signals === 1 ? 'asked to stop' : 'asked to stop again: ending at once');
			if (signals > 1) process.exit(2);
			resolve();
		};
		process.on('SIGTERM', stop);
		process.on('SIGINT', stop);
	});
}

/**
 * An error that nothing caught leaves the program in an unknown state: it ends, and the supervisor starts it anew.
 * Nothing that was acknowledged is lost by that.
 */
function endOnUnexpected(log: Logger): void {
	const end = (error: unknown) => {
		log.fatal({ err: error }, 'unexpected error: ending');
		process.exit(2);
	};
	process.on('uncaughtException', end);
	process.on('unhandledRejection', end);
}
