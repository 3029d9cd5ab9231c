// Pages of jobs by tag out of very many, over HTTP and one request at a time: what an operator waits for. The jobs
// are made through the bulk route beforehand.

import { performance } from 'node:perf_hooks';
import { type Connection, open } from '../../testing/load/connection.ts';
import { quantile } from '../../testing/load/outcomes.ts';
import { peakMemory } from '../../testing/load/process-usage.ts';
import { workflowName } from '../../testing/load/requests.ts';
import type { Row, Table } from '../report/report.ts';
import { type Contender, createWorkflow, post } from './contenders.ts';

/** Each site has this many jobs, which share a tag. */
const siteJobs = 10_000;
const rare = 10;
const repetitions = 200;

export interface ByTag {
	readonly table: Table;
	/** How many jobs were made, how and how long it took. */
	readonly populated: string;
	/** Most bytes that the server held. */
	readonly memory: number;
}

/** Makes the jobs in a server that has none, and asks for them. */
export async function measureByTag(contender: Contender, jobs: number): Promise<ByTag> {
	const northbound = `http://${contender.north.host}:${contender.north.port}`;
	const began = performance.now();
	await createWorkflow(northbound);
	for (let from = 0; from < jobs; from += siteJobs) {
		const site = from / siteJobs;
		const clientIds = Array.from({ length: Math.min(siteJobs, jobs - from) }, (_, index) => `device-${from + index}`);
		await bulkCreate(northbound, clientIds.slice(0, clientIds.length / 2), [`site-${site}`, 'half']);
		await bulkCreate(northbound, clientIds.slice(clientIds.length / 2), [`site-${site}`]);
	}
	await bulkCreate(
		northbound,
		Array.from({ length: rare }, (_, index) => `late-${index}`),
		['rare'],
	);
	const seconds = (performance.now() - began) / 1000;

	const connection = await open(contender.south);
	const sites = Math.ceil(jobs / siteJobs);
	const rows: Row[] = [
		await row(connection, 'a tag that ten jobs have', () => 'tag=rare'),
		await row(connection, 'a tag that 10,000 jobs have', (turn) => `tag=site-${turn % sites}`),
		await row(connection, 'a tag that half the jobs have', () => 'tag=half'),
		await row(connection, 'the same, newest first', () => 'tag=half&sort=desc'),
		await row(connection, 'two tags', (turn) => `tag=site-${turn % sites},half`),
		await row(connection, 'a tag and an open group', () => 'tag=half&group=OPEN'),
	];
	connection.close();
	return {
		memory: peakMemory(contender.pid),
		table: {
			title: `Ten jobs by tag out of ${jobs.toLocaleString('en')}, over HTTP, one at a time`,
			columns: ['p50', 'p99'],
			rows,
		},
		populated: `${jobs.toLocaleString('en')} jobs by POST /jobs/bulk-create in ${seconds.toFixed(0)} s`,
	};
}

function bulkCreate(northbound: string, clientIds: readonly string[], tags: readonly string[]): Promise<void> {
	return post(`${northbound}/api/caisson/v1/jobs/bulk-create`, { clientIds, workflow: workflowName, tags });
}

async function row(connection: Connection, name: string, query: (turn: number) => string): Promise<Row> {
	const times: number[] = [];
	for (let turn = 0; turn < repetitions; turn++) {
		const began = performance.now();
		const answer = await connection.send(`GET /api/wfx/v1/jobs?${query(turn)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
		times.push(performance.now() - began);
		if (answer.status !== 200 || !answer.body.includes('"clientId"')) {
			throw new Error(`${name}: ${answer.status} ${answer.body.toString('utf8', 0, 200)}`);
		}
	}
	times.sort((a, b) => a - b);
	return { name, unit: 'ms', values: [quantile(times, 0.5), quantile(times, 0.99)], bar: { value: 10 } };
}
