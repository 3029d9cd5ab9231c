// A golden test of the command line as a text file: command lines with what they print and how they end. It reads and
// writes such files; running is in run-case.ts. The form:
//
//   # What this shows.
//   $ caisson job get nope
//   < a line of stdin
//   | a line of stdout
//   ! a line of stderr
//   ? 1                      the exit code; 0 where the line is left out
//
// What differs from run to run is written as a name: <id-1> is the first UUID of the file, <time> a time, <server> and
// <south> the server's addresses; all but <time> stand for the same in the command lines.

export interface CaseStep {
	/** Comment lines before it. */
	readonly comments: readonly string[];
	/** The command line after `$ `. */
	readonly line: string;
	readonly stdin: string;
	readonly stdout: string;
	readonly stderr: string;
	readonly exit: number;
}

/** @throws Error naming the line that is none of the form */
export function parseCaseFile(text: string): CaseStep[] {
	const steps: CaseStep[] = [];
	let comments: string[] = [];
	let step:
		| { comments: string[]; line: string; stdin: string; stdout: string; stderr: string; exit: number }
		| undefined;
	for (const [index, line] of text.split('\n').entries()) {
		const value = line.slice(2);
		if (line === '') continue;
		if (line.startsWith('#')) comments.push(line);
		else if (line.startsWith('$ ')) {
			step = { comments, line: value, stdin: '', stdout: '', stderr: '', exit: 0 };
			steps.push(step);
			comments = [];
		} else if (step === undefined) throw new Error(`line ${index + 1}: before the first command`);
		else if (/^[<|!]( |$)/.test(line)) {
			const stream = { '<': 'stdin', '|': 'stdout', '!': 'stderr' }[line[0] ?? ''] as 'stdin' | 'stdout' | 'stderr';
			step[stream] += `${value}\n`;
		} else if (/^\? \d+$/.test(line)) step.exit = Number(value);
		else throw new Error(`line ${index + 1}: neither a command, its input, its output nor its exit code`);
	}
	return steps;
}

/** The file for these steps: what parseCaseFile reads. */
export function renderCaseFile(steps: readonly CaseStep[]): string {
	return steps.map(renderStep).join('\n');
}

function renderStep({ comments, line, stdin, stdout, stderr, exit }: CaseStep): string {
	const marked = (mark: string, text: string) =>
		text === ''
			? []
			: text
					.replace(/\n$/, '')
					.split('\n')
					.map((part) => (part === '' ? mark : `${mark} ${part}`));
	const lines = [
		...comments,
		`$ ${line}`,
		...marked('<', stdin),
		...marked('|', stdout),
		...marked('!', stderr),
		...(exit === 0 ? [] : [`? ${exit}`]),
	];
	return `${lines.join('\n')}\n`;
}

/** Splits a command line as a shell does: words, 'single' and "double" quotes; nothing is expanded. */
export function splitWords(line: string): string[] {
	const words: string[] = [];
	for (const match of line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)) {
		words.push(match[0].replace(/'([^']*)'|"([^"]*)"/g, (_, single, double) => single ?? double));
	}
	return words;
}

/** Names for what differs from run to run, kept over the steps of one file. */
export class Names {
	readonly #ids: string[] = [];
	readonly #addresses: Readonly<Record<string, string>>;

	constructor(addresses: Readonly<Record<string, string>> = {}) {
		this.#addresses = addresses;
	}

	/** Output with names for values. */
	hide(text: string): string {
		let named = text
			.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
				if (!this.#ids.includes(id)) this.#ids.push(id);
				return `<id-${this.#ids.indexOf(id) + 1}>`;
			})
			.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>');
		for (const [name, address] of Object.entries(this.#addresses)) named = named.replaceAll(address, `<${name}>`);
		return named;
	}

	/** A command line with values for names. */
	show(line: string): string {
		let shown = line.replace(/<id-(\d+)>/g, (name, number) => this.#ids[Number(number) - 1] ?? name);
		for (const [name, address] of Object.entries(this.#addresses)) shown = shown.replaceAll(`<${name}>`, address);
		return shown;
	}
}
