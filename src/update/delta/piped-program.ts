// Runs a program of the system with pipes for what it reads and writes, so that nothing is kept on disk on the way. It leaves
// out what the bytes mean. (src/outside/processes.ts runs those whose output is a text to keep.)

import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { CaissonError, type ErrorCode } from '../../errors.ts';

export interface ProgramToRun {
	readonly program: string;
	/** The Debian package that holds it. */
	readonly package: string;
	readonly words: readonly string[];
	/** The code of the error where it ends with another exit code than 0. */
	readonly fault: ErrorCode;
	readonly signal: AbortSignal | undefined;
}

/** One run of a program; its stderr is kept, up to a bound. */
export class PipedProgram {
	readonly #child: ChildProcess;
	readonly #run: ProgramToRun;
	readonly #ended: Promise<number | null>;
	#startFault: NodeJS.ErrnoException | undefined;
	#words = '';

	/** @throws the signal's reason where it aborted already */
	constructor(run: ProgramToRun) {
		const { signal } = run;
		signal?.throwIfAborted();
		this.#run = run;
		this.#child = spawn(run.program, run.words, {
			env: { ...process.env, LC_ALL: 'C.UTF-8' },
			stdio: ['pipe', 'pipe', 'pipe'],
			...(signal === undefined ? {} : { signal }),
			killSignal: 'SIGKILL',
		});
		this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
			if (this.#words.length < 4096) this.#words += text;
		});
		this.#child.stdin?.on('error', ignored); // the program ended first: its exit code tells why
		this.#ended = new Promise((resolve) => {
			this.#child.once('error', (error: NodeJS.ErrnoException) => {
				this.#startFault ??= error;
				if (this.#child.pid === undefined) resolve(null);
			});
			this.#child.once('close', (code) => resolve(code));
		});
	}

	get input(): Writable {
		return this.#child.stdin as Writable;
	}
	get output(): Readable {
		return this.#child.stdout as Readable;
	}

	kill(): void {
		this.#child.kill('SIGKILL');
	}

	/** Waits for the end and judges it. @throws CaissonError tool-missing, or `fault` with the last line of stderr */
	async end(): Promise<void> {
		const code = await this.#ended;
		const { program, package: from, words, fault, signal } = this.#run;
		if (signal?.aborted) throw signal.reason;
		if (this.#startFault?.code === 'ENOENT') {
			throw new CaissonError('tool-missing', `${program} is not installed: apt-get install ${from}.`);
		}
		if (this.#startFault !== undefined) throw this.#startFault;
		if (code === 0) return;
		const reason = this.#words.trim().split('\n').at(-1) ?? '';
		const said = reason.replace(/^\w+: Failed, /, '') || `exit code ${code}`;
		const verb = words.find((word) => /^[a-z]+$/.test(word));
		throw new CaissonError(fault, `${verb === undefined ? program : `${program} ${verb}`} failed: ${said}`);
	}
}

/** Runs `work` beside the processes; whichever fails ends all. The processes' own reasons go before broken pipes. */
export async function runAll<Result>(processes: readonly PipedProgram[], work: () => Promise<Result>): Promise<Result> {
	let fault: { readonly error: unknown } | undefined;
	let result: Result | undefined;
	try {
		result = await work();
	} catch (error) {
		fault = { error };
		for (const each of processes) each.kill();
	}
	const ends = await Promise.allSettled(processes.map((each) => each.end()));
	if (fault !== undefined) throw fault.error;
	for (const end of ends) if (end.status === 'rejected') throw end.reason;
	return result as Result;
}

function ignored(): void {}
