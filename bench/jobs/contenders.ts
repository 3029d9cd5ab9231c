// The servers that the benchmark of jobs compares, each as a process of its own with a database of its own: Caisson,
// and wfx (siemens/wfx) where the variable WFX names its program. It decides how each is set up and says so; what is
// asked of them is the same.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { builtinText } from '../../src/workflow/builtin.ts';
import { startServer } from '../../testing/kill-series/server-process.ts';
import type { Target } from '../../testing/load/connection.ts';
import { workflowName } from '../../testing/load/requests.ts';
import { runLoad } from '../../testing/load/run.ts';
import { startWfx } from '../../testing/load/wfx-process.ts';
import { type PostgresServer, startPostgres } from '../../testing/postgres/server.ts';

export interface Contender {
	readonly name: string;
	/** Of the server itself. */
	readonly pid: number;
	/** Of the server and of the database that works for it. */
	readonly pids: readonly number[];
	readonly south: Target;
	readonly north: Target;
	/** How it stores, for the report. */
	readonly settings: string;
	/** Makes the workflow and one job for each of device-0 …; says how. */
	populate(devices: number): Promise<string>;
	stop(): Promise<void>;
}

export interface ContenderOptions {
	/** Empty; databases and data directories go there. */
	readonly folder: string;
	/** Store in PostgreSQL: one that is started for it ('start'), or the one at this address (Caisson only). */
	readonly postgres?: string;
	/** The program of wfx; absent: Caisson alone. */
	readonly wfx?: string;
	/** Where wfx stores on SQLite; absent: its default. */
	readonly wfxStorage?: string;
}

/** Starts all of them. */
export async function startContenders(options: ContenderOptions): Promise<Contender[]> {
	const database = options.postgres === 'start' ? await startPostgres() : undefined;
	const pids = database === undefined ? [] : [postmasterOf(database)];
	const address = database === undefined ? options.postgres : await database.createSchema();
	const first = await startCaisson(options.folder, address, pids);
	const stop = async () => {
		await first.stop();
		await database?.destroy();
	};
	const contenders = [{ ...first, stop }];
	if (!options.wfx) return contenders;
	try {
		return [...contenders, await startOther(options.wfx, options, database, pids)];
	} catch (error) {
		await stop();
		throw error;
	}
}

async function startCaisson(folder: string, address: string | undefined, pids: readonly number[]): Promise<Contender> {
	const server = await startServer(join(folder, 'caisson'), [], address === undefined ? [] : ['--database', address]);
	const settings =
		address === undefined
			? 'SQLite, journal WAL, synchronous=FULL, group commit: durable before the answer'
			: 'PostgreSQL, synchronous_commit=on, batched: durable before the answer';
	return {
		name: 'Caisson',
		pid: server.pid,
		pids: [server.pid, ...pids],
		...targets(server),
		settings,
		async populate(devices) {
			await createWorkflow(server.northbound);
			for (let from = 0; from < devices; from += bulk) {
				const clientIds = Array.from(
					{ length: Math.min(bulk, devices - from) },
					(_, index) => `device-${from + index}`,
				);
				await post(`${server.northbound}/api/caisson/v1/jobs/bulk-create`, { clientIds, workflow: workflowName });
			}
			return 'POST /jobs/bulk-create';
		},
		stop: async () => void (await server.stop()),
	};
}

const bulk = 10_000;
const connections = 4;

async function startOther(
	program: string,
	{ folder, wfxStorage }: ContenderOptions,
	database: PostgresServer | undefined,
	pids: readonly number[],
): Promise<Contender> {
	const directory = join(folder, 'wfx');
	mkdirSync(directory);
	const storage = await storageOfWfx(database, wfxStorage);
	const server = await startWfx(program, { directory, ...(storage && { storage }) });
	const { south, north } = targets(server);
	return {
		name: 'wfx',
		pid: server.pid,
		pids: [server.pid, ...pids],
		south,
		north,
		settings: storage
			? `--storage ${storage.kind} --storage-opt '${storage.options}'`
			: "SQLite, its default file:wfx.db?_fk=1&_journal=WAL; its driver's default is synchronous=NORMAL, which syncs at checkpoints only",
		async populate(devices) {
			await createWorkflow(server.northbound);
			const task = { kind: 'create', devices } as const;
			const result = await runLoad({ south, north, workers: connections, name: 'populate', task }, []);
			const missing = devices - result.requests;
			if (missing > 0) throw new Error(`wfx made ${missing} jobs too few: ${result.said.join('; ')}`);
			const refused = result.errors > 0 ? `, ${result.errors} refused (${result.said[0]}) and tried again` : '';
			return `POST /jobs over ${connections} connections${refused}`;
		},
		stop: server.stop,
	};
}

async function storageOfWfx(database: PostgresServer | undefined, sqlite: string | undefined) {
	if (database === undefined) return sqlite === undefined ? undefined : { kind: 'sqlite', options: sqlite };
	// A schema of its own in the same server; wfx's driver takes the words of libpq.
	const address = await database.createSchema();
	const [, user, name] = /^postgres:\/\/(\w+)@\/(\w+)\?/.exec(address) ?? [];
	const schema = /search_path=(\w+)/.exec(decodeURIComponent(address))?.[1];
	return { kind: 'postgres', options: `host=${database.folder} user=${user} dbname=${name} search_path=${schema}` };
}

function targets({ southbound, northbound }: { southbound: string; northbound: string }) {
	const target = (url: string): Target => ({ host: new URL(url).hostname, port: Number(new URL(url).port) });
	return { south: target(southbound), north: target(northbound) };
}

export async function createWorkflow(northbound: string): Promise<void> {
	await post(`${northbound}/api/wfx/v1/workflows`, parse(builtinText(workflowName)));
}

export async function post(url: string, body: unknown): Promise<void> {
	const headers = { 'content-type': 'application/json' };
	const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
	if (!answer.ok) throw new Error(`POST ${url}: ${answer.status} ${await answer.text()}`);
	await answer.arrayBuffer();
}

function postmasterOf(database: PostgresServer): number {
	return Number(readFileSync(join(database.folder, 'data', 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
}
