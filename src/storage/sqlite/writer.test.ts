// The writer's batches and their faults, in pairs: a commit that fails and stored nothing, one that fails although it
// stored, a transaction that SQLite gave up, a step that never ends.

import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openTemporary, type TemporaryDatabase } from '../../../testing/database/temporary-database.ts';
import { sampleEvent, sampleJob, sampleWorkflow, withCode } from '../contract/stores.ts';
import type { Storage, UnitOfWork } from '../store.ts';
import type { SqliteOptions } from './open.ts';
import { GroupCommitWriter } from './writer.ts';

async function withStore(options: SqliteOptions, body: (store: TemporaryDatabase) => Promise<void>): Promise<void> {
	const store = await openTemporary(options);
	try {
		await body(store);
	} finally {
		await store.destroy();
	}
}

function create(storage: Storage, id: string): Promise<void> {
	return storage.commit(async (unit) => {
		await unit.jobs.insert(sampleJob(id));
		await unit.events.append(sampleEvent(id, { action: 'CREATE' }));
	});
}

/** The ids of the jobs and of the jobs in events, both as readers see them. */
async function stored(storage: Storage): Promise<{ jobs: string[]; events: string[] }> {
	const { jobs } = await storage.jobs.query({}, { offset: 0, limit: -1, sort: 'asc', total: false });
	const events = await storage.events.read(0, 1000);
	return { jobs: jobs.map(({ id }) => id), events: events.map(({ jobId }) => jobId) };
}

test('steps that wait together share one commit, up to the limit of a batch', async () => {
	for (const [batchLimit, commits] of [
		[1000, 1],
		[30, 4],
	] as const) {
		let count = 0;
		const aroundCommit = (commit: () => void) => {
			count++;
			commit();
		};
		await withStore({ batchLimit, aroundCommit }, async ({ storage }) => {
			await storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
			count = 0;
			await Promise.all(Array.from({ length: 100 }, (_, index) => create(storage, `job-${index}`)));
			assert.equal(count, commits);
		});
	}
});

test('a commit that fails and stored nothing fails each step of its batch, and the next one works', async () => {
	let fault: Error | undefined;
	const aroundCommit = (commit: () => void) => {
		if (fault !== undefined) throw fault;
		commit();
	};
	await withStore({ aroundCommit }, async (store) => {
		const { storage } = store;
		let calls = 0;
		await storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
		storage.onEvents(() => calls++);
		fault = new Error('the fault');
		const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((id) => create(storage, id)));
		for (const outcome of outcomes) {
			assert.ok(outcome.status === 'rejected' && withCode('storage-unavailable')(outcome.reason));
			assert.match(String(outcome.reason), /was not stored/);
			assert.equal(outcome.reason.cause, fault);
		}
		assert.deepEqual(await stored(storage), { jobs: [], events: [] });
		assert.equal(calls, 0);

		fault = undefined;
		await create(storage, 'd');
		assert.deepEqual(await stored(await store.reopen()), { jobs: ['d'], events: ['d'] });
	});
});

test('a commit that fails although it stored says that the outcome is unknown, and the next one works', async () => {
	let fault: Error | undefined;
	const aroundCommit = (commit: () => void) => {
		commit();
		if (fault !== undefined) throw fault;
	};
	await withStore({ aroundCommit }, async (store) => {
		const { storage } = store;
		await storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
		fault = new Error('the fault');
		await assert.rejects(create(storage, 'a'), (error) => {
			assert.match(String(error), /outcome of the change is unknown/);
			return withCode('storage-unavailable')(error);
		});
		assert.deepEqual(await stored(storage), { jobs: ['a'], events: ['a'] });
		fault = undefined;
		await create(storage, 'b');
		assert.deepEqual(await stored(await store.reopen()), { jobs: ['a', 'b'], events: ['a', 'b'] });
	});
});

test('a workflow of a failed batch is not remembered by the writer', async () => {
	let fault = false;
	const aroundCommit = (commit: () => void) => {
		if (fault) throw new Error('the fault');
		commit();
	};
	await withStore({ aroundCommit }, async ({ storage }) => {
		const insert = (description: string) =>
			storage.commit(async (unit) => {
				const workflow = { ...sampleWorkflow, description };
				await unit.workflows.insert(workflow);
				await unit.jobs.insert(sampleJob('a', { workflow }));
				return (await unit.jobs.find('a'))?.workflow.description;
			});
		fault = true;
		await assert.rejects(insert('lost'), withCode('storage-unavailable'));
		fault = false;
		assert.equal(await insert('kept'), 'kept');
	});
});

test('a step that never ends is undone after its time and does not stop the others', async () => {
	await withStore({ stepTimeLimit: 30 }, async ({ storage }) => {
		await storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
		let kept: UnitOfWork | undefined;
		const stuck = storage.commit(async (unit) => {
			kept = unit;
			await unit.jobs.insert(sampleJob('stuck'));
			await new Promise(() => {});
		});
		const beside = create(storage, 'beside');
		await assert.rejects(stuck, withCode('internal'));
		await beside;
		await assert.rejects(async () => kept?.jobs.find('stuck'), withCode('internal'));
		assert.deepEqual(await stored(storage), { jobs: ['beside'], events: ['beside'] });
	});
});

test('a step that hides an error of the database is not kept', async () => {
	await withStore({}, async ({ storage }) => {
		await storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
		await create(storage, 'a');
		const hiding = storage.commit(async (unit) => {
			await unit.events.append(sampleEvent('b'));
			await unit.jobs.insert(sampleJob('a')).catch(() => {});
			return 'done';
		});
		await assert.rejects(hiding, withCode('internal'));
		assert.deepEqual(await stored(storage), { jobs: ['a'], events: ['a'] });
	});
});

test('where SQLite gave up the transaction every step of the batch fails, and the next batch works', async () => {
	await withStore({}, async ({ file, storage }) => {
		await storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
		let database: DatabaseSync | undefined;
		const open = () => {
			database = new DatabaseSync(file);
			return database;
		};
		const writer = new GroupCommitWriter(open, { stepTimeLimit: 1000, batchLimit: 10 }, () => {});
		const before = writer.commit((unit) => unit.jobs.insert(sampleJob('before')));
		const during = writer.commit(async (unit) => {
			await unit.jobs.insert(sampleJob('during'));
			database?.exec('rollback');
		});
		const outcomes = await Promise.allSettled([before, during]);
		assert.deepEqual(
			outcomes.map(({ status }) => status),
			['rejected', 'rejected'],
		);
		await writer.commit((unit) => unit.jobs.insert(sampleJob('after')));
		await writer.finish();
		writer.close();
		assert.deepEqual((await stored(storage)).jobs, ['after']);
	});
});

test('a connection that cannot be rolled back is replaced', async () => {
	await withStore({}, async ({ file, storage }) => {
		await storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
		const opened: DatabaseSync[] = [];
		const open = () => {
			const database = new DatabaseSync(file);
			opened.push(database);
			return database;
		};
		const writer = new GroupCommitWriter(open, { stepTimeLimit: 1000, batchLimit: 10 }, () => {});
		const closing = writer.commit(async (unit) => {
			await unit.jobs.insert(sampleJob('lost'));
			opened[0]?.close();
		});
		await assert.rejects(closing);
		await writer.commit((unit) => unit.jobs.insert(sampleJob('kept')));
		await writer.finish();
		writer.close();
		assert.equal(opened.length, 2);
		assert.deepEqual((await stored(storage)).jobs, ['kept']);
	});
});
