// Jobs under saturation: 75 % reads (polls and workflows), 25 % writes (create and advance) on a server that holds
// many jobs, beside wfx where the variable WFX names its program.
//
//   [WFX=/path/to/wfx] npm run bench -- jobs [--jobs 100000] [--rounds 3] [--seconds 10] [--workers 64] [--postgres]
//       [--database postgres://…] [--wfx-storage OPTIONS] [--tagged 1000000] [--part load|tagged|tls]… [--json]
//
// Its parts: the load, jobs by tag out of a million, and what TLS costs.
//
// Servers, load generator and whatever else the machine does share its processors: rounds of the two alternate, and
// the CPU time of a request is told beside the rate. Figures, no verdict.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { peakMemory } from '../testing/load/process-usage.ts';
import { type MeasuredLoad, runLoad } from '../testing/load/run.ts';
import { measureByTag } from './jobs/by-tag.ts';
import { type Contender, startContenders } from './jobs/contenders.ts';
import { countSyncs } from './jobs/syncs.ts';
import { measureTls } from './jobs/tls.ts';
import { thisMachine } from './report/machine.ts';
import { figure, printReport, type Report, type Row, type Table } from './report/report.ts';

const { values: options } = parseArgs({
	options: {
		jobs: { type: 'string', default: '100000' },
		rounds: { type: 'string', default: '3' },
		seconds: { type: 'string', default: '10' },
		workers: { type: 'string', default: '64' },
		postgres: { type: 'boolean', default: false },
		database: { type: 'string' },
		'wfx-storage': { type: 'string' },
		tagged: { type: 'string', default: '1000000' },
		part: { type: 'string', multiple: true },
		json: { type: 'boolean', default: false },
	},
});
const [jobs, rounds, workers] = [Number(options.jobs), Number(options.rounds), Number(options.workers)];
const duration = Number(options.seconds) * 1000;
const warmUp = Math.min(3000, duration / 2);
const wfx = process.env.WFX;
const onPostgres = options.postgres || options.database !== undefined;

interface Measured {
	readonly contender: Contender;
	readonly populated: string;
	readonly loads: MeasuredLoad[];
	syncs?: { readonly calls: number; readonly writes: number };
}

function load({ south, north }: Contender, name: string, milliseconds: number, pids: readonly number[]) {
	const task = { kind: 'mix', devices: jobs, warmUp: Math.min(warmUp, milliseconds), duration: milliseconds } as const;
	return runLoad({ south, north, workers, name, task }, pids);
}

async function populate(contender: Contender): Promise<Measured> {
	const began = performance.now();
	const how = await contender.populate(jobs);
	const seconds = ((performance.now() - began) / 1000).toFixed(1);
	return { contender, populated: `${jobs.toLocaleString('en')} jobs by ${how} in ${seconds} s`, loads: [] };
}

async function measure(all: readonly Measured[]): Promise<void> {
	for (let round = 0; round < rounds; round++) {
		for (const { contender, loads } of all) {
			loads.push(await load(contender, `round-${round}`, duration, contender.pids));
			process.stderr.write(`round ${round + 1}: ${contender.name} ${loads.at(-1)?.rate.toFixed(0)} requests/s\n`);
		}
	}
	if (onPostgres) return;
	for (const one of all) {
		let writes = 0;
		const calls = await countSyncs(one.contender.pid, async () => {
			const { byKind } = await load(one.contender, 'traced', 3000, []);
			writes = (byKind.create?.requests ?? 0) + (byKind.advance?.requests ?? 0);
		});
		if (calls !== undefined) one.syncs = { calls, writes };
	}
}

function median(values: readonly number[]): number {
	return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function rows(all: readonly Measured[]): Row[] {
	const each = (value: (load: MeasuredLoad) => number) => all.map(({ loads }) => median(loads.map(value)));
	const kind = (name: string, figure: 'p50' | 'p99') => each(({ byKind }) => byKind[name]?.[figure] ?? 0);
	const kinds = ['poll', 'workflows', 'create', 'advance'];
	return [
		{
			name: 'requests',
			unit: '1/s',
			values: each(({ rate }) => rate),
			better: 'more',
			bar: { ratio: onPostgres ? 2 : 3 },
		},
		{ name: 'p50', unit: 'ms', values: each(({ p50 }) => p50), better: 'less' },
		{ name: 'p99', unit: 'ms', values: each(({ p99 }) => p99), better: 'less', bar: { ratio: 1 } },
		...kinds.map((name): Row => ({ name: `p99 ${name}`, unit: 'ms', values: kind(name, 'p99'), better: 'less' })),
		{ name: 'CPU a request', unit: 'ms', values: each(({ serverCpu }) => serverCpu), better: 'less' },
		{ name: 'CPU of the server', unit: '%', values: each(({ serverShare }) => serverShare * 100) },
		{ name: 'CPU of the load generator', unit: '%', values: each(({ ownShare }) => ownShare * 100) },
		{
			name: 'peak memory of the server',
			unit: 'MB',
			values: all.map(({ contender }) => peakMemory(contender.pid) / 1e6),
			better: 'less',
			bar: { value: 250 },
		},
		{ name: 'errors', unit: '', values: all.map(({ loads }) => loads.reduce((sum, { errors }) => sum + errors, 0)) },
		{
			name: 'syncs a write (strace)',
			unit: '',
			values: all.map(({ syncs }) => syncs && syncs.calls / Math.max(1, syncs.writes)),
		},
	];
}

/** Under saturation, beside wfx. */
async function measureLoad(folder: string): Promise<Part> {
	const postgres = options.database ?? (options.postgres ? 'start' : undefined);
	const wfxStorage = options['wfx-storage'];
	const contenders = await startContenders({
		folder,
		...(postgres !== undefined && { postgres }),
		...(wfx && options.database === undefined && { wfx }),
		...(wfxStorage && { wfxStorage }),
	});
	try {
		const all: Measured[] = [];
		for (const contender of contenders) all.push(await populate(contender));
		await measure(all);
		const said = all.flatMap(({ contender, loads }) =>
			loads.flatMap((one) => one.said).map((text) => `${contender.name} failed: ${text}`),
		);
		const settings = all.map(({ contender, populated }) => [contender.name, `${contender.settings}; ${populated}`]);
		return {
			settings: {
				load: `${workers} requests under way at once, each on a connection of its own; ${rounds} rounds of ${duration / 1000} s, alternating; medians`,
				...Object.fromEntries(settings),
			},
			table: {
				title: `Under saturation, ${jobs.toLocaleString('en')} jobs before`,
				columns: all.map(({ contender }) => contender.name),
				rows: rows(all),
			},
			notes: [
				...(all.length > 1 ? [] : ['not compared: WFX names no wfx program']),
				...[...new Set(said)].slice(0, 10),
			],
		};
	} finally {
		for (const contender of contenders.toReversed()) await contender.stop();
	}
}

async function measureTagged(folder: string): Promise<Part> {
	const [contender] = await startContenders({ folder });
	if (contender === undefined) throw new Error('no server to measure');
	try {
		const { table, populated, memory } = await measureByTag(contender, Number(options.tagged));
		const held = `Caisson held ${figure(memory / 1e6)} MB at most with that many jobs.`;
		return { settings: { 'by tag': `SQLite; ${populated}` }, table, notes: [held] };
	} finally {
		await contender.stop();
	}
}

interface Part {
	readonly settings: Report['settings'];
	/** Absent where it could not be measured. */
	readonly table?: Table;
	readonly notes: readonly string[];
}

const parts: Readonly<Record<string, (folder: string) => Promise<Part>>> = {
	load: measureLoad,
	tagged: measureTagged,
	tls: async (folder) => ({ settings: {}, table: await measureTls(folder, duration / 2), notes: [] }),
};

const machine = thisMachine();
const measured: Part[] = [];
for (const name of options.part ?? Object.keys(parts)) {
	const part = parts[name];
	if (part === undefined) throw new Error(`--part ${name}: there are ${Object.keys(parts).join(', ')}`);
	const folder = mkdtempSync(join(tmpdir(), 'caisson-bench-'));
	try {
		measured.push(await part(folder));
	} catch (error) {
		// The other parts are worth telling all the same.
		process.exitCode = 2;
		measured.push({ settings: {}, notes: [`${name} could not be measured: ${(error as Error).message}`] });
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}
printReport(
	{
		name: 'jobs',
		about: '75 % reads (polls, workflows), 25 % writes (create, advance), as fast as the server answers.',
		machine,
		settings: Object.assign({}, ...measured.map(({ settings }) => settings)),
		tables: measured.flatMap(({ table }) => table ?? []),
		notes: measured.flatMap(({ notes }) => notes),
	},
	options.json ? ['--json'] : [],
);
