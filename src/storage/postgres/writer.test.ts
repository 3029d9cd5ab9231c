// The writer's batches and their faults on PostgreSQL, in pairs: a connection that breaks before COMMIT and one that
// breaks after it, one that broke while nobody used it, steps that the database refuses, a step that never ends.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { sharedPostgres, withoutPostgres } from '../../../testing/postgres/server.ts';
import { openPostgresStore, type PostgresStore } from '../../../testing/postgres/store.ts';
import { sampleEvent, sampleJob, sampleWorkflow, withCode } from '../contract/stores.ts';
import type { Storage, UnitOfWork } from '../store.ts';
import type { PostgresOptions } from './open.ts';

function storeTest(name: string, options: PostgresOptions, body: (store: PostgresStore) => Promise<void>): void {
	test(name, { skip: withoutPostgres() }, async () => {
		const store = await openPostgresStore(options);
		try {
			await store.storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
			await body(store);
		} finally {
			await store.destroy();
		}
	});
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

/** Ends all sessions of the tests' server with this name, as an administrator does. */
async function endSessions(name: string): Promise<void> {
	const server = await sharedPostgres();
	await server.sql('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [name]);
}

let commits = 0;
for (const [batchLimit, expected] of [
	[1000, 1],
	[30, 4],
] as const) {
	const aroundCommit = (commit: () => Promise<unknown>) => {
		commits++;
		return commit();
	};
	storeTest(
		`steps that wait together share a commit, ${batchLimit} at most`,
		{ batchLimit, aroundCommit },
		async ({ storage }) => {
			commits = 0;
			await Promise.all(Array.from({ length: 100 }, (_, index) => create(storage, `job-${index}`)));
			assert.equal(commits, expected);
		},
	);
}

let fault: 'before' | 'after' | undefined;
const faulty: PostgresOptions = {
	async aroundCommit(commit, client) {
		const { stream } = (client as unknown as { connection: pg.Connection }).connection;
		if (fault === 'before') stream.destroy();
		const answer = await commit();
		if (fault === 'after') {
			stream.destroy();
			throw new Error('the answer was lost');
		}
		return answer;
	},
};

storeTest(
	'a connection lost before COMMIT fails each step of its batch, keeps nothing, and the next one works',
	faulty,
	async (store) => {
		const { storage } = store;
		let calls = 0;
		storage.onEvents(() => calls++);
		fault = 'before';
		const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((id) => create(storage, id)));
		fault = undefined;
		for (const outcome of outcomes) {
			assert.ok(outcome.status === 'rejected' && withCode('storage-unavailable')(outcome.reason));
			assert.match(String(outcome.reason), /outcome of the change is unknown: read before trying again/);
		}
		assert.deepEqual(await stored(storage), { jobs: [], events: [] });
		assert.equal(calls, 0);
		await create(storage, 'd');
		assert.deepEqual(await stored(await store.reopen()), { jobs: ['d'], events: ['d'] });
	},
);

storeTest(
	'a connection lost after COMMIT says that the outcome is unknown, and what was stored is there',
	faulty,
	async ({ storage }) => {
		fault = 'after';
		await assert.rejects(create(storage, 'a'), (error) => {
			assert.match(String(error), /outcome of the change is unknown: read before trying again/);
			return withCode('storage-unavailable')(error);
		});
		fault = undefined;
		assert.deepEqual(await stored(storage), { jobs: ['a'], events: ['a'] });
		await create(storage, 'b');
		assert.deepEqual(await stored(storage), { jobs: ['a', 'b'], events: ['a', 'b'] });
	},
);

storeTest('a connection that an administrator ended while it was idle costs no step', {}, async ({ storage }) => {
	await create(storage, 'a');
	await endSessions('caisson writer');
	await endSessions('caisson');
	await Promise.all(['b', 'c'].map((id) => create(storage, id)));
	assert.deepEqual((await stored(storage)).jobs.sort(), ['a', 'b', 'c']);
});

storeTest(
	'a connection that is ended in the middle of a unit is replaced, and the unit run again',
	{},
	async ({ storage }) => {
		let runs = 0;
		await storage.commit(async (unit) => {
			runs++;
			await unit.jobs.insert(sampleJob('a'));
			if (runs === 1) await endSessions('caisson writer');
			assert.equal(await unit.jobs.find('b'), undefined);
		});
		assert.equal(runs, 2);
		assert.deepEqual((await stored(storage)).jobs, ['a']);
	},
);

storeTest('a listener hears of events also after its connection was ended', {}, async ({ storage, another }) => {
	const other = await another();
	await endSessions('caisson listener');
	const heard = Promise.withResolvers<void>();
	storage.onEvents(heard.resolve);
	await create(other, 'a');
	await heard.promise;
	assert.deepEqual((await stored(storage)).events, ['a']);
});

storeTest('events whose notification is lost are found by looking', {}, async ({ storage, address }) => {
	// A connection that begins to listen says so to all: that is over before.
	const server = await sharedPostgres();
	const listening =
		"select 1 from pg_stat_activity where application_name = 'caisson listener' and query like 'listen%'";
	while ((await server.sql(`${listening} and state = 'idle'`)).length === 0);
	const heard = Promise.withResolvers<void>();
	storage.onEvents(heard.resolve);
	const client = new pg.Client({ connectionString: address });
	await client.connect();
	await client.query(
		"with last as (update commit_order set event_id = event_id + 1 returning event_id) insert into event select event_id, 1, 'CREATE', 'a', 'c', 'sample', '{}' from last",
	);
	await client.end();
	await heard.promise;
	assert.deepEqual((await stored(storage)).events, ['a']);
});

storeTest('a step that the database refuses fails alone, also where it hides the error', {}, async ({ storage }) => {
	await create(storage, 'a');
	const hiding = storage.commit(async (unit) => {
		await unit.events.append(sampleEvent('hidden'));
		await unit.jobs.insert(sampleJob('a')).catch(() => {});
		return 'done';
	});
	const outcomes = await Promise.allSettled([create(storage, 'b'), create(storage, 'a'), hiding, create(storage, 'c')]);
	assert.deepEqual(
		outcomes.map(({ status }) => status),
		['fulfilled', 'rejected', 'rejected', 'fulfilled'],
	);
	for (const outcome of outcomes) {
		if (outcome.status === 'rejected') assert.ok(withCode('internal')(outcome.reason), String(outcome.reason));
	}
	assert.deepEqual(await stored(storage), { jobs: ['a', 'b', 'c'], events: ['a', 'b', 'c'] });
});

storeTest(
	'a step that never ends is undone after its time and does not stop the others',
	{ stepTimeLimit: 50 },
	async ({ storage }) => {
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
	},
);

storeTest(
	'a row that somebody else holds fails the step that wants it and no other',
	{ lockTimeout: 300 },
	async ({ storage, address }) => {
		await create(storage, 'held');
		const client = new pg.Client({ connectionString: address });
		await client.connect();
		try {
			await client.query("begin; select 1 from job where id = 'held' for update");
			const [wanting, other] = await Promise.allSettled([
				storage.commit((unit) => unit.jobs.find('held')),
				create(storage, 'free'),
			]);
			assert.ok(wanting.status === 'rejected' && withCode('storage-unavailable')(wanting.reason));
			assert.match(String(wanting.reason), /was not stored/);
			assert.equal(other.status, 'fulfilled');
		} finally {
			await client.end();
		}
		assert.equal((await storage.commit((unit) => unit.jobs.find('held')))?.id, 'held');
	},
);

storeTest('a value that cannot be written fails its own step', {}, async ({ storage }) => {
	const detail: Record<string, unknown> = {};
	detail.itself = detail;
	const row = { time: 1, actor: 'operator', action: 'job.create', subject: 'a', detail };
	const [odd, other] = await Promise.allSettled([
		storage.commit((unit) => unit.audit.append(row)),
		create(storage, 'a'),
	]);
	assert.ok(odd.status === 'rejected' && odd.reason instanceof TypeError);
	assert.equal(other.status, 'fulfilled');
});

storeTest(
	'a server that became read-only refuses, and is asked anew once it takes changes again',
	{},
	async (store) => {
		const { storage, address } = store;
		const client = new pg.Client({ connectionString: address });
		await client.connect();
		try {
			await create(storage, 'a');
			await client.query('alter role current_user set default_transaction_read_only = on');
			await endSessions('caisson writer');
			await assert.rejects(create(storage, 'b'), withCode('storage-unavailable'));
			await client.query('alter role current_user reset default_transaction_read_only');
			await create(storage, 'c');
			assert.deepEqual((await stored(storage)).jobs, ['a', 'c']);
		} finally {
			await client.query('set default_transaction_read_only = off');
			await client.query('alter role current_user reset default_transaction_read_only');
			await client.end();
		}
	},
);
