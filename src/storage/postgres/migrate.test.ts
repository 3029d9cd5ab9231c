// Tables of PostgreSQL across versions of Caisson: every earlier schema is brought up to date with its rows, servers
// that start at once do it once, and a database of a newer Caisson is used or refused as it says of itself.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { sharedPostgres, withoutPostgres } from '../../../testing/postgres/server.ts';
import { sampleEvent, sampleWorkflow, withCode } from '../contract/stores.ts';
import { migrationNames } from '../migrations/migrations.ts';
import { DatabaseAddress } from './address.ts';
import { clientConfig, connect } from './connection.ts';
import { openPostgres } from './open.ts';

const skip = withoutPostgres();
const folder = new URL('../../../testdata/storage/', import.meta.url);
const dumps = readdirSync(folder).filter((name) => /^postgres-\d+\.sql$/.test(name));

async function run(address: string, text: string): Promise<Record<string, unknown>[]> {
	const client = await connect(clientConfig(new DatabaseAddress(address)));
	try {
		return (await client.query(text)).rows ?? [];
	} finally {
		await client.end();
	}
}

test('there is a database of every earlier schema', () => {
	const versions = dumps.map((name) => Number(/\d+/.exec(name)?.[0]));
	const earlier = Array.from({ length: migrationNames.length - 1 }, (_, index) => index + 1);
	assert.deepEqual(versions.slice(0, earlier.length), earlier);
});

for (const dump of dumps) {
	test(`${dump} is brought up to date with all that it holds`, { skip }, async () => {
		const address = await (await sharedPostgres()).createDatabase();
		await run(address, readFileSync(new URL(dump, folder), 'utf8'));
		const storage = await openPostgres(address);
		try {
			const [state] = await run(address, 'select version from caisson_schema');
			assert.equal(Number(state?.version), migrationNames.length);
			const job = await storage.jobs.find('first');
			assert.equal(job?.clientId, 'Gerät 1');
			assert.deepEqual(job?.tags, ['a', 'ü']);
			assert.deepEqual(job?.status, { state: 'DONE', message: 'ä\0' });
			assert.deepEqual(job?.definition, { n: [1, 1.5] });
			assert.equal(job?.workflow.name, 'sample');
			assert.deepEqual(await storage.jobs.history('first'), [
				{ mtime: 1_750_000_000_000, status: { state: 'NEW' }, reports: 3 },
			]);
			const page = { offset: 0, limit: 10, sort: 'asc', total: true } as const;
			assert.equal((await storage.jobs.query({ tags: ['ü'] }, page)).total, 1);
			assert.deepEqual(await storage.events.range(), { first: 2, last: 3 });
			assert.deepEqual(
				(await storage.audit.read(0, 10)).map(({ id, action }) => `${id} ${action}`),
				['1 job.create', '2 job.update-status'],
			);
			await storage.commit(async (unit) => {
				await unit.jobs.insert({ ...job, id: 'second' });
				await unit.events.append(sampleEvent('second', { workflow: 'sample' }));
			});
			assert.equal((await storage.events.range()).last, 4);
		} finally {
			await storage.close();
		}
	});
}

test('five servers that start at once on an empty database make its tables once', { skip }, async () => {
	const address = await (await sharedPostgres()).createSchema();
	const storages = await Promise.all(Array.from({ length: 5 }, () => openPostgres(address)));
	try {
		await Promise.all(
			storages.map((storage, index) =>
				storage.commit((unit) => unit.workflows.insert({ ...sampleWorkflow, name: `w${index}` })),
			),
		);
		const page = { offset: 0, limit: 10, sort: 'asc', total: true } as const;
		assert.equal((await storages[0]?.workflows.list(page))?.total, 5);
		const rows = await run(address, 'select count(*) as count from kysely_migration');
		assert.equal(Number(rows[0]?.count), migrationNames.length);
	} finally {
		for (const storage of storages) await storage.close();
	}
});

test('a database that a newer Caisson has only added to is used as it is', { skip }, async () => {
	const address = await (await sharedPostgres()).createSchema();
	await (await openPostgres(address)).close();
	await run(
		address,
		`alter table job add column later text; insert into kysely_migration (name, timestamp) values ('999-later', '');
		update caisson_schema set version = version + 1`,
	);
	const storage = await openPostgres(address);
	await storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
	assert.deepEqual(await storage.workflows.find('sample'), sampleWorkflow);
	await storage.close();
	const [state] = await run(address, 'select version from caisson_schema');
	assert.equal(Number(state?.version), migrationNames.length + 1);
});

test('a database that a newer Caisson has taken something from is refused and left as it is', { skip }, async () => {
	const address = await (await sharedPostgres()).createSchema();
	await (await openPostgres(address)).close();
	const next = migrationNames.length + 1;
	await run(address, `update caisson_schema set version = ${next}, minimum_reader = ${next}`);
	await assert.rejects(openPostgres(address), (error) => {
		assert.match(String(error), /written by a newer Caisson/);
		return withCode('storage-damaged')(error);
	});
	const [state] = await run(address, 'select version, minimum_reader from caisson_schema');
	assert.deepEqual([Number(state?.version), Number(state?.minimum_reader)], [next, next]);
});

test('a database in another encoding than UTF-8 is refused', { skip }, async () => {
	const address = await (await sharedPostgres()).createDatabase("template template0 encoding 'LATIN1' locale 'C'");
	await assert.rejects(openPostgres(address), withCode('configuration-invalid'));
});

test('a schema that does not exist is named in the refusal', { skip }, async () => {
	const address = await (await sharedPostgres()).createSchema();
	await assert.rejects(openPostgres(`${address}_absent`), (error) => {
		assert.match(String(error), /search_path/);
		return withCode('storage-unavailable')(error);
	});
});
