// Contract: counters of what was downloaded add up, are summed by each key, in pages, and are forgotten by day. And the
// definitions of jobs in a state are read in order, each once.

import assert from 'node:assert/strict';
import type { Traffic } from '../../artifact/store.ts';
import { insertJobs, type OpenStore, sampleJob, sampleWorkflow, storeTest } from './stores.ts';

const row = (digest: string, clientId: string, day: string, bytes: number): Traffic => ({
	...{ digest, clientId, day, bytes },
	...{ requests: 1, ranges: 2 },
});

const rows = [
	row('a', 'one', '2026-01-01', 10),
	row('a', 'one', '2026-01-02', 20),
	row('a', 'two', '2026-01-01', 30),
	row('b', '', '2026-01-03', 2 ** 52),
];

export function trafficContract(open: OpenStore): void {
	storeTest('counters of one key add up, within a unit and over units', open, async (storage, store) => {
		await storage.commit((unit) => unit.traffic.add([...rows, row('a', 'one', '2026-01-01', 5)]));
		await storage.commit((unit) => unit.traffic.add([row('a', 'one', '2026-01-01', 1)]));
		const again = await store.reopen();
		assert.deepEqual(await again.traffic.sums({}, 'artifact', { limit: 10 }), [
			{ key: 'a', requests: 5, ranges: 10, bytes: 66 },
			{ key: 'b', requests: 1, ranges: 2, bytes: 2 ** 52 },
		]);
	});

	storeTest('sums are told by artifact, device or day, filtered, in pages', open, async (storage) => {
		await storage.commit((unit) => unit.traffic.add(rows));
		const sums = async (...[filter, by, page]: Parameters<typeof storage.traffic.sums>) =>
			(await storage.traffic.sums(filter, by, page)).map(({ key, bytes }) => [key, bytes]);
		assert.deepEqual(await sums({ digests: ['a', 'x'] }, 'device', { limit: 9 }), [
			['one', 30],
			['two', 30],
		]);
		assert.deepEqual(await sums({ clientId: 'one' }, 'day', { limit: 9 }), [
			['2026-01-01', 10],
			['2026-01-02', 20],
		]);
		assert.deepEqual(await sums({ since: '2026-01-02', digests: ['a', 'b'] }, 'artifact', { limit: 1 }), [['a', 20]]);
		assert.deepEqual(await sums({}, 'device', { limit: 9, after: 'one' }), [['two', 30]]);
		assert.deepEqual(await sums({ clientId: '' }, 'artifact', { limit: 9 }), [['b', 2 ** 52]]);
		assert.deepEqual(await sums({ digests: [] }, 'artifact', { limit: 9 }), []);
		assert.deepEqual(await sums({ clientId: 'one\0' }, 'artifact', { limit: 9 }), []);
	});

	storeTest('days are forgotten, and a unit that fails adds nothing', open, async (storage) => {
		await storage.commit((unit) => unit.traffic.add(rows));
		await storage.commit((unit) => unit.traffic.prune('2026-01-02'));
		const failed = storage.commit(async (unit) => {
			await unit.traffic.add(rows);
			throw new Error('undone');
		});
		await assert.rejects(failed, /undone/);
		const days = (await storage.traffic.sums({}, 'day', { limit: 9 })).map(({ key }) => key);
		assert.deepEqual(days, ['2026-01-02', '2026-01-03']);
	});

	storeTest('definitions of jobs in a state come in pages, each once', open, async (storage) => {
		const jobs = Array.from({ length: 7 }, (_, index) => {
			// Several of one time, and one without a definition.
			return sampleJob(`j${index}`, { stime: index >> 1, ...(index !== 3 && { definition: { of: index } }) });
		});
		await insertJobs(storage, jobs);
		const state = jobs[0]?.status.state ?? '';
		const seen: string[] = [];
		for (let page = await storage.definitions.inState(state, undefined, 2); page.length > 0; ) {
			for (const { jobId, workflow, definition } of page) {
				assert.equal(workflow, sampleWorkflow.name);
				seen.push(`${jobId} ${definition}`);
			}
			page = await storage.definitions.inState(state, page.at(-1)?.place, 2);
		}
		assert.deepEqual(
			seen,
			[0, 1, 2, 4, 5, 6].map((index) => `j${index} {"of":${index}}`),
		);
		assert.deepEqual(await storage.definitions.inState('NOWHERE', undefined, 2), []);
	});
}
