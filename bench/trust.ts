// What trust costs: import of targets into hash bins until they are served, publication of one target among them, refresh
// of a device beside tuf-js and python-tuf, and two servers that publish on one PostgreSQL at once. Figures; where one
// misses its bar, it says so.
//
//   npm run bench -- trust [--targets 1000000] [--runs 50] [--seconds 10] [--limit 60]
//                          [--part import|publish|refresh|servers]… [--json]
//
// --limit: seconds that one run of tuf-js may take.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { withoutPostgres } from '../testing/postgres/server.ts';
import { type PythonTufRoot, pythonTufRoot, whyNoPythonTuf } from '../testing/tuf-oracles/python-tuf.ts';
import { thisMachine } from './report/machine.ts';
import { printReport, type Row, type Table } from './report/report.ts';
import { runChild } from './trust/child.ts';
import { measureRefresh } from './trust/refresh.ts';
import type { RepositoryFigures, RepositoryTask, Usage } from './trust/repository-process.ts';
import { measureServers } from './trust/servers.ts';

const all = ['import', 'publish', 'refresh', 'servers'];
const { values: options } = parseArgs({
	options: {
		targets: { type: 'string', default: '1000000' },
		runs: { type: 'string', default: '50' },
		seconds: { type: 'string', default: '10' },
		limit: { type: 'string', default: '60' },
		part: { type: 'string', multiple: true },
		json: { type: 'boolean', default: false },
	},
});

function count(name: 'targets' | 'runs' | 'seconds' | 'limit'): number {
	const value = Number(options[name]);
	if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} is a whole number from 1`);
	return value;
}

const [targets, runs, seconds, limit] = [count('targets'), count('runs'), count('seconds'), count('limit')];
const parts = options.part ?? all;
const unknown = parts.find((part) => !all.includes(part));
if (unknown !== undefined) throw new Error(`--part ${unknown}: there are ${all.join(', ')}`);

const note = (line: string) => process.stderr.write(`${line}\n`);
const sizes = [
	{ bitLength: 8, bins: '256' },
	{ bitLength: 14, bins: '16,384' },
] as const;
const columns = sizes.map(({ bins }) => `${bins} bins`);

interface Repository {
	readonly metadata: string;
	readonly figures: RepositoryFigures;
}

async function makeRepository(folder: string, bitLength: number): Promise<Repository> {
	await mkdir(folder);
	const task: RepositoryTask = { folder, bitLength, targets, publications: parts.includes('publish') ? runs : 0 };
	const figures = await runChild<RepositoryFigures>('repository-process.ts', task);
	if (figures === 'over') throw new Error('unreachable: it has no limit');
	return { metadata: join(folder, 'metadata'), figures };
}

function importTable(figures: readonly RepositoryFigures[]): Table {
	const row = (name: string, value: (one: RepositoryFigures) => number): Row => ({
		...{ name, unit: 's', values: figures.map((one) => value(one) / 1000) },
	});
	return {
		title: `Import of ${targets.toLocaleString('en')} targets until they are served as files`,
		columns: columns.slice(0, figures.length),
		rows: [
			{ ...row('wall', ({ storing, publishing }) => storing.wall + publishing.wall), bar: { value: 120 } },
			row('of it storing', ({ storing }) => storing.wall),
			row('of it publishing', ({ publishing }) => publishing.wall),
			row('CPU', ({ storing, publishing }) => storing.cpu + publishing.cpu),
			{ name: 'peak memory', unit: 'MB', values: figures.map(({ peak }) => peak / 1e6), bar: { value: 1000 } },
			{ name: 'roles signed', unit: '', values: figures.map(({ signed }) => signed) },
		],
	};
}

function publishTable(figures: readonly RepositoryFigures[]): Table {
	const median = (of: keyof Usage) =>
		figures.map(({ publications }) => publications.map((one) => one[of]).sort((a, b) => a - b)[runs >> 1]);
	return {
		title: `One target published into ${targets.toLocaleString('en')}, median of ${runs}`,
		columns: columns.slice(0, figures.length),
		rows: [
			{ name: 'CPU', unit: 'ms', values: median('cpu'), bar: { value: 100 } },
			{ name: 'wall', unit: 'ms', values: median('wall') },
		],
	};
}

const tables: Table[] = [];
const notes: string[] = [];

/** undefined, with a note, where this machine cannot run it or has no root for it and cannot make one. */
async function findPython(): Promise<PythonTufRoot | undefined> {
	let why = await whyNoPythonTuf();
	try {
		if (why === undefined) return await pythonTufRoot(note);
	} catch (error) {
		why = (error as Error).message;
	}
	notes.push(`python-tuf is not compared. ${why}`);
	return undefined;
}

async function measureRepositories(folder: string): Promise<void> {
	const python = parts.includes('refresh') ? await findPython() : undefined;
	const figures: RepositoryFigures[] = [];
	const refreshes: Table[] = [];
	// One after the other, so that neither takes the processor from the other.
	for (const { bitLength, bins } of sizes) {
		if (bitLength > 8 && !parts.includes('import') && !parts.includes('refresh')) continue;
		note(`a repository of ${bins} bins`);
		const repository = await makeRepository(join(folder, bins), bitLength);
		figures.push(repository.figures);
		if (!parts.includes('refresh')) continue;
		note(`refreshes at ${bins} bins`);
		const states = join(folder, `clients-${bins}`);
		await mkdir(states);
		const words = { metadata: repository.metadata, bins, folder: states, limit: limit * 1000, python };
		const { table, notes: more } = await measureRefresh(words);
		refreshes.push(table);
		notes.push(...more);
	}
	if (parts.includes('import')) {
		tables.push(importTable(figures));
		notes.push('RSTUF publishes about 55 min for 1,000,000 targets on a MacBook of 2019 with 8 cores.');
	}
	if (parts.includes('publish')) tables.push(publishTable(figures));
	tables.push(...refreshes);
}

const folder = await mkdtemp(join(tmpdir(), 'caisson-bench-trust-'));
try {
	if (parts.some((part) => part !== 'servers')) await measureRepositories(folder);
	if (parts.includes('servers')) {
		const without = withoutPostgres();
		if (without) notes.push(`Two servers are not measured. ${without}`);
		else {
			note(`two servers on one PostgreSQL for ${seconds} s`);
			const own = join(folder, 'servers');
			await mkdir(own);
			tables.push(await measureServers(own, seconds));
		}
	}
} finally {
	await rm(folder, { recursive: true, force: true });
}
printReport(
	{
		name: 'trust',
		about: 'import, publication and refresh of a TUF repository, and two servers that publish at once.',
		machine: thisMachine(),
		settings: {
			repository: 'SQLite, metadata on disk; it runs in a process of its own, with one Ed25519 key online',
			clients: 'a process each time; CPU without the start of the program; bytes are bodies of answers',
			lookup: 'of a name that no role has, so that nothing is downloaded',
			limit: `${limit} s for a run of tuf-js`,
			servers: 'two processes, one publication after the other in each; PostgreSQL with fsync on',
		},
		tables,
		notes,
	},
	options.json ? ['--json'] : [],
);
