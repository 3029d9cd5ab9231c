// Reads a page that leads through a ceremony: blocks of commands, files in YAML, and comments that say what clients must find.
// It runs the commands as a reader would, in one folder; `caisson up` runs beside, one server at a time, on free ports. It
// leaves out what clients are asked.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

interface AtLine {
	readonly line: number;
	readonly title: string;
}
export type CommandStep = AtLine & {
	readonly kind: 'commands' | 'serve';
	readonly script: string;
	readonly setUp: string;
};
export type FileStep = AtLine & { readonly kind: 'file'; readonly name: string; readonly text: string };
/** `<!-- clients: root 1, targets 2 -->`: versions by role. */
export type ClientsStep = AtLine & { readonly kind: 'clients'; readonly versions: Readonly<Record<string, number>> };
export type Step = CommandStep | FileStep | ClientsStep;

/** The steps of a page in its order. A YAML block whose first line is `# NAME.yaml` is that file; other blocks are prose. */
export function stepsOf(page: string): Step[] {
	const steps: Step[] = [];
	// What a shell keeps from one block to the next.
	let setUp = '';
	for (const match of page.matchAll(/^```(sh|yaml)\n(.*?)^```$|^<!-- clients: (.*?) -->$/gms)) {
		const [, language, body = '', versions] = match;
		const line = page.slice(0, match.index).split('\n').length;
		const title = body.trim().split('\n').length > 1 ? `${body.split('\n')[0]} …` : body.trim();
		if (versions !== undefined) {
			const pairs = versions.split(', ').map((pair) => pair.split(' '));
			const wanted = Object.fromEntries(pairs.map(([role, version]) => [role, Number(version)]));
			steps.push({ kind: 'clients', line, title: versions, versions: wanted });
		} else if (language === 'sh') {
			steps.push({ kind: body.startsWith('caisson up ') ? 'serve' : 'commands', line, title, script: body, setUp });
			setUp += [...body.matchAll(/^(?:umask|export) .*\n/gm)].join('');
		} else {
			const [, name] = /^# ([a-z-]+\.yaml)\n/.exec(body) ?? [];
			if (name !== undefined) steps.push({ kind: 'file', line, title: name, name, text: body });
		}
	}
	return steps;
}

const bin = join(import.meta.dirname, '..', '..', 'bin');

export class PageReader {
	readonly #folder: string;
	readonly #environment: Record<string, string>;
	#server: ChildProcess | undefined;

	/** @param environment of all commands, besides the folder as home, free ports, and a PATH with bin/caisson */
	constructor(folder: string, environment: Readonly<Record<string, string>> = {}) {
		const { PATH = '' } = process.env;
		this.#folder = folder;
		this.#environment = {
			...{ PATH: `${bin}${delimiter}${PATH}`, HOME: folder, LC_ALL: 'C.UTF-8' },
			...{ CAISSON_CLIENT_PORT: '0', CAISSON_MGMT_PORT: '0', ...environment },
		};
	}

	/** @throws Error with what the commands printed, where one of them does not end with 0 */
	async do(step: CommandStep | FileStep): Promise<void> {
		if (step.kind === 'file') writeFileSync(join(this.#folder, step.name), step.text);
		else if (step.kind === 'serve') await this.#serve(step);
		else await this.#run(step);
	}

	#shell(script: string): { shell: ChildProcess; output: () => string } {
		const shell = spawn('bash', ['-euo', 'pipefail', '-c', script], {
			cwd: this.#folder,
			env: this.#environment,
			stdio: ['ignore', 'pipe', 'pipe'],
		});
		let output = '';
		for (const stream of [shell.stdout, shell.stderr]) {
			stream?.setEncoding('utf8').on('data', (text: string) => {
				output += text;
			});
		}
		return { shell, output: () => output };
	}

	async #run({ line, script, setUp }: CommandStep): Promise<void> {
		const { shell, output } = this.#shell(setUp + script);
		const [code] = await once(shell, 'close');
		if (code !== 0) throw new Error(`line ${line}: a command of this block ended with ${code}:\n${output()}`);
	}

	async #serve({ line, script, setUp }: CommandStep): Promise<void> {
		await this.close();
		const address = join(this.#folder, 'server', 'server.json');
		rmSync(address, { force: true });
		const { shell, output } = this.#shell(`${setUp}exec ${script}`);
		this.#server = shell;
		for (let tries = 0; !existsSync(address); tries++) {
			if (shell.exitCode !== null || tries > 600) throw new Error(`line ${line}: does not serve:\n${output()}`);
			await sleep(50);
		}
	}

	/** Where devices reach the server. */
	southbound(): string {
		const { client } = JSON.parse(readFileSync(join(this.#folder, 'server', 'server.json'), 'utf8'));
		return client;
	}

	/** Ends the server. */
	async close(): Promise<void> {
		const server = this.#server;
		this.#server = undefined;
		if (server?.exitCode === null && server.kill('SIGTERM')) await once(server, 'exit');
	}
}
