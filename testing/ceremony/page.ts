// Reads a page that leads through a ceremony: blocks of commands, files in YAML, and comments that say what the server does
// in between. It runs the commands as a reader would, in one folder. It leaves out the server (server.ts).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export type Step =
	| { readonly kind: 'commands'; readonly line: number; readonly title: string; readonly script: string }
	| {
			readonly kind: 'file';
			readonly line: number;
			readonly title: string;
			readonly name: string;
			readonly text: string;
	  }
	/** `<!-- server: WORDS -->` */
	| { readonly kind: 'server'; readonly line: number; readonly words: readonly string[] };

/** The steps of a page in its order. A YAML block whose first line is `# NAME.yaml` is that file; other blocks are prose. */
export function stepsOf(page: string): Step[] {
	const steps: Step[] = [];
	const form = /^```(sh|yaml)\n(.*?)^```$|^<!-- server: (.*?) -->$/gms;
	for (const match of page.matchAll(form)) {
		const [, language, body = '', words] = match;
		const line = page.slice(0, match.index).split('\n').length;
		if (words !== undefined) steps.push({ kind: 'server', line, words: words.split(' ') });
		else if (language === 'sh') {
			const title = body.split('\n').length > 2 ? `${body.split('\n')[0]} …` : body.trim();
			steps.push({ kind: 'commands', line, title, script: body });
		} else {
			const [, name] = /^# ([a-z-]+\.yaml)\n/.exec(body) ?? [];
			if (name !== undefined) steps.push({ kind: 'file', line, title: name, name, text: body });
		}
	}
	return steps;
}

const bin = join(import.meta.dirname, '..', '..', 'bin');

/**
 * Runs the commands of a step, or writes its file.
 * @throws Error with what the commands printed, where one of them does not end with 0
 */
export async function runPage(
	step: Extract<Step, { kind: 'commands' | 'file' }>,
	folder: string,
	environment: Readonly<Record<string, string>> = {},
): Promise<string> {
	if (step.kind === 'file') {
		writeFileSync(join(folder, step.name), step.text);
		return '';
	}
	const { PATH = '' } = process.env;
	// The umask is set at the top of the page, in the one shell that a reader has.
	const shell = spawn('bash', ['-euo', 'pipefail', '-c', `umask 077\n${step.script}`], {
		cwd: folder,
		env: { PATH: `${bin}${delimiter}${PATH}`, HOME: folder, LC_ALL: 'C.UTF-8', ...environment },
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	let output = '';
	for (const stream of [shell.stdout, shell.stderr]) {
		stream.setEncoding('utf8').on('data', (text: string) => {
			output += text;
		});
	}
	const [code] = await once(shell, 'close');
	if (code !== 0) throw new Error(`line ${step.line}: a command of this block ended with ${code}:\n${output}`);
	return output;
}
