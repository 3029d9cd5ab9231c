// The tree of commands and what all of them share: global options, the look of the help, suggestions. It leaves out
// running (run.ts) and what the commands do.

import { type Argument, Command, type CommanderError, Help, Option } from 'commander';
import { CaissonError } from '../../src/errors.ts';
import { consoleTerminal, type OutputStream } from '../../src/terminal/console-terminal.ts';
import type { TerminalOptions } from '../../src/terminal/process-terminal.ts';
import type { Terminal } from '../../src/terminal/terminal.ts';
import { type Noun, nouns } from './nouns.ts';

export interface GlobalOptions extends TerminalOptions {
	readonly verbose?: boolean | undefined;
}

/** Global options stand before or after the noun and its verb. */
export function globalOptions(): Option[] {
	return [
		new Option('--server <url>', 'the server: http://…, https://… or unix:/path (default: the local one)'),
		new Option('--token-file <file>', 'file with the token for the server (default: the local operator’s)'),
		new Option('--ca <file>', 'PEM file of the CA that signed the server’s certificate'),
		new Option('--data <dir>', 'data directory of the local server'),
		new Option('-q, --quiet', 'results and errors only, no notes'),
		new Option('--verbose', 'errors with their causes'),
		new Option('--no-colour', 'no colours, also on a terminal'),
	];
}

const description = 'Caisson keeps Debian-based industrial devices buildable, updatable, testable and provable.';

/** What every command's exit code means. */
export const exitCodes: readonly (readonly [code: string, meaning: string])[] = [
	['0', 'done'],
	['1', 'a finding, or a refusal'],
	['2', 'trouble: wrong use, network, disk, a peer'],
	['130', 'ended by Ctrl-C'],
];

/** What the environment decides where no option does. */
export const environmentVariables: readonly (readonly [name: string, meaning: string])[] = [
	['CAISSON_SERVER', 'as --server'],
	['CAISSON_TOKEN_FILE', 'as --token-file'],
	['CAISSON_CA', 'as --ca'],
	['CAISSON_DATA', 'as --data'],
	['CAISSON_SOUTHBOUND', 'address of the devices’ port, as --southbound'],
	['NO_COLOR', 'no colours where it is set'],
];

const startHere = [
	['caisson doctor', 'what this machine lacks'],
	['caisson up', 'serve devices and operators on this machine'],
	['caisson job query', 'the jobs of the local server'],
	['caisson job create --help', 'how to give a device something to do'],
] as const;

function textBelow(): string {
	const block = (heading: string, rows: readonly (readonly [string, string])[]) => {
		const width = Math.max(...rows.map(([term]) => term.length));
		return ['', heading, ...rows.map(([term, meaning]) => `  ${term.padEnd(width)}  ${meaning}`)];
	};
	return [
		...block('Start here:', startHere),
		...block('Exit codes:', exitCodes),
		...block('Environment:', environmentVariables),
		'',
		'Every command answers --help (or: caisson help <noun> <verb>).',
	].join('\n');
}

/** A usage error, with the command that was being parsed. */
export interface UsageError extends CommanderError {
	command?: Command;
}

/**
 * The program with the commands `wanted` loaded and the others as names only.
 * @param wanted 'all', or the name of one noun (an unknown one loads none)
 */
export async function buildProgram(
	terminal: Terminal,
	streams: { readonly stdout: OutputStream; readonly stderr: OutputStream },
	wanted: string | undefined,
): Promise<Command> {
	const program = new Command('caisson').description(description).enablePositionalOptions();
	program.usage('[options] <noun> <verb> …').helpCommand(false);
	const loaded = await Promise.all(nouns.map((noun) => loadOrName(noun, terminal, wanted)));
	for (const [index, command] of loaded.entries()) {
		program.addCommand(command.helpGroup(nouns[index]?.group ?? ''));
	}
	for (const option of globalOptions()) program.addOption(option);
	program.option('-V, --version', 'show the version of this command');
	program.addHelpText('after', textBelow());
	share(program, program, streams);
	return program;
}

/** The program with every command, for what is generated from it; it prints nothing and runs nothing. */
export async function wholeProgram(): Promise<Command> {
	const nowhere = { write: () => true };
	const terminal = consoleTerminal({
		stdout: nowhere,
		stderr: nowhere,
		stdin: () => process.stdin,
		environment: {},
		settings: () => ({ quiet: true, colour: false }),
		interrupted: () => new AbortController().signal,
		exit: () => undefined,
		api: () => Promise.reject(new CaissonError('internal', 'Nothing is run here.')),
	});
	return buildProgram(terminal, { stdout: nowhere, stderr: nowhere }, 'all');
}

async function loadOrName(noun: Noun, terminal: Terminal, wanted: string | undefined): Promise<Command> {
	if (wanted !== 'all' && wanted !== noun.name) return new Command(noun.name).summary(noun.summary);
	const command = await noun.load(terminal);
	return command.summary(noun.summary);
}

/** Gives a command and all below it what commander passes on only to commands made with `.command()`. */
function share(command: Command, program: Command, streams: { stdout: OutputStream; stderr: OutputStream }): void {
	command.exitOverride((error: UsageError) => {
		error.command ??= command;
		throw error;
	});
	command.configureOutput({
		writeOut: (text) => streams.stdout.write(text),
		writeErr: (text) => streams.stderr.write(text),
		outputError: () => undefined, // run.ts reports it
		getOutHelpWidth: () => 80,
		getErrHelpWidth: () => 80,
		getOutHasColors: () => false,
		getErrHasColors: () => false,
	});
	command.createHelp = () => new CaissonHelp();
	command.showSuggestionAfterError(true).helpOption('-h, --help', 'show this help');
	if (command !== program) {
		command.helpCommand(false);
		if (command.commands.length > 0) command.enablePositionalOptions();
		for (const option of globalOptions()) {
			if (!command.options.some((own) => own.long === option.long || (own.short && own.short === option.short))) {
				command.addOption(option.helpGroup(globalHeading));
			}
		}
	}
	for (const child of command.commands) share(child, program, streams);
}

const globalHeading = 'Global options:';

/** The look of the help: arguments in the list of commands, choices and defaults in plain words. */
class CaissonHelp extends Help {
	override helpWidth = 80;
	override subcommandTerm(command: Command): string {
		return command.name();
	}
	// What there is before how to say it: commands stand before options, and a noun's own before the global ones.
	override formatHelp(command: Command, helper: Help): string {
		const width = helper.padWidth(command, helper);
		const item = (term: string, words: string) => helper.formatItem(term, width, words, helper);
		const lines = [`Usage: ${helper.commandUsage(command)}`, ''];
		const text = helper.commandDescription(command);
		if (text !== '') lines.push(helper.boxWrap(text, 80), '');
		const terms = helper.visibleArguments(command);
		const args = terms.map((term) => item(helper.argumentTerm(term), helper.argumentDescription(term)));
		lines.push(...helper.formatItemList('Arguments:', args, helper));
		const below = helper.groupItems([], helper.visibleCommands(command), (child) => child.helpGroup() || 'Commands:');
		for (const [heading, children] of below) {
			const items = children.map((child) => item(helper.subcommandTerm(child), helper.subcommandDescription(child)));
			lines.push(...helper.formatItemList(heading, items, helper));
		}
		const options = [...helper.visibleOptions(command)].sort((a, b) => Number(isGlobal(a)) - Number(isGlobal(b)));
		for (const [heading, group] of helper.groupItems([], options, (option) => option.helpGroupHeading ?? 'Options:')) {
			const items = group.map((option) => item(helper.optionTerm(option), helper.optionDescription(option)));
			lines.push(...helper.formatItemList(heading, items, helper));
		}
		return lines.join('\n');
	}
	// Global options are named in one line: their words stand in `caisson --help`.
	override formatItemList(heading: string, items: string[], helper: Help): string[] {
		if (heading !== globalHeading || items.length === 0) return super.formatItemList(heading, items, helper);
		const names = items.map((item) => /--[a-z-]+/.exec(item)?.[0] ?? '');
		return [this.boxWrap(`Global options (see caisson --help): ${names.join(', ')}`, 80), ''];
	}
	override longestOptionTermLength(command: Command, helper: Help): number {
		const own = helper.visibleOptions(command).filter((option) => !isGlobal(option));
		return Math.max(0, ...own.map((option) => option.flags.length));
	}
	override optionDescription(option: Option): string {
		const words = [option.description];
		if (option.argChoices) words.push(`(${option.argChoices.join(', ')}${defaultWord(option)})`);
		else if (typeof option.defaultValue === 'string' || typeof option.defaultValue === 'number') {
			words.push(`(default: ${option.defaultValueDescription ?? option.defaultValue})`);
		}
		return words.filter((word) => word !== '').join(' ');
	}
	override argumentDescription(argument: Argument): string {
		if (!argument.argChoices) return argument.description;
		return `${argument.description} (${argument.argChoices.join(', ')})`;
	}
}

function isGlobal(option: Option): boolean {
	return option.helpGroupHeading === globalHeading;
}

function defaultWord(option: Option): string {
	return option.defaultValue === undefined ? '' : `; default: ${option.defaultValue}`;
}

/** The first word of the command line that is neither a global option nor the value of one. */
export function firstWord(args: readonly string[]): string | undefined {
	const valued = new Set(
		globalOptions()
			.filter((option) => option.required)
			.map((option) => option.long),
	);
	for (let index = 0; index < args.length; index++) {
		const arg = args[index] ?? '';
		if (arg === '--') return undefined;
		if (!arg.startsWith('-')) return arg;
		if (valued.has(arg)) index++;
	}
	return undefined;
}
