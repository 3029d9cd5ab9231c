// What a refresh costs a device, at a repository that is served as files: bytes, requests and CPU of Caisson's client beside
// tuf-js and python-tuf, each run in a process of its own. It leaves out downloads.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PythonTufRoot, pythonTuf } from '../../testing/tuf-oracles/python-tuf.ts';
import { type FileServer, folderSource, startFileServer } from '../../testing/tuf-repository/server.ts';
import type { Row, Table } from '../report/report.ts';
import { runChild } from './child.ts';
import type { ClientFigures, ClientTask } from './client-process.ts';
import { benchRoot } from './repository-process.ts';

interface Cost {
	readonly bytes: number;
	readonly requests: number;
	/** Milliseconds. */
	readonly cpu: number;
}

/** A refresh with only the root, one with all that came of it, and one of these with a lookup. */
const steps = ['cold refresh', 'warm refresh', 'warm refresh and lookup'] as const;

export interface RefreshWords {
	/** Where the metadata lies. */
	readonly metadata: string;
	readonly bins: string;
	/** Empty; for states of clients. */
	readonly folder: string;
	/** Milliseconds that a run of tuf-js may take. */
	readonly limit: number;
	/** Absent where python-tuf cannot run. */
	readonly python: PythonTufRoot | undefined;
}

type Client = (words: {
	url: string;
	state: string;
	cold: boolean;
	lookups: string[];
}) => Promise<ClientFigures | 'over'>;

/** A table, and what could not be measured. */
export async function measureRefresh(words: RefreshWords): Promise<{ table: Table; notes: string[] }> {
	const { metadata, bins, folder, limit, python } = words;
	const root = join(folder, 'root.json');
	await writeFile(root, benchRoot);
	const own = (client: ClientTask['client'], most?: number): Client => {
		return ({ url, state, cold, lookups }) =>
			runChild('client-process.ts', { client, url, state, lookups, ...(cold && { root }) }, most);
	};
	const clients: Record<string, Client | undefined> = {
		Caisson: own('caisson'),
		'tuf-js': own('tuf-js', limit),
		'python-tuf': python && pythonClient(python),
	};
	const server = await startFileServer(folderSource(metadata));
	const notes: string[] = [];
	const costs: (readonly (Cost | undefined)[])[] = [];
	try {
		for (const [name, client] of Object.entries(clients)) {
			const state = join(folder, name);
			await mkdir(state);
			const [measured, trouble] = client === undefined ? [[]] : await costOf(client, server, state);
			if (trouble !== undefined) {
				const why = trouble === 'over' ? `over ${limit / 1000} s` : trouble;
				notes.push(`${name} at ${bins} bins, ${steps[measured.length]}: ${why}.`);
			}
			costs.push(measured);
		}
	} finally {
		await server.close();
	}
	const row = (index: number, unit: string, value: (cost: Cost) => number): Row => ({
		...{ name: steps[index] ?? '', unit, better: 'less' },
		values: costs.map((all) => all[index] && value(all[index])),
	});
	const rows = steps.flatMap((step, index) => [
		row(index, 'kB', ({ bytes }) => bytes / 1000),
		{ ...row(index, 'requests', ({ requests }) => requests), ...(step === 'warm refresh' && { bar: { value: 2 } }) },
		row(index, 'ms of CPU', ({ cpu }) => cpu),
	]);
	return { table: { title: `What a device spends at ${bins} bins`, columns: Object.keys(clients), rows }, notes };
}

/** Until a step fails: what it ended with is told beside the costs of those before. */
async function costOf(client: Client, server: FileServer, state: string): Promise<[Cost[], string?]> {
	const costs: Cost[] = [];
	for (const [index, step] of steps.entries()) {
		server.clear();
		const lookups = step === 'warm refresh and lookup' ? ['packages/nowhere.deb'] : [];
		const answer = await client({ url: server.url, state, cold: index === 0, lookups });
		if (answer === 'over') return [costs, 'over'];
		if (answer.error !== undefined) return [costs, answer.error];
		costs.push({ bytes: server.bytesSent, requests: server.requests.length, cpu: answer.cpu });
	}
	return [costs];
}

function pythonClient(python: PythonTufRoot): Client {
	const oracle = pythonTuf(python);
	return async ({ url, state, lookups }) => {
		const request = { metadataUrl: url, targetUrl: url, root: benchRoot, targets: lookups, folder: state };
		const { error, cpuSeconds } = await oracle(request);
		return { cpu: cpuSeconds * 1000, ...(error !== null && { error: error.message }) };
	};
}
