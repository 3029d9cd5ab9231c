// What the embedded store costs on this machine's disk: an fsync, a change alone and in a crowd, and queries over
// many jobs. `npm run bench -- storage [JOBS] [--json]` (default 100,000 jobs; about 1.3 GB of disk for a million).
// Set TMPDIR to measure another disk. Figures, no verdict.

import { closeSync, fdatasyncSync, openSync, statSync, writeSync } from 'node:fs';
import type { Job } from '../src/job/rules/model.ts';
import type { JobFilter } from '../src/job/store.ts';
import type { Storage } from '../src/storage/store.ts';
import type { Workflow } from '../src/workflow/rules/model.ts';
import { openTemporary } from '../testing/database/temporary-database.ts';
import { thisMachine } from './report/machine.ts';
import { printReport, type Row } from './report/report.ts';

const workflow: Workflow = {
	name: 'bench',
	states: [{ name: 'NEW' }, { name: 'RUNNING' }, { name: 'DONE' }],
	groups: [
		{ name: 'OPEN', states: ['NEW', 'RUNNING'] },
		{ name: 'CLOSED', states: ['DONE'] },
	],
	transitions: [
		{ from: 'NEW', to: 'RUNNING', eligible: 'CLIENT' },
		{ from: 'RUNNING', to: 'DONE', eligible: 'CLIENT' },
	],
};

const sites = 200;

function job(index: number): Job {
	return {
		id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
		clientId: `device-${index >> 2}`,
		workflow,
		// One tag that half of all jobs have, one that few have.
		tags: [index % 2 === 0 ? 'even' : 'odd', `site-${index % sites}`],
		definition: { version: '1.0', type: ['firmware'], artifacts: [{ name: 'image', uri: `http://host/${index}.swu` }] },
		// The last of each device's four jobs is open.
		status: { state: index % 4 === 3 ? 'NEW' : 'DONE', definitionHash: 'x'.repeat(64) },
		stime: index,
		mtime: index,
		version: 1,
		reports: 1,
	};
}

async function create(storage: Storage, index: number): Promise<void> {
	const made = job(index);
	await storage.commit(async (unit) => {
		await unit.jobs.insert(made);
		await unit.events.append(event(made, 'CREATE'));
		await unit.audit.append({ time: index, actor: 'operator', action: 'job.create', subject: made.id });
	});
}

async function update(storage: Storage, index: number, message: string): Promise<void> {
	await storage.commit(async (unit) => {
		const found = await unit.jobs.find(job(index).id);
		if (found === undefined) throw new Error('a job is missing');
		const { mtime, status, reports } = found;
		await unit.jobs.save({ ...found, status: { ...status, message }, version: found.version + 1 }, [
			{ mtime, status, reports },
		]);
		await unit.events.append(event(found, 'UPDATE_STATUS'));
		await unit.audit.append({ time: 1, actor: 'anonymous', action: 'job.update-status', subject: found.id });
	});
}

function event({ id, clientId, status, stime }: Job, action: 'CREATE' | 'UPDATE_STATUS') {
	const text = JSON.stringify({ id, clientId, workflow: { name: 'bench' }, status });
	return { ctime: stime, action, jobId: id, clientId, workflow: 'bench', job: text };
}

/** Runs `body` `count` times, `crowd` at a time. @returns how many a second */
async function rate(count: number, crowd: number, body: (index: number) => Promise<void>): Promise<number> {
	let next = 0;
	const one = async () => {
		while (next < count) await body(next++);
	};
	const began = performance.now();
	await Promise.all(Array.from({ length: crowd }, one));
	return (count / (performance.now() - began)) * 1000;
}

function syncCost(folder: string): number {
	const descriptor = openSync(`${folder}.sync`, 'w');
	const times: number[] = [];
	for (let index = 0; index < 200; index++) {
		const began = performance.now();
		writeSync(descriptor, Buffer.alloc(4096), 0, 4096, index * 4096);
		fdatasyncSync(descriptor);
		times.push(performance.now() - began);
	}
	closeSync(descriptor);
	return median(times);
}

function median(values: number[]): number {
	return values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

const jobs = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 100_000);
const whole = (value: number) => value.toLocaleString('en');

/** Changes a second: creations in a crowd, status updates alone and in crowds. */
async function measureChanges(storage: Storage): Promise<Row[]> {
	const created = await rate(jobs, 1000, (index) => create(storage, index));
	const alone = await rate(2000, 1, (index) => update(storage, index % jobs, 'alone'));
	const rows: Row[] = [
		{ name: 'creations, 1,000 at a time', unit: '1/s', values: [created] },
		{ name: 'status updates, one at a time', unit: '1/s', values: [alone, alone], better: 'more' },
	];
	for (const crowd of [10, 100, 1000]) {
		const updated = await rate(20_000, crowd, (index) => update(storage, index % jobs, `${crowd}`));
		const name = `status updates, ${whole(crowd)} at a time`;
		rows.push({ name, unit: '1/s', values: [updated, alone], better: 'more' });
	}
	return rows;
}

const queries: readonly (readonly [name: string, filter: (turn: number) => JobFilter])[] = [
	['poll: clientId and group', (turn) => ({ clientId: `device-${(turn * 7919) % (jobs >> 2)}`, groups: ['OPEN'] })],
	['a tag of few jobs', (turn) => ({ tags: [`site-${turn % sites}`] })],
	['a tag of half the jobs', () => ({ tags: ['even'] })],
	['two tags', () => ({ tags: ['even', 'site-7'] })],
	['a tag and a group', () => ({ tags: ['odd'], groups: ['OPEN'] })],
	['two groups', () => ({ groups: ['OPEN', 'CLOSED'] })],
	['a state and a workflow', () => ({ state: 'DONE', workflow: 'bench' })],
	['no filter', () => ({})],
	['old jobs of a state, none', () => ({ state: 'DONE', changedBefore: 0 })],
	['old jobs of a state, all', () => ({ state: 'DONE', changedBefore: jobs })],
];

async function measureQuery(storage: Storage, [name, filter]: (typeof queries)[number]): Promise<Row> {
	const page = { offset: 0, limit: 10, sort: 'asc', total: false } as const;
	const timed = async (turns: number, total: boolean) => {
		const times: number[] = [];
		for (let turn = 0; turn < turns; turn++) {
			const began = performance.now();
			await storage.jobs.query(filter(turn), { ...page, total });
			times.push(performance.now() - began);
		}
		return median(times);
	};
	return { name, unit: 'ms', values: [await timed(50, false), await timed(5, true)] };
}

const machine = thisMachine();
const store = await openTemporary();
try {
	const { storage, file } = store;
	const sync = syncCost(file);
	await storage.commit((unit) => unit.workflows.insert(workflow));
	const changes = await measureChanges(storage);
	const pages: Row[] = [];
	for (const query of queries) pages.push(await measureQuery(storage, query));
	await storage.close();
	const size = statSync(file).size / 1e6;
	printReport(
		{
			name: 'storage',
			about: 'the embedded store on this disk, without a server.',
			machine,
			settings: {
				jobs: whole(jobs),
				SQLite: 'journal WAL, synchronous=FULL, group commit; durable when a change resolves',
			},
			tables: [
				{
					title: 'The disk and the file',
					columns: ['median or size'],
					rows: [
						{ name: 'write and fdatasync of one page', unit: 'ms', values: [sync] },
						{ name: 'database', unit: 'MB', values: [size] },
					],
				},
				{ title: 'Changes', columns: ['in a crowd', 'alone'], rows: changes },
				{
					title: `First page of 10 out of ${whole(jobs)} jobs (medians)`,
					columns: ['the page', 'and the total'],
					rows: pages,
				},
			],
			notes: [],
		},
		process.argv.slice(2),
	);
} finally {
	await store.destroy();
}
