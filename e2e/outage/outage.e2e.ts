// PostgreSQL goes away for 30 seconds under two servers and their writers, and comes back. Meanwhile requests are
// answered with 503; afterwards both servers serve again without a restart, everything acknowledged is there, and a
// subscriber who stayed connected has each event once.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../testing/kill-series/client.ts';
import { type ServerProcess, startServer } from '../../testing/kill-series/server-process.ts';
import { Subscriber } from '../../testing/kill-series/subscriber.ts';
import { workflow } from '../../testing/kill-series/writers.ts';
import { startPostgres, withoutPostgres } from '../../testing/postgres/server.ts';

const api = '/api/wfx/v1';
const away = 30_000;

test('a database that goes away for 30 s and comes back loses nothing that was acknowledged', {
	skip: withoutPostgres(),
}, async () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-outage-'));
	const postgres = await startPostgres();
	const subscriber = new Subscriber();
	const client = new Client();
	const servers: ServerProcess[] = [];
	try {
		const database = ['--database', await postgres.createSchema()];
		for (const name of ['one', 'two']) servers.push(await startServer(join(folder, name), [], database));
		const [one, two] = servers as [ServerProcess, ServerProcess];
		assert.equal((await client.send('POST', `${one.northbound}${api}/workflows`, workflow))?.status, 201);
		subscriber.follow(`${two.northbound}${api}/jobs/events`);

		const acknowledged: string[] = [];
		const unknown: string[] = [];
		const refused: string[] = [];
		let stopped = false;
		const writers = Array.from({ length: 40 }, async (_, writer) => {
			const server = writer % 2 === 0 ? one : two;
			for (let turn = 0; !stopped; turn++) {
				const clientId = `${writer}.${turn}`;
				const body = { clientId, workflow: workflow.name };
				const answer = await client.send('POST', `${server.northbound}${api}/jobs`, body);
				if (answer?.status === 201) acknowledged.push(clientId);
				else {
					assert.equal(answer?.status, 503, JSON.stringify(answer?.body));
					(/outcome of the change is unknown/.test(String(answer?.body)) ? unknown : refused).push(clientId);
					await sleep(200);
				}
			}
		});
		const until = async (count: number) => {
			while (acknowledged.length < count) await sleep(10);
		};
		await until(500);
		await postgres.stop('immediate');
		const before = acknowledged.length;
		await sleep(away / 2);
		for (const { northbound } of servers) {
			assert.equal((await client.send('GET', `${northbound}${api}/jobs`))?.status, 503);
			assert.equal((await client.send('GET', `${northbound}/health`))?.status, 503);
		}
		await sleep(away / 2);
		assert.ok(acknowledged.length - before < writers.length, 'nothing is acknowledged while it is away');
		await postgres.start();
		const back = Date.now();
		await until(acknowledged.length + 500);
		stopped = true;
		await Promise.all(writers);
		const again = Date.now() - back;

		const last = await client.send('POST', `${one.northbound}${api}/jobs`, {
			clientId: 'last',
			workflow: workflow.name,
		});
		assert.equal(last?.status, 201);
		await subscriber.until(({ clientId }) => clientId === 'last');
		const times = Map.groupBy(subscriber.received, ({ clientId }) => clientId);
		assert.deepEqual(
			acknowledged.filter((clientId) => times.get(clientId)?.length !== 1),
			[],
			'each event came once',
		);
		assert.deepEqual(
			refused.filter((clientId) => times.has(clientId)),
			[],
			'refused, but there',
		);
		const ids = subscriber.received.map(({ id }) => id);
		assert.deepEqual(
			ids,
			ids.toSorted((a, b) => a - b),
		);
		for (const { northbound } of servers) {
			const list = await client.send('GET', `${northbound}${api}/jobs?limit=1`);
			assert.equal(list?.status, 200);
		}
		console.log(
			`${acknowledged.length} acknowledged, all there; ${refused.length} refused, none there; ${unknown.length} of unknown outcome, ${unknown.filter((clientId) => times.has(clientId)).length} there; 500 more within ${again} ms of its return`,
		);
	} finally {
		subscriber.stop();
		client.close();
		for (const server of servers) await server.stop();
		await postgres.destroy();
		rmSync(folder, { recursive: true, force: true });
	}
});
