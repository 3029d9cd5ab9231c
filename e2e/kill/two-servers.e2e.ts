// kill -9 of one of two servers on one PostgreSQL under 200 concurrent writers, 20 times. The seed is printed; set
// CAISSON_KILL_SEED to run the same moments again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summary, twoHundredWriters } from '../../testing/kill-series/kill-series.ts';
import { killOneOfTwo } from '../../testing/kill-series/two-servers.ts';
import { withoutPostgres } from '../../testing/postgres/server.ts';

test('twenty times kill -9 of one of two servers: nothing acknowledged is lost, no event missing, doubled or out of order', {
	skip: withoutPostgres(),
}, async () => {
	const seed = Number(process.env.CAISSON_KILL_SEED ?? Date.now() % 1_000_000);
	console.log(`seed ${seed}`);
	const delay = { least: 300, spread: 3000 };
	const result = await killOneOfTwo({ rounds: 20, seed, writers: twoHundredWriters, delay, print: console.log });
	console.log(summary(result));
	assert.deepEqual(result.findings, []);
	assert.equal(result.rounds, 20);
	assert.ok(result.acknowledged > 1000, 'the writers had written');
});
