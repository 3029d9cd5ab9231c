import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outcomes, quantile } from './outcomes.ts';

test('a quantile is a value that was measured: the smallest that its share does not exceed', () => {
	const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
	assert.equal(quantile(hundred, 0.5), 50);
	assert.equal(quantile(hundred, 0.99), 99);
	assert.equal(quantile([7], 0.99), 7);
	assert.equal(quantile([], 0.5), 0);
});

test('several workers are summed up by kind and over all', () => {
	const [one, other] = [new Outcomes(), new Outcomes()];
	for (const duration of [3, 1]) one.done('poll', duration);
	other.done('poll', 2);
	other.done('create', 9);
	const { requests, p50, byKind } = Outcomes.summary([one, other]);
	assert.deepEqual({ requests, p50 }, { requests: 4, p50: 2 });
	assert.deepEqual(byKind, { create: { requests: 1, p50: 9, p99: 9 }, poll: { requests: 3, p50: 2, p99: 3 } });
});

test('a failure is counted and quoted, and is no request done', () => {
	const outcomes = new Outcomes();
	for (let index = 0; index < 1000; index++) outcomes.failed('create', '500 database is locked');
	outcomes.failed('poll', 'connection reset');
	const { requests, errors, said } = Outcomes.summary([outcomes]);
	assert.deepEqual({ requests, errors }, { requests: 0, errors: 1001 });
	assert.deepEqual(said, ['create: 500 database is locked', 'poll: connection reset']);
});
