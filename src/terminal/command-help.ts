// What the commands of all nouns share in their help and options: the output format, examples, exit codes, and how
// numbers, durations and lists are read. It knows no noun.

import { type Command, InvalidArgumentError, Option } from 'commander';

/** Adds `--format`; the first of `formats` is the default. */
export function withFormat(command: Command, formats: readonly [string, ...string[]] = ['text', 'json']): Command {
	const option = new Option('--format <format>', 'how to write the result');
	return command.addOption(option.choices(formats).default(formats[0]));
}

/** Adds examples below the help: each a command line as a person would type it, and what it does. */
export function withExamples(command: Command, examples: readonly (readonly [line: string, does: string])[]): Command {
	const text = examples.map(([line, does]) => `  ${does}:\n    $ ${line.replaceAll('\n', '\n      ')}`);
	return command.addHelpText('after', `\n${examples.length > 1 ? 'Examples' : 'Example'}:\n${text.join('\n')}`);
}

/** Adds what the exit codes mean for this command, where that is more than "0 done, 1 refused, 2 trouble". */
export function withExitCodes(command: Command, codes: Readonly<Record<number, string>>): Command {
	const width = Math.max(...Object.keys(codes).map((code) => code.length));
	const lines = Object.entries(codes).map(([code, meaning]) => `  ${code.padEnd(width)}  ${meaning}`);
	return command.addHelpText('after', `\nExit codes:\n${lines.join('\n')}`);
}

/** Reads a whole number of an option. */
export function wholeNumber(lowest: number, highest: number): (text: string) => number {
	return (text) => {
		const value = Number(text);
		if (!/^-?\d+$/.test(text) || value < lowest || value > highest) {
			throw new InvalidArgumentError(`It must be a whole number from ${lowest} to ${highest}.`);
		}
		return value;
	};
}

const units: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };

/** Reads a duration like 30s, 15m, 12h, 90d, 4w. @returns milliseconds */
export function duration(text: string): number {
	const [, count, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
	const milliseconds = units[unit ?? ''];
	if (count === undefined || milliseconds === undefined) {
		throw new InvalidArgumentError('It must be a number and a unit: s, m, h, d or w, e.g. 90d.');
	}
	return Number(count) * milliseconds;
}

/** Collects an option that may be given several times, or once with commas. */
export function list(text: string, before: readonly string[] | undefined): string[] {
	const values = text.split(',').filter((value) => value !== '');
	if (values.length === 0) throw new InvalidArgumentError('It must not be empty.');
	return [...(before ?? []), ...values];
}
