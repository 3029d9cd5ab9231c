// One command line from its words to its exit code: finds the command, runs it, and turns whatever goes wrong into a
// message and an exit code. It leaves out the process itself (cli.ts), so that tests can run it.

import { type Command, CommanderError } from 'commander';
import { interruption, processTerminal, type TerminalWorld } from '../../src/terminal/process-terminal.ts';
import { localServers } from './local-servers.ts';
import { ownVersion } from './own-version.ts';
import { buildProgram, firstWord, type GlobalOptions, type UsageError, wholeProgram } from './program.ts';
import { troubleJson, troubleOf, troubleText } from './report.ts';

/** @returns the exit code: 0, 1 or 2 by the catalogue; 130 where Ctrl-C ended the command */
export async function runCommandLine(args: readonly string[], world: TerminalWorld = processWorld()): Promise<number> {
	let options: GlobalOptions = {};
	let exitCode = 0;
	let signal: AbortSignal | undefined;
	const interrupted = () => {
		signal ??= world.interrupted();
		return signal;
	};
	const chooseExit = (code: 0 | 1) => {
		exitCode = code;
	};
	const terminal = processTerminal({ ...world, interrupted }, () => options, chooseExit);
	const words = helpLast(args);
	let called: Command | undefined;
	try {
		const program = await buildProgram(terminal, world, firstWord(words));
		program.on('option:version', () => {
			terminal.print(ownVersion());
			throw new CommanderError(0, 'commander.version', '');
		});
		program.hook('preAction', (_, action) => {
			called = action;
			options = globalsOf(action);
		});
		if (words.length === 0) program.help({ error: true });
		await program.parseAsync(words, { from: 'user' });
		return exitCode;
	} catch (error) {
		if (signal?.aborted) return 130;
		await suggestVerb(error);
		return report(error, called, words, world, terminal.progress);
	}
}

function processWorld(): TerminalWorld {
	const { stdout, stderr, env: environment } = process;
	return {
		stdout,
		stderr,
		stdin: () => process.stdin,
		environment,
		interrupted: interruption,
		localServers: localServers(environment),
	};
}

function report(
	error: unknown,
	called: Command | undefined,
	words: readonly string[],
	world: TerminalWorld,
	progress: (line: string) => void,
): number {
	const trouble = troubleOf(error, called);
	if (trouble === undefined) return 0;
	progress('');
	// Commander has printed the help already where a noun was called without a verb.
	if (error instanceof CommanderError && error.code === 'commander.help') return trouble.exit;
	// From the words, as the options of a command line that could not be parsed are not known.
	const json = words.includes('--format=json') || words[words.indexOf('--format') + 1] === 'json';
	world.stderr.write(json ? troubleJson(trouble) : troubleText(trouble, words.includes('--verbose')));
	return trouble.exit;
}

/** `caisson create`: where the unknown noun is a verb, its nouns are a better guess than the nearest noun. */
async function suggestVerb(error: unknown): Promise<void> {
	if (!(error instanceof CommanderError) || error.code !== 'commander.unknownCommand') return;
	const { command } = error as UsageError;
	const [verb] = command?.args ?? [];
	if (command?.parent !== null || verb === undefined) return;
	const nouns = (await wholeProgram()).commands.filter((noun) => noun.commands.some((own) => own.name() === verb));
	if (nouns.length === 0) return;
	const lines = nouns.map((noun) => `'caisson ${noun.name()} ${verb}'`);
	error.message = `unknown command '${verb}'\n(Did you mean ${lines.join(' or ')}?)`;
}

/** `caisson help job create` is `caisson job create --help`. */
function helpLast(args: readonly string[]): readonly string[] {
	return args[0] === 'help' ? [...args.slice(1), '--help'] : args;
}

// The word nearest to the verb wins; what nobody wrote (a default) never does.
function globalsOf(action: Command): GlobalOptions {
	const options: Record<string, unknown> = {};
	for (let command: Command | null = action; command !== null; command = command.parent) {
		for (const [name, value] of Object.entries(command.opts())) {
			if (command.getOptionValueSource(name) !== 'default') options[name] ??= value;
		}
	}
	return options;
}
