// A Caisson server as a process of its own, `bin/caisson up`, for the time of a trial: started on ports that are free,
// known to be ready, stopped in order. It leaves out what is asked of the server.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CaissonError } from '../../src/errors.ts';
import type { ApiClient } from '../../src/terminal/api-client.ts';
import { httpClient } from '../../src/terminal/http-client.ts';
import { findServer } from '../../src/terminal/server-address.ts';
import { localServers } from '../cli/local-servers.ts';

export interface ServerProcessOptions {
	/** The data directory; made where absent. */
	readonly data: string;
	/** Ports to take where they are free; otherwise, and where there are none, the system's choice. */
	readonly preferredPorts?: { readonly southbound: number; readonly northbound: number };
}

export interface ServerProcess {
	/** http://127.0.0.1:PORT, for devices. */
	readonly southbound: string;
	/** http://127.0.0.1:PORT, for operators. */
	readonly northbound: string;
	/** The northbound port, with the operator's token. */
	readonly api: ApiClient;
	/** What lies here is served to devices under /download/. */
	readonly downloads: string;
	/** The server's own log. */
	readonly logFile: string;
	/** Fulfilled with a sentence when the server has ended without being stopped. */
	readonly died: Promise<string>;
	/** Ends the server in order; fulfilled with its exit code. May be called twice. */
	stop(): Promise<number | null>;
}

const caisson = fileURLToPath(new URL('../../bin/caisson', import.meta.url));
/** Milliseconds for a start on a busy machine. */
const startLimit = 60_000;

/** @throws CaissonError server-unreachable with the server's last words where it does not come up */
export async function startServer(options: ServerProcessOptions): Promise<ServerProcess> {
	const downloads = join(options.data, 'downloads');
	const logFile = join(options.data, 'server.log');
	await mkdir(options.data, { recursive: true, mode: 0o700 });
	await mkdir(downloads, { recursive: true });
	const southPort = await portFor(options.preferredPorts?.southbound);
	const northPort = await portFor(options.preferredPorts?.northbound);
	const child = spawn(caisson, serverWords(options.data, downloads, southPort, northPort), {
		// A group of its own: Ctrl-C in a terminal is for the trial, which then stops the server in order.
		detached: true,
		stdio: ['ignore', 'pipe', 'pipe'],
		env: environment(),
	});
	const log = createWriteStream(logFile, { flags: 'a' });
	for (const stream of [child.stdout, child.stderr]) stream.pipe(log, { end: false });
	const process = new RunningServer(child, logFile);
	const where = await Promise.race([
		announced(options.data, child),
		process.died.then((words) => Promise.reject(new Error(words))),
	]).catch(async (cause: Error) => {
		await process.stop();
		throw new CaissonError('server-unreachable', `The server did not come up. ${cause.message}`, { cause });
	});
	const { client: southbound, mgmt: northbound } = where;
	const server = await findServer({ data: options.data }, {}, { port: 'northbound' }, localServers({}));
	return {
		southbound,
		northbound,
		api: httpClient(server, process.ended),
		downloads,
		logFile,
		died: process.died,
		stop: () => process.stop(),
	};
}

function serverWords(data: string, downloads: string, southPort: number, northPort: number): string[] {
	const options = {
		data,
		'client-port': southPort,
		'mgmt-port': northPort,
		'simple-fileserver': downloads,
		'log-format': 'json',
	};
	return ['up', ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])];
}

/** A trial's server obeys its own words only, not what the person has set for theirs. */
function environment(): NodeJS.ProcessEnv {
	return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CAISSON_')));
}

class RunningServer {
	readonly died: Promise<string>;
	readonly #child: ChildProcess;
	readonly #closed: Promise<unknown>;
	readonly #ended = new AbortController();
	#stopping = false;

	constructor(child: ChildProcess, logFile: string) {
		this.#child = child;
		this.#closed = once(child, 'close').catch((error: unknown) => error);
		// When this process ends without stopping the server, the server must not stay.
		const kill = () => child.kill('SIGKILL');
		process.once('exit', kill);
		this.died = this.#closed.then(async () => {
			process.off('exit', kill);
			this.#ended.abort(new CaissonError('server-unreachable', 'The server has ended.'));
			return this.#stopping ? new Promise<string>(() => {}) : lastWords(child, logFile);
		});
	}

	/** Aborted when the server has ended. */
	get ended(): AbortSignal {
		return this.#ended.signal;
	}

	async stop(): Promise<number | null> {
		this.#stopping = true;
		this.#child.kill('SIGTERM');
		await this.#closed;
		return this.#child.exitCode;
	}
}

async function lastWords(child: ChildProcess, logFile: string): Promise<string> {
	const text = await readFile(logFile, 'utf8').catch(() => '');
	const lines = text.trimEnd().split('\n').slice(-3).join('\n');
	return `It ended with ${child.exitCode ?? child.signalCode ?? 'an error'}; the end of its log ${logFile}:\n${lines}`;
}

/** What the server writes into its data directory once it answers. */
async function announced(data: string, child: ChildProcess): Promise<{ client: string; mgmt: string }> {
	for (const end = Date.now() + startLimit; Date.now() < end; await sleep(20)) {
		if (child.exitCode !== null || child.signalCode !== null) break;
		const text = await readFile(join(data, 'server.json'), 'utf8').catch(() => '{}');
		const { pid, client, mgmt } = JSON.parse(text) as { pid?: number; client?: string; mgmt?: string };
		// bin/caisson becomes the server by exec. Another pid is of a server that was killed.
		if (pid === child.pid && client !== undefined && mgmt !== undefined) return { client, mgmt };
	}
	throw new Error(`It did not answer within ${startLimit / 1000} s.`);
}

/** `preferred` where nobody listens there, else 0: the system's choice. */
async function portFor(preferred = 0): Promise<number> {
	const probe = createServer();
	const listening = await new Promise<boolean>((resolve) => {
		probe.once('error', () => resolve(false)).listen(preferred, '127.0.0.1', () => resolve(true));
	});
	if (!listening) return 0;
	await new Promise((resolve) => probe.close(resolve));
	return preferred;
}
