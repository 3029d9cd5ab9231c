// Copying a database: everything with its ids and order from SQLite to PostgreSQL and back, all or nothing, and only
// into an empty one.

import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openTemporary, temporaryFile } from '../../../testing/database/temporary-database.ts';
import { sharedPostgres, withoutPostgres } from '../../../testing/postgres/server.ts';
import { changeJob, insertJobs, sampleEvent, sampleJob, sampleWorkflow, withCode } from '../contract/stores.ts';
import { openPostgres } from '../postgres/open.ts';
import { openSqlite } from '../sqlite/open.ts';
import type { Storage } from '../store.ts';
import { databases } from './databases.ts';
import { bookkeeping, tables } from './tables.ts';

const skip = withoutPostgres();
const quiet = () => {};
const page = { offset: 0, limit: -1, sort: 'asc', total: true } as const;

/** Jobs with tags, history and definitions, some deleted, the last one among them; old events pruned; a seal. */
async function fill(storage: Storage): Promise<void> {
	await storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
	await insertJobs(
		storage,
		Array.from({ length: 2500 }, (_, index) =>
			sampleJob(`job-${index}`, {
				stime: 5000 - (index % 100),
				mtime: 6000,
				tags: index % 3 === 0 ? ['ä', 'north "1"'] : [],
				definition: { text: 'a\0b\\', n: index / 7 },
			}),
		),
	);
	for (let turn = 0; turn < 5; turn++) {
		await changeJob(storage, 'job-7', { status: { state: 'RUNNING', message: `${turn}` } });
		await storage.commit((unit) => unit.events.append(sampleEvent('job-7', { ctime: turn })));
	}
	await storage.commit(async (unit) => {
		await unit.jobs.remove('job-2499');
		await unit.events.append(sampleEvent('job-2499', { ctime: 2, action: 'DELETE' }));
		const row = { time: 1, actor: 'operator', action: 'job.delete', subject: 'job-2499' };
		await unit.audit.append({ ...row, detail: { ü: [1, null] } });
		await unit.seals.append({ number: 1, body: 'seal' });
	});
	await storage.events.prune(4);
	await storage.commit((unit) => unit.events.append(sampleEvent('job-1', { ctime: 1 })));
	await storage.events.prune(4);
}

/** Everything that a reader can see. */
async function seen(storage: Storage) {
	const { jobs, total } = await storage.jobs.query({}, page);
	return {
		total,
		jobs,
		tagged: (await storage.jobs.query({ tags: ['ä'] }, { ...page, sort: 'desc' })).jobs.map(({ id }) => id),
		history: await storage.jobs.history('job-7'),
		workflows: await storage.workflows.list(page),
		events: await storage.events.read(0, 1000),
		range: await storage.events.range(),
		audit: await storage.chain.rows(0, 1000),
		seals: await storage.chain.seals(0, 1000),
	};
}

test('a copy from SQLite to PostgreSQL and back shows the same, and goes on behind the last numbers', {
	skip,
}, async () => {
	const source = await openTemporary();
	const back = temporaryFile();
	try {
		await fill(source.storage);
		const before = await seen(source.storage);
		assert.ok(before.range.last > (before.events.at(-1)?.id ?? 0), 'the last events were pruned');
		await source.storage.close();
		const address = await (await sharedPostgres()).createSchema();

		const copied = await databases.copy(source.file, address, quiet);
		assert.deepEqual(copied.map(({ table, rows }) => [table, rows]).slice(0, 2), [
			['workflow', 1],
			['job', 2499],
		]);
		const postgres = await openPostgres(address);
		assert.deepEqual(await seen(postgres), before);
		const report = await databases.check(address, quiet);
		assert.deepEqual(report.findings, []);
		assert.equal(report.rows.job, 2499);

		await insertJobs(postgres, [sampleJob('later')]);
		await postgres.commit((unit) => unit.events.append(sampleEvent('later')));
		assert.equal((await postgres.events.range()).last, before.range.last + 1);
		const after = await seen(postgres);
		await postgres.close();

		await databases.copy(address, back.file, quiet);
		const again = await openSqlite(back.file);
		assert.deepEqual(await seen(again), after);
		await again.commit((unit) => unit.events.append(sampleEvent('job-1')));
		assert.equal((await again.events.range()).last, after.range.last + 1);
		await again.close();
		assert.deepEqual((await databases.check(back.file, quiet)).findings, []);
	} finally {
		await source.destroy();
		back.remove();
	}
});

test('a target that is not empty is refused and keeps what it has', { skip }, async () => {
	const source = await openTemporary();
	try {
		await fill(source.storage);
		await source.storage.close();
		const address = await (await sharedPostgres()).createSchema();
		const target = await openPostgres(address);
		await target.commit((unit) => unit.workflows.insert({ ...sampleWorkflow, name: 'own' }));
		await assert.rejects(databases.copy(source.file, address, quiet), withCode('database-not-empty'));
		assert.deepEqual((await target.workflows.list(page)).total, 1);
		await target.commit((unit) => unit.workflows.remove('own'));
		const emptied = databases.copy(source.file, address, quiet);
		await assert.rejects(emptied, withCode('database-not-empty'), 'its numbers were given already');
		await target.close();
	} finally {
		await source.destroy();
	}
});

test('a copy that fails leaves the target as it was', { skip }, async () => {
	const source = await openTemporary();
	try {
		await fill(source.storage);
		await insertJobs(source.storage, [sampleJob('odd', { clientId: 'a\0b' })]);
		await source.storage.close();
		const address = await (await sharedPostgres()).createSchema();
		await assert.rejects(databases.copy(source.file, address, quiet), (error) => {
			assert.match(String(error), /Nothing was copied: job \(seq 2501\) has a U\+0000 in client_id/);
			return withCode('database-not-copied')(error);
		});
		const target = await openPostgres(address);
		assert.equal((await target.workflows.list(page)).total, 0);
		assert.equal((await target.jobs.query({}, page)).total, 0);
		await target.close();
	} finally {
		await source.destroy();
	}
});

test('the list of tables is that of a database, in both engines', { skip }, async () => {
	const names = [...tables.map(({ name }) => name)].sort();
	const { file, remove } = temporaryFile();
	await (await openSqlite(file)).close();
	const sqlite = new DatabaseSync(file, { readOnly: true });
	const rows = sqlite.prepare("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'").all();
	sqlite.close();
	remove();
	const own = (all: readonly unknown[]) =>
		all
			.map(String)
			.filter((name) => !bookkeeping.includes(name))
			.sort();
	assert.deepEqual(own(rows.map(({ name }) => name)), names);

	const server = await sharedPostgres();
	const address = await server.createSchema();
	await (await openPostgres(address)).close();
	const schema = decodeURIComponent(address).split('search_path=')[1];
	const there = await server.sql('select tablename from pg_tables where schemaname = $1', [schema]);
	assert.deepEqual(own(there.map(({ tablename }) => tablename)), names);
});
