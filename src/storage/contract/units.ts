// Contract: units of work are isolated, serialised, all or nothing, and durable when they resolve.

import assert from 'node:assert/strict';
import { CaissonError } from '../../errors.ts';
import type { UnitOfWork } from '../store.ts';
import { changeJob, insertJobs, type OpenStore, sampleEvent, sampleJob, storeTest, withCode } from './stores.ts';

export function unitContract(open: OpenStore): void {
	storeTest('readers do not see a unit under way and see it once it has resolved', open, async (storage) => {
		await storage.commit(async (unit) => {
			await unit.jobs.insert(sampleJob('a'));
			await unit.events.append(sampleEvent('a'));
			assert.equal((await unit.jobs.find('a'))?.id, 'a');
			assert.equal(await storage.jobs.find('a'), undefined);
			assert.deepEqual(await storage.events.read(0, 10), []);
		});
		assert.equal((await storage.jobs.find('a'))?.id, 'a');
		assert.equal((await storage.events.read(0, 10)).length, 1);
	});

	storeTest('a unit resolves with the result of its step', open, async (storage) => {
		assert.equal(await storage.commit(async () => 42), 42);
		assert.equal(await storage.commit(async () => undefined), undefined);
	});

	storeTest('a failing step leaves nothing while the steps around it commit', open, async (storage) => {
		const own = new CaissonError('transition-refused', 'not so');
		const outcomes = await Promise.allSettled(
			['a', 'b', 'c'].map((id) =>
				storage.commit(async (unit) => {
					await unit.jobs.insert(sampleJob(id, { tags: ['one'] }));
					await unit.events.append(sampleEvent(id));
					await unit.audit.append({ time: 1, actor: 'operator', action: 'job.create', subject: id });
					if (id === 'b') throw own;
				}),
			),
		);
		assert.deepEqual(
			outcomes.map(({ status }) => status),
			['fulfilled', 'rejected', 'fulfilled'],
		);
		assert.equal(outcomes[1]?.status === 'rejected' && outcomes[1].reason, own, 'its own error is passed on');
		assert.equal(await storage.jobs.find('b'), undefined);
		const { jobs } = await storage.jobs.query({ tags: ['one'] }, { offset: 0, limit: 9, sort: 'asc', total: false });
		assert.deepEqual(
			jobs.map(({ id }) => id),
			['a', 'c'],
		);
		assert.deepEqual(
			(await storage.events.read(0, 10)).map(({ jobId }) => jobId),
			['a', 'c'],
		);
		assert.deepEqual(
			(await storage.audit.read(0, 10)).map(({ subject }) => subject),
			['a', 'c'],
		);
	});

	storeTest('a step that throws before it returns a promise fails alone', open, async (storage) => {
		const thrown = storage.commit(() => {
			throw new Error('at once');
		});
		const beside = storage.commit((unit) => unit.jobs.insert(sampleJob('a')));
		await assert.rejects(thrown, /at once/);
		await beside;
		assert.equal((await storage.jobs.find('a'))?.id, 'a');
	});

	storeTest('two writers of one job run one after the other, each on what it finds', open, async (storage) => {
		await insertJobs(storage, [sampleJob('a')]);
		const found: string[] = [];
		const move = (to: string) =>
			storage.commit(async (unit) => {
				const job = await unit.jobs.find('a');
				assert.ok(job !== undefined);
				found.push(job.status.state);
				await unit.jobs.save({ ...job, status: { state: to }, version: job.version + 1 }, []);
			});
		await Promise.all([move('RUNNING'), move('DONE')]);
		assert.deepEqual(found, ['NEW', 'RUNNING']);
		assert.deepEqual((await storage.jobs.find('a'))?.status, { state: 'DONE' });
	});

	storeTest('a stale writer, who compares the version, loses', open, async (storage) => {
		await insertJobs(storage, [sampleJob('a')]);
		const read = await storage.jobs.find('a');
		const ifUnchanged = (message: string) =>
			storage.commit(async (unit) => {
				const job = await unit.jobs.find('a');
				assert.ok(job !== undefined);
				if (job.version !== read?.version) throw new CaissonError('precondition-failed', 'stale');
				await unit.jobs.save({ ...job, status: { state: 'NEW', message }, version: job.version + 1 }, []);
			});
		const outcomes = await Promise.allSettled([ifUnchanged('first'), ifUnchanged('second')]);
		assert.deepEqual(
			outcomes.map(({ status }) => status),
			['fulfilled', 'rejected'],
		);
		assert.equal((await storage.jobs.find('a'))?.status.message, 'first');
	});

	storeTest('a unit cannot be used after its step has ended', open, async (storage) => {
		let kept: UnitOfWork | undefined;
		await storage.commit(async (unit) => {
			kept = unit;
		});
		await assert.rejects(async () => kept?.jobs.insert(sampleJob('a')), withCode('internal'));
		await assert.rejects(async () => kept?.events.append(sampleEvent('a')), withCode('internal'));
		assert.equal(await storage.jobs.find('a'), undefined);
	});

	storeTest('10,000 concurrent updates of five jobs are all kept, in order', open, async (storage) => {
		const ids = ['a', 'b', 'c', 'd', 'e'];
		await insertJobs(
			storage,
			ids.map((id) => sampleJob(id)),
		);
		const versions = await Promise.all(
			Array.from({ length: 10_000 }, async (_, index) => {
				const id = ids[index % ids.length] ?? '';
				const status = { state: 'RUNNING', message: `report ${index}` };
				const changed = changeJob(storage, id, { status });
				const event = storage.commit((unit) => unit.events.append(sampleEvent(id, { ctime: index })));
				await event;
				return (await changed).version;
			}),
		);
		assert.equal(new Set(versions).size, 2000, 'each version of a job was given once');
		for (const id of ids) {
			assert.equal((await storage.jobs.find(id))?.version, 2001);
			const history = await storage.jobs.history(id);
			assert.equal(history.length, 2000);
			assert.equal(new Set(history.map(({ status }) => status?.message)).size, 2000, 'no report is missing or doubled');
		}
		const events = await storage.events.read(0, 20_000);
		assert.deepEqual(
			events.map(({ ctime }) => ctime),
			Array.from({ length: 10_000 }, (_, index) => index),
		);
	});

	storeTest('closing finishes what was accepted', open, async (storage, store) => {
		const accepted = Array.from({ length: 1000 }, (_, index) =>
			storage.commit((unit) => unit.jobs.insert(sampleJob(`job-${index}`))),
		);
		const closed = storage.close();
		await assert.rejects(
			storage.commit((unit) => unit.jobs.insert(sampleJob('late'))),
			withCode('storage-unavailable'),
		);
		await Promise.all(accepted);
		await closed;
		const again = await store.reopen();
		assert.equal((await again.jobs.query({}, { offset: 0, limit: 0, sort: 'asc', total: true })).total, 1000);
	});

	storeTest('after closing every call says that storage is unavailable', open, async (storage) => {
		await storage.check();
		await storage.close();
		const page = { offset: 0, limit: 1, sort: 'asc', total: false } as const;
		const calls: (() => Promise<unknown>)[] = [
			() => storage.check(),
			() => storage.commit(async () => {}),
			() => storage.jobs.find('a'),
			() => storage.jobs.history('a'),
			() => storage.jobs.query({}, page),
			() => storage.workflows.find('sample'),
			() => storage.workflows.list(page),
			() => storage.events.read(0, 1),
			() => storage.events.range(),
			() => storage.events.prune(1),
			() => storage.audit.read(0, 1),
			() => storage.chain.rows(0, 1),
			() => storage.chain.lastSeal(),
		];
		for (const call of calls) await assert.rejects(call, withCode('storage-unavailable'));
		await storage.close();
	});
}
