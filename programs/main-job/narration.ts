// How the main job speaks: one line a step with the seconds it took, aligned; what goes on meanwhile on a line that is
// rewritten on a terminal. It leaves out what the steps are.

import type { Terminal } from '../../src/terminal/terminal.ts';

type Style = Parameters<Terminal['style']>[0];

/** Columns of the time and of the step's name, each with two spaces after it. */
const timeWidth = 8;
const nameWidth = 9;

export interface Narration {
	/** Runs a step; its line is what `describe` makes of the result. A failed step gets a line too, and throws on. */
	step<Result>(
		name: string,
		doing: string,
		work: () => Promise<Result>,
		describe: (result: Result) => string,
	): Promise<Result>;
	/** A line in the same columns: anything in place of the time. */
	line(time: string, name: string, text: string, style?: Style): void;
	/** What goes on right now. */
	now(text: string): void;
	/** Text without columns; an empty line where it is empty. */
	plain(text: string): void;
}

export function narrate(terminal: Terminal, columns: number): Narration {
	const line = (time: string, name: string, text: string, style?: Style) => {
		const lines = wrap(text, Math.max(columns - timeWidth - nameWidth - 4, 40));
		for (const [index, part] of lines.entries()) {
			const left =
				index === 0
					? `${time.padStart(timeWidth)}  ${name.padEnd(nameWidth)}  `
					: ' '.repeat(timeWidth + nameWidth + 4);
			terminal.print(left + (style === undefined ? part : terminal.style(style, part)));
		}
	};
	return {
		async step(name, doing, work, describe) {
			const began = performance.now();
			terminal.progress(`${' '.repeat(timeWidth + 2)}${name.padEnd(nameWidth)}  ${doing} …`);
			try {
				const result = await work();
				line(seconds(began), name, describe(result));
				return result;
			} catch (error) {
				line(seconds(began), name, terminal.interrupted.aborted ? 'stopped' : 'failed', 'bad');
				throw error;
			}
		},
		line,
		now: (text) => terminal.progress(text === '' ? '' : `${' '.repeat(timeWidth + nameWidth + 4)}${text}`),
		plain: (text) => terminal.print(text),
	};
}

/** Seconds since `began` (performance.now()), for people. */
export function seconds(began: number): string {
	return `${((performance.now() - began) / 1000).toFixed(1)} s`;
}

/** A count with its noun: 1 file, 2 files; thousands with a comma. */
export function count(number: number, noun: string): string {
	const grouped = String(number).replaceAll(/\B(?=(\d{3})+$)/g, ',');
	return `${grouped} ${noun}${number === 1 ? '' : 's'}`;
}

/** Breaks at spaces into lines of at most `width` characters; a longer word stays whole, so that it can be copied. */
export function wrap(text: string, width: number): string[] {
	const lines: string[] = [];
	let line = '';
	for (const word of text.split(' ')) {
		if (line !== '' && line.length + 1 + word.length > width) {
			lines.push(line);
			line = word;
		} else line += (line === '' ? '' : ' ') + word;
	}
	return [...lines, line];
}
