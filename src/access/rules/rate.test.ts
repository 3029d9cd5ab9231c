import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateLimiter } from './rate.ts';

test('a caller may make its burst at once and then as many as the rate gives', () => {
	const limiter = new RateLimiter({ rate: 2, burst: 3 });
	assert.deepEqual(
		[1, 2, 3].map(() => limiter.take('a', 0)),
		[0, 0, 0],
	);
	assert.equal(limiter.take('a', 0), 500);
	assert.equal(limiter.take('a', 250), 250);
	assert.equal(limiter.take('a', 500), 0);
	assert.equal(limiter.take('a', 500), 500);
	assert.deepEqual(
		[1, 2, 3, 4].map(() => limiter.take('a', 100_000) === 0),
		[true, true, true, false],
	);
});

test('one caller does not use up what another has', () => {
	const limiter = new RateLimiter({ rate: 1, burst: 1 });
	assert.equal(limiter.take('a', 0), 0);
	assert.notEqual(limiter.take('a', 0), 0);
	assert.equal(limiter.take('b', 0), 0);
});

test('a refused request costs nothing, so that whoever waits as told gets through', () => {
	const limiter = new RateLimiter({ rate: 1, burst: 1 });
	limiter.take('a', 0);
	for (let count = 0; count < 100; count++) assert.equal(limiter.take('a', 0), 1000);
	assert.equal(limiter.take('a', 1000), 0);
});

test('a clock that was set back gives nobody more', () => {
	const limiter = new RateLimiter({ rate: 1, burst: 1 });
	assert.equal(limiter.take('a', 10_000), 0);
	assert.equal(limiter.take('a', 0), 1000);
	assert.equal(limiter.take('a', 10_500), 500);
});

test('memory is bounded: the caller not seen for longest is forgotten', () => {
	const limiter = new RateLimiter({ rate: 1, burst: 1 }, 3);
	for (const caller of ['a', 'b', 'c']) limiter.take(caller, 0);
	assert.notEqual(limiter.take('a', 0), 0);
	limiter.take('d', 0);
	assert.equal(limiter.size, 3);
	assert.notEqual(limiter.take('a', 0), 0);
	assert.equal(limiter.take('b', 0), 0);
	for (let count = 0; count < 10_000; count++) limiter.take(`x${count}`, 0);
	assert.equal(limiter.size, 3);
});
