// PostgreSQL goes away under writers and comes back, in order and by a crash. Requests fail meanwhile with
// storage-unavailable; afterwards everything works again without a restart, and nothing acknowledged is missing.
// e2e/outage does the same to servers for 30 s.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres, withoutPostgres } from '../../../testing/postgres/server.ts';
import { sampleEvent, sampleJob, sampleWorkflow, withCode } from '../contract/stores.ts';
import { openPostgres } from './open.ts';

for (const how of ['fast', 'immediate'] as const) {
	const name = how === 'fast' ? 'shut down' : 'crashed';
	test(`a database that was ${name} and comes back loses nothing that was acknowledged`, {
		skip: withoutPostgres(),
	}, async () => {
		const server = await startPostgres();
		const address = await server.createSchema();
		const storage = await openPostgres(address);
		try {
			await storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
			const acknowledged: string[] = [];
			const unknown: string[] = [];
			const refused: string[] = [];
			const followed: string[] = [];
			let last = 0;
			let reading = Promise.resolve();
			const follow = async () => {
				for (const event of await storage.events.read(last, 10_000)) {
					followed.push(event.jobId);
					last = event.id;
				}
			};
			storage.onEvents(() => {
				reading = reading.then(follow).catch(() => {});
			});
			let stopped = false;
			const writers = Array.from({ length: 50 }, async (_, writer) => {
				for (let turn = 0; !stopped; turn++) {
					const id = `${writer}.${turn}`;
					try {
						await storage.commit(async (unit) => {
							await unit.jobs.insert(sampleJob(id));
							await unit.events.append(sampleEvent(id));
						});
						acknowledged.push(id);
					} catch (error) {
						assert.ok(withCode('storage-unavailable')(error), String(error));
						(/outcome of the change is unknown/.test(String(error)) ? unknown : refused).push(id);
						await sleep(20);
					}
				}
			});
			const moreThan = async (count: number) => {
				while (acknowledged.length <= count) await sleep(5);
			};
			await moreThan(200);
			await server.stop(how);
			await assert.rejects(storage.check(), withCode('storage-unavailable'));
			await assert.rejects(storage.jobs.find('0.0'), withCode('storage-unavailable'));
			const before = acknowledged.length;
			await sleep(2000);
			assert.equal(acknowledged.length, before, 'nothing is acknowledged while it is away');
			assert.ok(refused.length > 0);
			await server.start();
			await moreThan(before + 200);
			stopped = true;
			await Promise.all(writers);

			await storage.check();
			const connections = async (name: string) => {
				const text = 'select 1 from pg_stat_activity where application_name = $1';
				return (await server.sql(text, [name])).length;
			};
			while ((await connections('caisson listener')) === 0) await sleep(20);
			await sleep(500);
			const left = [await connections('caisson listener'), await connections('caisson writer')];
			assert.deepEqual(left, [1, 1], 'one that listens and one that writes, and none left over from coming back');
			while (!followed.includes(acknowledged.at(-1) ?? '')) await sleep(20);
			const page = { offset: 0, limit: -1, sort: 'asc', total: false } as const;
			const ids = new Set((await storage.jobs.query({}, page)).jobs.map(({ id }) => id));
			assert.deepEqual(
				acknowledged.filter((id) => !ids.has(id)),
				[],
				'acknowledged and lost',
			);
			assert.deepEqual(
				refused.filter((id) => ids.has(id)),
				[],
				'said to be not stored and there',
			);
			for (const id of acknowledged) ids.delete(id);
			assert.deepEqual(
				[...ids].filter((id) => !unknown.includes(id)),
				[],
				'there without having been written',
			);
			assert.deepEqual(
				followed,
				(await storage.events.read(0, 100_000)).map(({ jobId }) => jobId),
			);
		} finally {
			await storage.close();
			await server.destroy();
		}
	});
}
