// A wfx (siemens/wfx) as a process of its own on an empty SQLite database, for comparisons. It leaves out what is
// asked of it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface WfxProcess {
	readonly pid: number;
	/** http://127.0.0.1:PORT */
	readonly southbound: string;
	readonly northbound: string;
	stop(): Promise<void>;
}

export interface WfxOptions {
	/** Holds its database. */
	readonly directory: string;
	/** As its --storage and --storage-opt take them; absent: its defaults. */
	readonly storage?: { readonly kind: string; readonly options: string };
}

/** @throws Error with what it printed where it does not come up within 30 s */
export async function startWfx(program: string, { directory, storage }: WfxOptions): Promise<WfxProcess> {
	const [south, north] = [await freePort(), await freePort()];
	const words = ['--log-level', 'error', '--scheme', 'http', '--client-host', '127.0.0.1'];
	words.push('--client-port', String(south), '--mgmt-port', String(north));
	if (storage) words.push('--storage', storage.kind, '--storage-opt', storage.options);
	const child = spawn(program, words, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
	const said: string[] = [];
	child.stderr.on('data', (chunk: Buffer) => {
		if (said.length < 50) said.push(chunk.toString());
	});
	const gone = once(child, 'close').catch((error: Error) => said.push(error.message));
	const [southbound, northbound] = [`http://127.0.0.1:${south}`, `http://127.0.0.1:${north}`];
	for (const end = Date.now() + 30_000; !(await answers(southbound)); await sleep(50)) {
		if (Date.now() > end || child.exitCode !== null || child.pid === undefined) {
			child.kill('SIGKILL');
			throw new Error(`${program} did not come up:\n${said.join('')}`);
		}
	}
	return {
		pid: child.pid ?? 0,
		southbound,
		northbound,
		async stop() {
			child.kill('SIGTERM');
			await gone;
		},
	};
}

async function answers(url: string): Promise<boolean> {
	try {
		return (await fetch(`${url}/health`)).ok;
	} catch {
		return false;
	}
}

async function freePort(): Promise<number> {
	const probe = createServer().listen(0, '127.0.0.1');
	await once(probe, 'listening');
	const { port } = probe.address() as AddressInfo;
	probe.close();
	await once(probe, 'close');
	return port;
}
