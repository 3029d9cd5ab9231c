// Contract: single jobs are inserted, found, saved and removed.

import assert from 'node:assert/strict';
import { insertJobs, type OpenStore, sampleEvent, sampleJob, sampleWorkflow, storeTest, withCode } from './stores.ts';

export function jobContract(open: OpenStore): void {
	storeTest('a job comes back as it was inserted', open, async (storage) => {
		const job = sampleJob('a', {
			clientId: 'Gerät/7 "\u{1f6a2}"',
			tags: ['berlin', 'line 4', 'ä'],
			definition: { version: '1.0', artifacts: [{ uri: 'http://x/y.swu' }], none: null, deep: { n: [1, 1.5, -0.25] } },
			status: { state: 'RUNNING', progress: -3, message: 'half\nway', context: { lines: ['one', 'two'] } },
			stime: 1_750_000_000_123,
			mtime: 1_750_000_000_456,
		});
		await insertJobs(storage, [job]);
		assert.deepEqual(await storage.jobs.find('a'), job);
		assert.deepEqual(await storage.commit((unit) => unit.jobs.find('a')), job);
	});

	storeTest('an absent definition stays absent and an empty one empty', open, async (storage) => {
		await insertJobs(storage, [sampleJob('absent'), sampleJob('empty', { definition: {} })]);
		assert.equal('definition' in ((await storage.jobs.find('absent')) ?? {}), false);
		assert.deepEqual((await storage.jobs.find('empty'))?.definition, {});
	});

	storeTest('U+0000 in a name is kept or refused, and asking for it finds nothing else', open, async (storage) => {
		await insertJobs(storage, [sampleJob('a', { clientId: 'x', tags: ['x'], definition: { text: 'a\0b' } })]);
		assert.deepEqual((await storage.jobs.find('a'))?.definition, { text: 'a\0b' });
		const page = { offset: 0, limit: 10, sort: 'asc', total: true } as const;
		for (const changes of [{ clientId: 'x\0' }, { tags: ['x\0'] }]) {
			const job = sampleJob('b', changes);
			const kept = await insertJobs(storage, [job]).then(
				() => true,
				(error: unknown) => {
					assert.ok(withCode('request-invalid')(error), String(error));
					return false;
				},
			);
			const found = await storage.jobs.query(changes, page);
			assert.deepEqual(found, { jobs: kept ? [job] : [], total: kept ? 1 : 0 });
			await storage.commit((unit) => unit.jobs.remove('b'));
		}
		assert.equal(await storage.jobs.find('a\0'), undefined);
		assert.equal(await storage.commit((unit) => unit.jobs.find('a\0')), undefined);
		assert.equal(await storage.workflows.find('sample\0'), undefined);
	});

	storeTest('an unknown job is absent to readers and writers', open, async (storage) => {
		assert.equal(await storage.jobs.find('a'), undefined);
		assert.deepEqual(await storage.jobs.history('a'), []);
		assert.equal(await storage.commit((unit) => unit.jobs.find('a')), undefined);
		assert.equal(await storage.commit((unit) => unit.jobs.remove('a')), false);
	});

	storeTest('a job of an unknown workflow is refused', open, async (storage) => {
		const job = sampleJob('a', { workflow: { ...sampleWorkflow, name: 'unknown' } });
		await assert.rejects(
			storage.commit((unit) => unit.jobs.insert(job)),
			withCode('workflow-not-found'),
		);
	});

	storeTest('saving replaces what may change and nothing else', open, async (storage) => {
		await insertJobs(storage, [sampleJob('a', { tags: ['one', 'two'], definition: { version: '1' } })]);
		await storage.commit(async (unit) => {
			const job = await unit.jobs.find('a');
			assert.ok(job !== undefined);
			const { definition: _dropped, ...rest } = job;
			const status = { state: 'DONE', progress: 100 };
			const changed = { ...rest, tags: ['three'], status, mtime: 2000, version: 2, reports: 5 };
			await unit.jobs.save({ ...changed, clientId: 'another', stime: 1 }, []);
			assert.deepEqual(await unit.jobs.find('a'), { ...changed, clientId: 'device-1', stime: 1000 });
		});
		assert.deepEqual(
			await storage.jobs.find('a'),
			sampleJob('a', {
				tags: ['three'],
				status: { state: 'DONE', progress: 100 },
				mtime: 2000,
				version: 2,
				reports: 5,
			}),
		);
	});

	storeTest('a job that was not found in the same unit cannot be saved', open, async (storage) => {
		await insertJobs(storage, [sampleJob('a')]);
		await assert.rejects(
			storage.commit((unit) => unit.jobs.save(sampleJob('a', { version: 2 }), [])),
			withCode('internal'),
		);
		assert.equal((await storage.jobs.find('a'))?.version, 1);
	});

	storeTest('removing a job takes its tags and history and leaves its events and audit rows', open, async (storage) => {
		await storage.commit(async (unit) => {
			await unit.jobs.insert(sampleJob('a', { tags: ['one'] }));
			await unit.jobs.save(sampleJob('a', { tags: ['one'], version: 2 }), [{ mtime: 1, reports: 1 }]);
			await unit.events.append(sampleEvent('a'));
			await unit.audit.append({ time: 1, actor: 'operator', action: 'job.create', subject: 'a' });
		});
		assert.equal(await storage.commit((unit) => unit.jobs.remove('a')), true);
		assert.equal(await storage.jobs.find('a'), undefined);
		assert.equal((await storage.events.read(0, 10)).length, 1);
		assert.equal((await storage.audit.read(0, 10)).length, 1);

		await insertJobs(storage, [sampleJob('a')]);
		assert.deepEqual(await storage.jobs.history('a'), []);
		const page = { offset: 0, limit: 10, sort: 'asc', total: true } as const;
		assert.deepEqual(await storage.jobs.query({ tags: ['one'] }, page), { jobs: [], total: 0 });
	});

	storeTest('everything is there after closing and opening again', open, async (storage, store) => {
		await insertJobs(storage, [sampleJob('a', { tags: ['one'], definition: { version: '1' } })]);
		const again = await store.reopen();
		assert.deepEqual(await again.jobs.find('a'), sampleJob('a', { tags: ['one'], definition: { version: '1' } }));
		assert.deepEqual(await again.workflows.find('sample'), sampleWorkflow);
	});
}
