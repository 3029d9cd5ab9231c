// The two ways of telling agree: the string's own, and the one for Node 18.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWellFormed } from './well-formed.ts';

test('halves of surrogate pairs are found, with and without the help of the runtime', () => {
	const own = Object.getOwnPropertyDescriptor(String.prototype, 'isWellFormed') as PropertyDescriptor;
	const samples = ['', 'plain', 'späte 😀 Ω', '\ud800', 'a\udc00b', '\udc00\ud800', '😀\ud83d', '\u{10ffff}'];
	const expected = samples.map(isWellFormed);
	assert.deepEqual(expected, [true, true, true, false, false, false, false, true]);
	Reflect.deleteProperty(String.prototype, 'isWellFormed');
	try {
		assert.deepEqual(samples.map(isWellFormed), expected);
	} finally {
		Object.defineProperty(String.prototype, 'isWellFormed', own);
	}
});
