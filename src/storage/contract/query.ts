// Contract: filters, order, pages and totals of jobs.

import assert from 'node:assert/strict';
import type { JobFilter } from '../../job/store.ts';
import type { Storage } from '../store.ts';
import { changeJob, insertJobs, type OpenStore, sampleJob, sampleWorkflow, storeTest } from './stores.ts';

const otherWorkflow = { ...sampleWorkflow, name: 'other' };

/** Six jobs, inserted out of the order of their times; b and c were created in the same millisecond, b first. */
async function fill(storage: Storage): Promise<void> {
	await storage.commit((unit) => unit.workflows.insert(otherWorkflow));
	await insertJobs(storage, [
		sampleJob('f', { stime: 600, mtime: 600, clientId: 'device-3', status: { state: 'FAILED' } }),
		sampleJob('b', { stime: 200, mtime: 900, status: { state: 'RUNNING' }, tags: ['north'] }),
		sampleJob('c', { stime: 200, mtime: 250, status: { state: 'DONE' }, tags: ['north', 'south'] }),
		sampleJob('a', { stime: 100, mtime: 100 }),
		sampleJob('d', { stime: 300, mtime: 300, clientId: 'device-2', workflow: otherWorkflow, tags: ['south'] }),
		sampleJob('e', { stime: 400, mtime: 400, clientId: 'device-2', status: { state: 'RUNNING' }, tags: ['north'] }),
	]);
}

export function queryContract(open: OpenStore): void {
	const cases: readonly (readonly [name: string, filter: JobFilter, ids: string])[] = [
		['no filter gives all jobs by stime, ties in the order of creation', {}, 'abcdef'],
		['clientId is exact', { clientId: 'device-1' }, 'abc'],
		['clientId matches no prefix', { clientId: 'device' }, ''],
		['state is exact', { state: 'RUNNING' }, 'be'],
		['workflow is exact', { workflow: 'other' }, 'd'],
		['an unknown workflow gives nothing', { workflow: 'unknown' }, ''],
		['a group holds the jobs in its states', { groups: ['CLOSED'] }, 'cf'],
		['several groups are joined by OR, in order', { groups: ['CLOSED', 'OPEN'] }, 'bcef'],
		['the empty group name stands for jobs in no group', { groups: [''] }, 'ad'],
		['a group named twice counts once', { groups: ['OPEN', 'OPEN'] }, 'be'],
		['a tag', { tags: ['south'] }, 'cd'],
		['several tags are joined by OR and a job with both comes once', { tags: ['south', 'north'] }, 'bcde'],
		['clientId and group are joined by AND', { clientId: 'device-1', groups: ['OPEN'] }, 'b'],
		['clientId and several groups', { clientId: 'device-1', groups: ['OPEN', 'CLOSED'] }, 'bc'],
		['clientId and tags', { clientId: 'device-1', tags: ['north', 'south'] }, 'bc'],
		['tag and group are joined by AND', { tags: ['north'], groups: ['OPEN', ''] }, 'be'],
		['tags, state and workflow', { tags: ['north', 'south'], state: 'RUNNING', workflow: 'sample' }, 'be'],
		['group and workflow', { groups: [''], workflow: 'other' }, 'd'],
		['changedBefore is exclusive', { changedBefore: 300 }, 'ac'],
		['changedBefore and groups', { changedBefore: 1000, groups: ['CLOSED'] }, 'cf'],
		[
			'everything at once',
			{
				clientId: 'device-1',
				state: 'DONE',
				workflow: 'sample',
				groups: ['CLOSED'],
				tags: ['south'],
				changedBefore: 251,
			},
			'c',
		],
		['more values than a database takes parts of a query', { tags: many('north'), groups: many('OPEN') }, 'be'],
		['more groups and a tag', { tags: ['north'], groups: many('OPEN') }, 'be'],
		['more tags and a client', { clientId: 'device-2', tags: many('north') }, 'e'],
	];
	storeTest('jobs are filtered and ordered', open, async (storage) => {
		await fill(storage);
		for (const [name, filter, ids] of cases) {
			const up = await storage.jobs.query(filter, { offset: 0, limit: 10, sort: 'asc', total: true });
			assert.equal(up.jobs.map(({ id }) => id).join(''), ids, name);
			assert.equal(up.total, ids.length, `${name}: total`);
			const down = await storage.jobs.query(filter, { offset: 0, limit: 10, sort: 'desc', total: false });
			assert.equal(down.jobs.map(({ id }) => id).join(''), [...ids].reverse().join(''), `${name}: descending`);
		}
	});

	storeTest('a page has its offset and limit, and a total only on request', open, async (storage) => {
		await fill(storage);
		const page = async (filter: JobFilter, offset: number, limit: number, sort: 'asc' | 'desc' = 'asc') => {
			const { jobs } = await storage.jobs.query(filter, { offset, limit, sort, total: false });
			return jobs.map(({ id }) => id).join('');
		};
		assert.equal(await page({}, 0, 2), 'ab');
		assert.equal(await page({}, 2, 3), 'cde');
		assert.equal(await page({}, 1, 2, 'desc'), 'ed');
		assert.equal(await page({}, 5, 10), 'f');
		assert.equal(await page({}, 6, 10), '');
		assert.equal(await page({}, 0, 0), '');
		assert.equal(await page({ tags: ['north', 'south'] }, 1, 2), 'cd');
		assert.equal(await page({ groups: ['OPEN', 'CLOSED'] }, 2, 9), 'ef');
		assert.equal(await page({}, Number.MAX_VALUE, 1), '');

		const first = { offset: 0, limit: 1, sort: 'asc' } as const;
		assert.equal('total' in (await storage.jobs.query({}, { ...first, total: false })), false);
		assert.equal((await storage.jobs.query({}, { ...first, offset: 9, total: true })).total, 6);
	});

	storeTest('a negative limit is none and a negative offset is 0', open, async (storage) => {
		await fill(storage);
		const { jobs } = await storage.jobs.query({}, { offset: -5, limit: -1, sort: 'asc', total: false });
		assert.equal(jobs.map(({ id }) => id).join(''), 'abcdef');
	});

	storeTest('many jobs last changed before a time are found in the same order as few', open, async (storage) => {
		const jobs = Array.from({ length: 2500 }, (_, index) =>
			sampleJob(`job-${index}`, { stime: 5000 - index, mtime: index, status: { state: index % 2 ? 'NEW' : 'DONE' } }),
		);
		await insertJobs(storage, jobs);
		for (const changedBefore of [100, 2400]) {
			const filter = { changedBefore, groups: ['CLOSED'] };
			const found = await storage.jobs.query(filter, { offset: 1, limit: 3, sort: 'asc', total: true });
			const newest = changedBefore - 2;
			assert.deepEqual(
				found.jobs.map(({ mtime }) => mtime),
				[newest - 2, newest - 4, newest - 6],
			);
			assert.equal(found.total, changedBefore / 2);
		}
	});

	storeTest('filters follow a job when its state and tags change', open, async (storage) => {
		await insertJobs(storage, [sampleJob('a', { tags: ['old'] })]);
		await changeJob(storage, 'a', { status: { state: 'DONE' }, tags: ['new', 'newer'], mtime: 5000 });
		const count = async (filter: JobFilter) =>
			(await storage.jobs.query(filter, { offset: 0, limit: 1, sort: 'asc', total: true })).total;
		assert.equal(await count({ groups: [''] }), 0);
		assert.equal(await count({ groups: ['CLOSED'] }), 1);
		assert.equal(await count({ state: 'NEW' }), 0);
		assert.equal(await count({ state: 'DONE' }), 1);
		assert.equal(await count({ tags: ['old'] }), 0);
		assert.equal(await count({ tags: ['new', 'newer'] }), 1);
		assert.equal(await count({ changedBefore: 5000 }), 0);
		assert.equal(await count({ changedBefore: 5001 }), 1);
	});
}

/** 1,000 values, `one` among them. */
function many(one: string): string[] {
	return [...Array.from({ length: 999 }, (_, index) => `unused-${index}`), one];
}
