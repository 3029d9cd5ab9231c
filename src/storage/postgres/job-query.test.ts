// The plans that PostgreSQL makes for queries of jobs, for given values and for any (a prepared statement gets the
// latter after some calls): a page of many jobs reads few rows, in order, from an index.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { sharedPostgres, withoutPostgres } from '../../../testing/postgres/server.ts';
import type { JobFilter } from '../../job/store.ts';
import { DatabaseAddress } from './address.ts';
import { clientConfig, connect } from './connection.ts';
import { pageQuery, type Query } from './job-query.ts';
import { openPostgres } from './open.ts';

const jobs = 50_000;

/** Devices have four jobs each, the last one open; every other job has the tag `even`, one in 200 `site-7`. */
const fill = `
insert into workflow (name, body) values ('bench', '{}');
insert into job (id, client_id, workflow_seq, grp, state, tags, status, definition, stime, mtime, version, reports)
select n, 'device-' || n / 4, 1, case when n % 4 = 3 then 'OPEN' else 'CLOSED' end, case when n % 4 = 3 then 'NEW' else 'DONE' end, '[]', '{}', null, n, n, 1, 1
from generate_series(1, ${jobs}) as n;
insert into job_tag (tag, stime, job_seq) select case when stime % 2 = 0 then 'even' else 'odd' end, stime, seq from job;
insert into job_tag (tag, stime, job_seq) select 'site-' || stime % 200, stime, seq from job;
vacuum analyze`;

interface Plan {
	readonly 'Node Type': string;
	readonly 'Relation Name'?: string;
	readonly 'Actual Rows': number;
	readonly 'Actual Loops': number;
	readonly 'Rows Removed by Filter'?: number;
	readonly Plans?: readonly Plan[];
}

describe('queries of jobs on PostgreSQL', { skip: withoutPostgres() }, () => {
	let client: pg.Client;
	before(async () => {
		const address = await (await sharedPostgres()).createSchema();
		await (await openPostgres(address)).close();
		client = await connect(clientConfig(new DatabaseAddress(address)));
		for (const statement of fill.split(';\n')) await client.query(statement);
	});
	after(() => client.end());

	/** Rows that were taken from tables and indexes to make the page, filtered ones included. */
	async function rowsRead({ sql, values }: Query, mode: string): Promise<number> {
		await client.query(`set plan_cache_mode = ${mode}`);
		await client.query(`prepare page as ${sql}`);
		const words = values.map(literal).join(', ');
		const { rows } = await client.query(`explain (analyze, format json) execute page (${words})`);
		await client.query('deallocate page');
		const count = (plan: Plan): number => {
			const below = (plan.Plans ?? []).reduce((sum, one) => sum + count(one), 0);
			if (!/Scan/.test(plan['Node Type']) || plan['Relation Name'] === 'workflow') return below;
			const each = plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0);
			return below + (plan['Node Type'] === 'Subquery Scan' ? 0 : each * plan['Actual Loops']);
		};
		return count(rows[0]['QUERY PLAN'][0].Plan as Plan);
	}

	const cases: readonly (readonly [name: string, filter: JobFilter, most: number])[] = [
		['the poll of a device', { clientId: 'device-77', groups: ['OPEN'] }, 10],
		['no filter', {}, 60],
		['a state', { state: 'NEW' }, 60],
		['a group', { groups: ['OPEN'] }, 60],
		['two groups', { groups: ['OPEN', 'CLOSED'] }, 120],
		['a tag of few jobs', { tags: ['site-7'] }, 60],
		['a tag of half the jobs', { tags: ['even'] }, 60],
		['two tags', { tags: ['even', 'site-7'] }, 120],
		['a tag and a group', { tags: ['odd'], groups: ['OPEN'] }, 120],
		['a state and a workflow', { state: 'DONE', workflow: 'bench' }, 60],
		['old jobs of a state, where there is none', { state: 'DONE', changedBefore: 0 }, 60],
		['old jobs of a state, where all are', { state: 'DONE', changedBefore: jobs }, 60],
		['a workflow', { workflow: 'bench' }, 60],
	];
	for (const [name, filter, most] of cases) {
		for (const sort of ['asc', 'desc'] as const) {
			test(`${name}, ${sort}: a page of ${jobs} jobs reads ${most} rows at most`, async () => {
				const query = pageQuery(filter, { offset: 0, limit: 10, sort, total: false });
				const modes = query.planAnew ? ['force_custom_plan'] : ['force_custom_plan', 'force_generic_plan'];
				for (const mode of modes) {
					const read = await rowsRead(query, mode);
					assert.ok(read <= most, `${mode}: ${read} rows were read`);
				}
			});
		}
	}
});

function literal(value: unknown): string {
	if (value === null) return 'null';
	if (Array.isArray(value)) return `array[${value.map(literal).join(', ')}]::text[]`;
	return typeof value === 'number' ? String(value) : pg.escapeLiteral(String(value));
}
