// Contract: workflows are made, read, listed and deleted, and never change in place.

import assert from 'node:assert/strict';
import { insertJobs, type OpenStore, sampleJob, sampleWorkflow, storeTest, withCode } from './stores.ts';

export function workflowContract(open: OpenStore): void {
	storeTest('a workflow comes back as it was inserted', open, async (storage) => {
		assert.deepEqual(await storage.workflows.find('sample'), sampleWorkflow);
		assert.deepEqual(await storage.commit((unit) => unit.workflows.find('sample')), sampleWorkflow);
	});

	storeTest('an unknown workflow is absent to readers and writers', open, async (storage) => {
		assert.equal(await storage.workflows.find('other'), undefined);
		assert.equal(await storage.commit((unit) => unit.workflows.find('other')), undefined);
		assert.equal(await storage.commit((unit) => unit.workflows.remove('other')), false);
	});

	storeTest('a workflow cannot be inserted twice', open, async (storage) => {
		const second = { ...sampleWorkflow, description: 'another body' };
		await assert.rejects(
			storage.commit((unit) => unit.workflows.insert(second)),
			withCode('workflow-exists'),
		);
		assert.equal((await storage.workflows.find('sample'))?.description, 'for tests');
	});

	storeTest('a workflow is not removed while a job refers to it', open, async (storage) => {
		await insertJobs(storage, [sampleJob('a')]);
		await assert.rejects(
			storage.commit((unit) => unit.workflows.remove('sample')),
			withCode('workflow-in-use'),
		);
		await storage.commit((unit) => unit.jobs.remove('a'));
		assert.equal(await storage.commit((unit) => unit.workflows.remove('sample')), true);
		assert.equal(await storage.workflows.find('sample'), undefined);
	});

	storeTest('a workflow made anew under an old name has its new body in jobs', open, async (storage) => {
		await insertJobs(storage, [sampleJob('a')]);
		await storage.jobs.find('a');
		await storage.commit(async (unit) => {
			await unit.jobs.remove('a');
			await unit.workflows.remove('sample');
		});
		const anew = { ...sampleWorkflow, description: 'anew' };
		await storage.commit((unit) => unit.workflows.insert(anew));
		await insertJobs(storage, [sampleJob('b', { workflow: anew })]);
		assert.deepEqual((await storage.jobs.find('b'))?.workflow, anew);
		assert.deepEqual((await storage.commit((unit) => unit.jobs.find('b')))?.workflow, anew);
	});

	storeTest('a workflow whose unit failed leaves no trace in jobs of the next one', open, async (storage) => {
		const lost = { ...sampleWorkflow, name: 'late', description: 'lost' };
		const kept = { ...sampleWorkflow, name: 'late', description: 'kept' };
		const failed = storage.commit(async (unit) => {
			await unit.workflows.insert(lost);
			await unit.jobs.insert(sampleJob('a', { workflow: lost }));
			await unit.jobs.find('a');
			throw new Error('changed its mind');
		});
		const succeeded = storage.commit(async (unit) => {
			await unit.workflows.insert(kept);
			await unit.jobs.insert(sampleJob('a', { workflow: kept }));
			return unit.jobs.find('a');
		});
		await assert.rejects(failed, /changed its mind/);
		assert.equal((await succeeded)?.workflow.description, 'kept');
		assert.equal((await storage.jobs.find('a'))?.workflow.description, 'kept');
	});

	storeTest('workflows are listed by name in byte order, in pages, with a total on request', open, async (storage) => {
		for (const name of ['b', 'a-1', 'B', 'a.1']) {
			await storage.commit((unit) => unit.workflows.insert({ ...sampleWorkflow, name }));
		}
		const list = async (offset: number, limit: number, sort: 'asc' | 'desc', total = false) => {
			const page = await storage.workflows.list({ offset, limit, sort, total });
			return { names: page.workflows.map(({ name }) => name), total: page.total };
		};
		assert.deepEqual(await list(0, 10, 'asc', true), { names: ['B', 'a-1', 'a.1', 'b', 'sample'], total: 5 });
		assert.deepEqual(await list(0, 2, 'desc'), { names: ['sample', 'b'], total: undefined });
		assert.deepEqual(await list(4, 2, 'asc', true), { names: ['sample'], total: 5 });
		assert.deepEqual(await list(9, 2, 'asc', true), { names: [], total: 5 });
	});
}
