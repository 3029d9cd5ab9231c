// Contract: what a job was before is kept, newest first, up to the limit.

import assert from 'node:assert/strict';
import { type HistoryEntry, jobLimits } from '../../job/rules/model.ts';
import type { Storage } from '../store.ts';
import { changeJob, insertJobs, type OpenStore, sampleJob, storeTest } from './stores.ts';

export function historyContract(open: OpenStore): void {
	storeTest('history is newest first and holds each entry as it was given', open, async (storage) => {
		await insertJobs(storage, [sampleJob('a'), sampleJob('b')]);
		const first: HistoryEntry = { mtime: 1, status: { state: 'NEW', message: 'm', context: { a: [1] } }, reports: 3 };
		const tagsOnly: HistoryEntry = { mtime: 2, reports: 1 };
		const replaced: HistoryEntry = { mtime: 3, status: { state: 'NEW' }, definition: { version: '1' }, reports: 1 };
		await save(storage, 2, [first, tagsOnly]);
		await save(storage, 3, [replaced]);
		assert.deepEqual(await storage.jobs.history('a'), [replaced, tagsOnly, first]);
		assert.deepEqual(await storage.jobs.history('b'), []);
	});

	storeTest('entries of the same millisecond stay in the order in which they were added', open, async (storage) => {
		await insertJobs(storage, [sampleJob('a')]);
		for (const message of ['1', '2', '3', '4']) {
			await changeJob(storage, 'a', { mtime: 1000, status: { state: 'NEW', message } });
		}
		const messages = (await storage.jobs.history('a')).map(({ status }) => status?.message);
		assert.deepEqual(messages, ['3', '2', '1', undefined]);
	});

	storeTest('the newest entries are kept when there are more than the limit', open, async (storage) => {
		await insertJobs(storage, [sampleJob('a')]);
		const count = jobLimits.historyEntries + 700;
		const entries = Array.from({ length: count }, (_, mtime) => ({ mtime, reports: 1 }));
		await save(storage, 2, entries.slice(0, 5000));
		await save(storage, 3, entries.slice(5000));
		await assertNewest();
		// A version at which a store may drop what no reader can see.
		await save(storage, 1024, []);
		await assertNewest();

		async function assertNewest(): Promise<void> {
			const history = await storage.jobs.history('a');
			assert.equal(history.length, jobLimits.historyEntries);
			assert.equal(history[0]?.mtime, count - 1);
			assert.equal(history.at(-1)?.mtime, 700);
		}
	});
}

function save(storage: Storage, version: number, history: readonly HistoryEntry[]): Promise<void> {
	return storage.commit(async (unit) => {
		const job = await unit.jobs.find('a');
		assert.ok(job !== undefined);
		await unit.jobs.save({ ...job, version }, history);
	});
}
