// A Terminal for tests: keeps what a command writes, answers from what the test gives. A maintained part of the
// house (used by the tests of every noun's commands), so it decides nothing that console-terminal.ts does not.

import { Readable } from 'node:stream';
import { CaissonError } from '../errors.ts';
import type { ApiClient, ApiTarget } from './api-client.ts';
import { consoleTerminal } from './console-terminal.ts';
import type { Terminal } from './terminal.ts';

export interface RecordingOptions {
	readonly stdin?: string;
	/** What `api()` gives; without it the command meets server-unreachable. */
	readonly api?: ApiClient | ((target: ApiTarget) => Promise<ApiClient>);
	readonly environment?: Readonly<Record<string, string | undefined>>;
	readonly quiet?: boolean;
	/** As on a terminal: colours and progress. */
	readonly onTerminal?: boolean;
	/** Lines that a person types when asked; only with onTerminal. */
	readonly typed?: readonly string[];
	readonly columns?: number;
	readonly interrupted?: AbortSignal;
}

export interface RecordingTerminal extends Terminal {
	/** Everything written to stdout so far, as text. */
	readonly stdoutText: string;
	readonly stdoutBytes: Uint8Array;
	readonly stderrText: string;
	readonly exitCode: 0 | 1;
}

export function recordingTerminal(options: RecordingOptions = {}): RecordingTerminal {
	const chunks = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
	const typed = [...(options.typed ?? [])];
	let exitCode: 0 | 1 = 0;
	const stream = (kept: Uint8Array[]) => ({
		write: (chunk: string | Uint8Array) => kept.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk),
		isTTY: options.onTerminal === true,
		columns: options.columns ?? 80,
	});
	const never = new AbortController().signal;
	const terminal = consoleTerminal({
		stdout: stream(chunks.stdout),
		stderr: stream(chunks.stderr),
		stdin: () => {
			const answer = typed.shift();
			const input = Readable.from([options.stdin ?? (answer === undefined ? '' : `${answer}\n`)]);
			return Object.assign(input, { isTTY: options.onTerminal === true });
		},
		environment: options.environment ?? {},
		settings: () => ({ quiet: options.quiet === true, colour: true }),
		interrupted: () => options.interrupted ?? never,
		exit: (code) => {
			exitCode = code;
		},
		api: async (target) => {
			if (typeof options.api === 'function') return options.api(target);
			if (options.api === undefined) throw new CaissonError('server-unreachable', 'This test has no server.');
			return options.api;
		},
	});
	return Object.defineProperties(terminal, {
		stdoutText: { get: () => Buffer.concat(chunks.stdout).toString('utf8') },
		stdoutBytes: { get: () => Buffer.concat(chunks.stdout) },
		stderrText: { get: () => Buffer.concat(chunks.stderr).toString('utf8') },
		exitCode: { get: () => exitCode },
	}) as RecordingTerminal;
}
