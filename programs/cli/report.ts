// What a failed command prints and which exit code it ends with: the one place on the command line where an error
// becomes words. Wrong use is commander's words in our form; everything else comes from the catalogue.

import { type Command, CommanderError } from 'commander';
import { type ErrorCode, errorCatalogue, meaningOf } from '../../src/errors.ts';
import { jsonText } from '../../src/terminal/console-terminal.ts';
import { printableLines } from '../../src/terminal/printable.ts';
import type { UsageError } from './program.ts';

export interface Trouble {
	readonly code: ErrorCode;
	readonly message: string;
	readonly remedy: string;
	readonly exit: 1 | 2;
	/** Messages of the causes, outermost first. */
	readonly causes: readonly string[];
	/** Where Caisson itself is wrong. */
	readonly stack?: string;
}

/**
 * What went wrong; undefined where nothing did (help and version end as errors in commander).
 * @param called the command that was run, where it came to that
 */
export function troubleOf(error: unknown, called?: Command): Trouble | undefined {
	if (error instanceof CommanderError) {
		if (error.exitCode === 0) return undefined;
		return usageTrouble(error);
	}
	const { code, remedy: usual, exit } = meaningOf(error);
	const remedy = code === 'usage-wrong' && called ? `Run \`${commandName(called)} --help\`.` : usual;
	const message = error instanceof Error ? error.message || error.name : String(error);
	const stack = code === 'internal' && error instanceof Error ? error.stack : undefined;
	return { code, message, remedy, exit, causes: causesOf(error), ...(stack === undefined ? {} : { stack }) };
}

function causesOf(error: unknown): string[] {
	const causes: string[] = [];
	let cause = error instanceof Error ? error.cause : undefined;
	for (; cause !== undefined && causes.length < 10; cause = cause instanceof Error ? cause.cause : undefined) {
		causes.push(cause instanceof Error ? cause.message || cause.name : String(cause));
	}
	return causes;
}

function usageTrouble(error: UsageError): Trouble {
	const name = commandName(error.command);
	const wordless = error.code === 'commander.help';
	const text = wordless ? `${name} needs a command` : error.message.replace(/^error: /, '');
	const [first = '', ...rest] = text.split('\n').map((line) => line.trim());
	const suggestion = rest.join(' ').replace(/^\(Did you mean (one of )?(.*)\?\)$/, 'Did you mean $2?');
	const message = `${first.replace(/\.$/, '')}.${suggestion === '' ? '' : ` ${suggestion}`}`;
	const { exit } = errorCatalogue['usage-wrong'];
	return { code: 'usage-wrong', message, remedy: `Run \`${name} --help\`.`, exit, causes: [] };
}

/** As typed: `caisson job create`. */
export function commandName(command: Command | undefined): string {
	const words: string[] = [];
	for (let at = command; at !== undefined && at !== null; at = at.parent ?? undefined) words.unshift(at.name());
	return words.length === 0 ? 'caisson' : words.join(' ');
}

/** The trouble as a person reads it: what, how to go on, and with `verbose` why. */
export function troubleText(trouble: Trouble, verbose: boolean): string {
	const lines = [`caisson: ${trouble.message} [${trouble.code}]`];
	if (verbose) for (const cause of trouble.causes) lines.push(`  because: ${cause}`);
	if (verbose && trouble.stack !== undefined) lines.push(trouble.stack);
	lines.push(`  ${trouble.remedy}`);
	return `${printableLines(lines.join('\n'), false)}\n`;
}

/** The trouble for a program, as one line. */
export function troubleJson(trouble: Trouble): string {
	const { code, message, remedy, exit, causes } = trouble;
	return `${jsonText({ error: { code, message, remedy, exit, causes } }, '')}\n`;
}
