// The Terminal over this process's own streams, environment and signals. It decides when Ctrl-C is a signal to the
// command and when it ends the process; printing is in console-terminal.ts, finding a server in server-address.ts.

import type { Readable } from 'node:stream';
import { consoleTerminal, type OutputStream } from './console-terminal.ts';
import type { LocalServers, ServerChoice } from './server-address.ts';
import type { Terminal } from './terminal.ts';

/** The global options, as far as a terminal obeys them. */
export interface TerminalOptions extends ServerChoice {
	readonly quiet?: boolean | undefined;
	readonly colour?: boolean | undefined;
}

/** What a terminal stands on: the process, or a test's. */
export interface TerminalWorld {
	readonly stdout: OutputStream;
	readonly stderr: OutputStream;
	readonly stdin: () => Readable & { readonly isTTY?: boolean };
	readonly environment: Readonly<Record<string, string | undefined>>;
	/** The signal of Ctrl-C; asked only by commands that end in their own way. */
	readonly interrupted: () => AbortSignal;
	readonly localServers: LocalServers;
}

/**
 * @param options asked at every use, as the command line is parsed after this
 * @param exit told the exit code that a command chose
 */
export function processTerminal(
	world: TerminalWorld,
	options: () => TerminalOptions,
	exit: (code: 0 | 1) => void,
): Terminal {
	const { environment, interrupted, localServers } = world;
	return consoleTerminal({
		...world,
		settings: () => ({ quiet: options().quiet === true, colour: options().colour !== false }),
		exit,
		api: async (target) => {
			// Loaded late: most of the start-up of a command that asks no server would be TLS and HTTP.
			const [{ findServer }, { httpClient }] = await Promise.all([
				import('./server-address.ts'),
				import('./http-client.ts'),
			]);
			return httpClient(await findServer(options(), environment, target, localServers), interrupted());
		},
	});
}

let controller: AbortController | undefined;

/**
 * The signal of Ctrl-C. Until a command asks for it, Ctrl-C ends the process as usual; after that the first one is the
 * command's and the second ends the process.
 */
export function interruption(): AbortSignal {
	if (controller === undefined) {
		const started = new AbortController();
		controller = started;
		process.on('SIGINT', () => {
			if (started.signal.aborted) process.exit(130);
			started.abort();
		});
	}
	return controller.signal;
}
