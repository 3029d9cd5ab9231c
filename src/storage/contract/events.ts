// Contract: events are read in commit order, each once, and their ids are never used again.

import assert from 'node:assert/strict';
import type { JobEvent, NewJobEvent } from '../../job/store.ts';
import type { Storage } from '../store.ts';
import { insertJobs, type OpenStore, sampleEvent, sampleJob, storeTest } from './stores.ts';

export function eventContract(open: OpenStore): void {
	storeTest('an event comes back as it was appended, with an id', open, async (storage) => {
		const event = sampleEvent('a', { action: 'ADD_TAGS', ctime: 1_750_000_000_123, job: '{"id":"a","tags":["ä"]}' });
		await append(storage, event);
		const [read] = await storage.events.read(0, 1);
		assert.deepEqual(read, { ...event, id: read?.id });
		assert.ok(Number.isSafeInteger(read?.id) && Number(read?.id) > 0);
	});

	storeTest('events are read after an id, ascending, in pages', open, async (storage) => {
		for (const id of ['a', 'b', 'c', 'd']) await append(storage, sampleEvent(id));
		const all = await storage.events.read(0, 10);
		assert.deepEqual(jobs(all), ['a', 'b', 'c', 'd']);
		assert.ok(all.every((event, index) => index === 0 || event.id > Number(all[index - 1]?.id)));
		assert.deepEqual(await storage.events.read(Number(all[1]?.id), 10), all.slice(2));
		assert.deepEqual(await storage.events.read(Number(all[0]?.id), 2), all.slice(1, 3));
		assert.deepEqual(await storage.events.read(Number(all[3]?.id), 10), []);
	});

	storeTest('several events of one unit keep their order', open, async (storage) => {
		await storage.commit(async (unit) => {
			for (const id of ['a', 'b', 'c']) await unit.events.append(sampleEvent(id));
		});
		assert.deepEqual(jobs(await storage.events.read(0, 10)), ['a', 'b', 'c']);
	});

	storeTest('the range is empty at first, grows, and stays above 0 when all was pruned', open, async (storage) => {
		assert.deepEqual(await storage.events.range(), { first: 1, last: 0 });
		await append(storage, sampleEvent('a', { ctime: 10 }));
		await append(storage, sampleEvent('b', { ctime: 20 }));
		const [a, b] = await storage.events.read(0, 10);
		assert.deepEqual(await storage.events.range(), { first: a?.id, last: b?.id });
		assert.equal(await storage.events.prune(20), 1);
		assert.deepEqual(await storage.events.range(), { first: b?.id, last: b?.id });
		assert.equal(await storage.events.prune(21), 1);
		assert.deepEqual(await storage.events.range(), { first: Number(b?.id) + 1, last: b?.id });
		assert.equal(await storage.events.prune(21), 0);
	});

	storeTest('many events are pruned at once and younger ones stay', open, async (storage) => {
		await storage.commit(async (unit) => {
			for (let ctime = 0; ctime < 5000; ctime++) await unit.events.append(sampleEvent('a', { ctime }));
		});
		assert.equal(await storage.events.prune(4990), 4990);
		assert.equal((await storage.events.read(0, 100)).length, 10);
	});

	storeTest('ids are not used again after pruning everything and opening again', open, async (storage, store) => {
		await append(storage, sampleEvent('a', { ctime: 1 }));
		const { last } = await storage.events.range();
		await storage.events.prune(100);
		const again = await store.reopen();
		assert.equal((await again.events.range()).last, last);
		await append(again, sampleEvent('b'));
		const [event] = await again.events.read(0, 1);
		assert.ok(Number(event?.id) > last);
	});

	storeTest('a listener is called after a commit with events, which can be read by then', open, async (storage) => {
		const seen: Promise<string[]>[] = [];
		const stop = storage.onEvents(() => seen.push(storage.events.read(0, 10).then(jobs)));
		await insertJobs(storage, [sampleJob('a')]);
		assert.equal(seen.length, 0, 'no event, no call');
		await assert.rejects(
			storage.commit(async (unit) => {
				await unit.events.append(sampleEvent('a'));
				throw new Error('undone');
			}),
		);
		assert.equal(seen.length, 0, 'no call for an event that was undone');
		const called = new Promise<void>((resolve) => {
			const stopOnce = storage.onEvents(() => {
				stopOnce();
				resolve();
			});
		});
		await append(storage, sampleEvent('b'));
		await called;
		assert.deepEqual(await Promise.all(seen), [['b']]);
		stop();
		await append(storage, sampleEvent('c'));
		await storage.commit(async () => {});
		assert.equal(seen.length, 1, 'no call after it was stopped');
	});

	storeTest('a reader who follows many writers gets each event once, in commit order', open, async (storage) => {
		const followed: JobEvent[] = [];
		let last = 0;
		let reading = Promise.resolve();
		const follow = async () => {
			for (const event of await storage.events.read(last, 100)) {
				followed.push(event);
				last = event.id;
			}
		};
		const stop = storage.onEvents(() => {
			reading = reading.then(follow);
		});
		const order: string[] = [];
		await Promise.all(
			Array.from({ length: 50 }, async (_, writer) => {
				for (let turn = 0; turn < 20; turn++) {
					const name = `${writer}.${turn}`;
					const step = storage.commit(async (unit) => {
						await unit.events.append(sampleEvent(name));
						order.push(name);
						if (turn % 7 === 3) throw new Error('undone');
					});
					await step.catch(() => order.splice(order.indexOf(name), 1));
				}
			}),
		);
		stop();
		await reading;
		while ((await storage.events.read(last, 1)).length > 0) await follow();
		assert.deepEqual(jobs(followed), order);
	});
}

function append(storage: Storage, event: NewJobEvent): Promise<void> {
	return storage.commit((unit) => unit.events.append(event));
}

function jobs(events: readonly JobEvent[]): string[] {
	return events.map(({ jobId }) => jobId);
}
