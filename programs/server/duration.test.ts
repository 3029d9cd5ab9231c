import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, parseDuration, parseSize } from './duration.ts';

test('durations are read in the notation of Go, with days added', () => {
	for (const [text, ms] of [
		['0', 0],
		['10s', 10_000],
		['1m30s', 90_000],
		['250ms', 250],
		['1.5h', 5_400_000],
		['.5s', 500],
		['90d', 7_776_000_000],
		['1d12h', 129_600_000],
		['2500us', 2.5],
		['2µs', 0.002],
	] as const) {
		assert.equal(parseDuration(text), ms, text);
	}
});

test('what is no duration is refused with the notation that is expected', () => {
	for (const text of ['', '10', '-5s', '5 s', '1w', 's', '1s2', '1s;', '1e3s', 'ten seconds', '5s5']) {
		assert.throws(() => parseDuration(text), { name: 'RangeError', message: /is not a duration: write for instance/ });
	}
});

test('a formatted duration reads as the same duration', () => {
	for (const text of ['0s', '10s', '1m30s', '250ms', '90d', '1d12h', '10m']) {
		assert.equal(formatDuration(parseDuration(text)), text);
	}
});

test('sizes are read in bytes, thousands and binary multiples', () => {
	assert.equal(parseSize('1000000'), 1_000_000);
	assert.equal(parseSize('500kB'), 500_000);
	assert.equal(parseSize('16MiB'), 16_777_216);
	for (const text of ['', '-1', '1.5MiB', '16mib', '9999999999999999', '1TB']) {
		assert.throws(() => parseSize(text), { name: 'RangeError', message: /is not a size/ }, text);
	}
});
