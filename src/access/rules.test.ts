import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countDenial, denialLimits, noDenials } from './rules.ts';

/** Counts denials at these times. @returns for each the rows left out before, or undefined where it gets none itself */
function outcomes(times: readonly number[]): (number | undefined)[] {
	let window = noDenials;
	return times.map((now) => {
		const counted = countDenial(window, now);
		window = counted.window;
		return counted.write ? counted.unwritten : undefined;
	});
}

test('each denial gets a row until the window is full', () => {
	const full = outcomes(Array(denialLimits.rows + 2).fill(1000));
	assert.deepEqual(full, [...Array(denialLimits.rows).fill(0), undefined, undefined]);
});

test('the first row of the next window says how many got none', () => {
	const flood = Array(denialLimits.rows + 500).fill(1000);
	assert.deepEqual(outcomes([...flood, 1000 + denialLimits.window, 1001 + denialLimits.window]).slice(-2), [500, 0]);
});

test('a million denials in an hour make no more rows than the limit', () => {
	const rows = outcomes(Array.from({ length: 1_000_000 }, (_, index) => index * 3.6)).filter(
		(row) => row !== undefined,
	);
	assert.equal(rows.length, denialLimits.rows * 60);
});

test('a clock that was set back does not stop the rows', () => {
	assert.deepEqual(outcomes([...Array(denialLimits.rows).fill(9e12), 1000]).at(-1), 0);
});
