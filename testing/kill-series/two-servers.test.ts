// Two rounds of the series that kills one of two servers. e2e/kill runs twenty.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutPostgres } from '../postgres/server.ts';
import { twoHundredWriters } from './kill-series.ts';
import { killOneOfTwo } from './two-servers.ts';

test('twice kill -9 of one of two servers on PostgreSQL: nothing acknowledged is lost, no event missing or doubled', {
	skip: withoutPostgres(),
}, async (context) => {
	const result = await killOneOfTwo({
		rounds: 2,
		seed: 1,
		writers: twoHundredWriters,
		delay: { least: 300, spread: 900 },
		print: (line) => context.diagnostic(line),
	});
	assert.deepEqual(result.findings, []);
	assert.ok(result.acknowledged > 0);
});
