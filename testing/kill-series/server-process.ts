// `caisson up` as a process of its own, on ports that are free, for tests that kill it. It leaves out what is asked of
// the server.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../../bin/caisson', import.meta.url));
const startLimit = 30_000;

export interface ServerProcess {
	readonly pid: number;
	/** Base URLs, such as http://127.0.0.1:40001 */
	readonly southbound: string;
	readonly northbound: string;
	/** kill -9; resolves when the process is gone. */
	kill(): Promise<void>;
	/** SIGTERM. @returns the exit code */
	stop(): Promise<number | null>;
}

/**
 * Starts a server on `dataDirectory` and resolves when it serves.
 * @param prefix words before the command, such as those of strace
 * @param more further options of `caisson up`
 * @throws Error with the server's log where it ends or is silent for 30 s
 */
export async function startServer(
	dataDirectory: string,
	prefix: readonly string[] = [],
	more: readonly string[] = [],
): Promise<ServerProcess> {
	const words = ['up', '--data', dataDirectory, '--client-port', '0', '--mgmt-port', '0', '--northbound-auth', 'none'];
	const [program = command, ...rest] = [...prefix, command, ...words, ...more, '--log-format', 'json'];
	const child = spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
	const gone = once(child, 'close');
	const log: string[] = [];
	const urls = new Map<string, string>();
	const serving = Promise.withResolvers<number>();
	createInterface({ input: child.stderr }).on('line', (line) => {
		log.push(line);
		const entry = parseLine(line);
		const side = /^(southbound|northbound)/.exec(entry.msg ?? '')?.[0];
		if (side !== undefined && entry.url !== undefined) urls.set(side, entry.url);
		if (entry.msg === 'serving') serving.resolve(entry.pid ?? 0);
	});
	const failed = (why: string) => serving.reject(new Error(`caisson up ${why}:\n${log.join('\n')}`));
	const timer = setTimeout(() => failed('said nothing for 30 s'), startLimit);
	void gone.then(() => failed('ended'));
	let pid: number;
	try {
		pid = await serving.promise;
	} catch (error) {
		child.kill('SIGKILL');
		throw error;
	} finally {
		clearTimeout(timer);
	}
	return {
		pid,
		southbound: urls.get('southbound') ?? '',
		northbound: urls.get('northbound') ?? '',
		async kill() {
			end(child, pid, 'SIGKILL');
			await gone;
		},
		async stop() {
			end(child, pid, 'SIGTERM');
			const [code] = (await gone) as [number | null];
			return code;
		},
	};
}

/** The server itself, which is not the child where a prefix runs it. */
function end(child: ChildProcess, pid: number, signal: NodeJS.Signals): void {
	if (child.exitCode === null && child.signalCode === null) process.kill(pid, signal);
}

function parseLine(line: string): { msg?: string; url?: string; pid?: number } {
	try {
		return JSON.parse(line);
	} catch {
		return {};
	}
}
