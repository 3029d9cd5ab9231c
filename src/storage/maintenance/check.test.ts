// Checking a database finds what was damaged by hand, in both engines, and nothing in a sound one.

import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openTemporary } from '../../../testing/database/temporary-database.ts';
import { withoutPostgres } from '../../../testing/postgres/server.ts';
import { openPostgresStore } from '../../../testing/postgres/store.ts';
import { changeJob, insertJobs, sampleEvent, sampleJob, sampleWorkflow, withCode } from '../contract/stores.ts';
import { DatabaseAddress } from '../postgres/address.ts';
import { clientConfig, connect } from '../postgres/connection.ts';
import type { Storage } from '../store.ts';
import { databases } from './databases.ts';

const quiet = () => {};

async function fill(storage: Storage): Promise<void> {
	await storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
	await insertJobs(
		storage,
		['a', 'b', 'c', 'd', 'e', 'f'].map((id) => sampleJob(id, { tags: ['one', 'two'] })),
	);
	await changeJob(storage, 'a', { status: { state: 'RUNNING' } });
	await storage.commit((unit) => unit.events.append(sampleEvent('a')));
	await storage.commit((unit) =>
		unit.audit.append({ time: 1, actor: 'operator', action: 'job.create', subject: 'a', detail: {} }),
	);
}

const damages: readonly (readonly [sql: string, check: string, subject: string])[] = [
	[`update job set state = 'GONE', status = '{"state":"GONE"}' where id = 'a'`, 'state unknown to the workflow', 'a'],
	["update job set state = 'DONE' where id = 'b'", 'state that differs from the status', 'b'],
	["update job set grp = 'CLOSED' where id = 'c'", 'group that differs from the state', 'c'],
	[`update job set tags = '["one"]' where id = 'd'`, 'tags that differ from the job', 'd'],
	["update job set definition = '{' where id = 'e'", 'value that is not JSON', 'e'],
	["update job set mtime = 1 where id = 'f'", 'job changed before it was made', 'f'],
	[
		"update job_tag set stime = 5 where tag = 'two' and job_seq = (select seq from job where id = 'f')",
		'tag with another time than its job',
		'f',
	],
	["update event set job = '' where id = 1", 'value that is not JSON', 'event 1'],
	[
		"insert into event (id, ctime, action, job_id, client_id, workflow, job) values (-1, 1, 'CREATE', 'a', 'c', 'w', '{}')",
		'number below 1',
		'event -1',
	],
	["insert into audit_seal (number, body) values (2, '')", 'seal missing', '1'],
];

test('an SQLite file that was damaged by hand is found out, and a sound one is not', async () => {
	const { storage, file, destroy } = await openTemporary();
	try {
		await fill(storage);
		await storage.close();
		const sound = await databases.check(file, quiet);
		assert.deepEqual([sound.findings, sound.found, sound.version], [[], 0, sound.known]);
		assert.deepEqual([sound.rows.job, sound.rows.job_tag, sound.rows.job_history], [6, 12, 1]);
		const database = new DatabaseSync(file);
		for (const [sql] of damages) database.exec(sql);
		database.exec(
			"pragma foreign_keys = off; delete from workflow where name = 'sample'; insert into job_tag values ('lost', 1, 99)",
		);
		database.exec("update sqlite_sequence set seq = 0 where name = 'audit'");
		database.close();
		const { findings, found } = await databases.check(file, quiet);
		const said = findings.map(({ check, subject }) => `${check}: ${subject}`);
		for (const [, check, subject] of damages) {
			// What needs the workflow cannot be judged any more.
			if (/unknown to the workflow|group that differs/.test(check)) continue;
			assert.ok(said.includes(`${check}: ${subject}`), `${check}: ${subject}\n${said.join('\n')}`);
		}
		assert.ok(said.includes('job without a workflow: a'));
		assert.ok(said.includes('tag without a job: lost'));
		assert.ok(said.includes('number above the last one given: audit 1'));
		assert.equal(found, findings.length);
	} finally {
		await destroy();
	}
});

test('a PostgreSQL database that was damaged by hand is found out, and a sound one is not', {
	skip: withoutPostgres(),
}, async () => {
	const { storage, address, destroy } = await openPostgresStore();
	try {
		await fill(storage);
		assert.deepEqual((await databases.check(address, quiet)).findings, []);
		const client = await connect(clientConfig(new DatabaseAddress(address)));
		for (const [sql] of damages) await client.query(sql);
		await client.query('update commit_order set audit_id = 0');
		await client.end();
		const { findings } = await databases.check(address, quiet);
		const said = findings.map(({ check, subject }) => `${check}: ${subject}`).sort();
		const expected = damages.map(([, check, subject]) => `${check}: ${subject}`);
		assert.deepEqual(said, [...expected, 'number above the last one given: audit 1'].sort());
	} finally {
		await destroy();
	}
});

test('a file that is not there, and one that is none of Caisson, cannot be checked', async () => {
	await assert.rejects(databases.check('/absent/caisson.db', quiet), withCode('storage-unavailable'));
	await assert.rejects(databases.check(import.meta.filename, quiet), withCode('storage-damaged'));
});

test('migrating makes the tables once', async () => {
	const { storage, file, destroy } = await openTemporary();
	try {
		await storage.close();
		assert.deepEqual(await databases.migrate(file), []);
		const made = await databases.migrate(`${file}-other`);
		assert.equal(made[0], '001-first-tables');
		assert.deepEqual(await databases.migrate(`${file}-other`), []);
	} finally {
		await destroy();
	}
});
