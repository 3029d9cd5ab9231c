// kill -9 under 200 concurrent writers, 20 times, on one data directory and over HTTP. The seed is printed; set
// CAISSON_KILL_SEED to run the same moments again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killSeries, summary, twoHundredWriters } from '../../testing/kill-series/kill-series.ts';

test('twenty times kill -9 under 200 writers: nothing acknowledged is lost, no event is missing or doubled', async () => {
	const seed = Number(process.env.CAISSON_KILL_SEED ?? Date.now() % 1_000_000);
	console.log(`seed ${seed}`);
	const delay = { least: 300, spread: 3000 };
	const result = await killSeries({ rounds: 20, seed, writers: twoHundredWriters, delay, print: console.log });
	console.log(summary(result));
	assert.deepEqual(result.findings, []);
	assert.equal(result.rounds, 20);
	assert.ok(result.acknowledged > 1000, 'the writers had written');
});
