// Runs one of the system's programs to its end and keeps what it wrote. It leaves out what its exit code means.

import { spawn } from 'node:child_process';

export interface ProgramResult {
	/** True where there is no such program. */
	readonly missing: boolean;
	readonly code: number | null;
	/** stdout and stderr as they came. */
	readonly output: string;
}

/** @throws the signal's reason when it aborts; the program is killed then */
export async function runProgram(
	program: string,
	words: readonly string[],
	options: { readonly folder?: string; readonly signal?: AbortSignal } = {},
): Promise<ProgramResult> {
	options.signal?.throwIfAborted();
	return new Promise((resolve, reject) => {
		const child = spawn(program, words, {
			...(options.folder === undefined ? {} : { cwd: options.folder }),
			env: { ...process.env, LC_ALL: 'C.UTF-8' },
			stdio: ['ignore', 'pipe', 'pipe'],
			...(options.signal === undefined ? {} : { signal: options.signal }),
			killSignal: 'SIGKILL',
		});
		let output = '';
		for (const stream of [child.stdout, child.stderr]) {
			stream.setEncoding('utf8').on('data', (text: string) => {
				output += text;
			});
		}
		child.on('error', (error: NodeJS.ErrnoException) => {
			if (options.signal?.aborted) reject(options.signal.reason);
			else if (error.code === 'ENOENT') resolve({ missing: true, code: null, output: '' });
			else reject(error);
		});
		child.on('close', (code) => resolve({ missing: false, code, output }));
	});
}
