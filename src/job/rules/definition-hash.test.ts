import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { definitionHash } from './definition-hash.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
/** The canonical text itself, for reading. */
const text = (definition: Record<string, unknown>) => {
	let seen = '';
	definitionHash(definition, (bytes) => {
		seen = new TextDecoder().decode(bytes);
		return '';
	});
	return seen;
};

test('the two hashes of siemens/wfx’s own tests come out', () => {
	assert.equal(
		definitionHash({ foo: 'bar' }, sha256),
		'adc1cfc1577119ba2a0852133340088390c1103bdf82d8102970d3e6c53ec10b',
	);
	const empty = '4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945';
	assert.equal(definitionHash({}, sha256), empty);
	assert.equal(definitionHash(undefined, sha256), empty);
});

test('numbers are written as Go’s shortest E form', () => {
	const numbers = [1, 12.5, 0, -0, -3, 0.001, 1e21, 1.5e-7, 123456789, 1e100, 5e-324, 2 ** 53];
	assert.equal(
		text({ n: numbers }),
		'["n":[1E+00,1.25E+01,0E+00,-0E+00,-3E+00,1E-03,1E+21,1.5E-07,1.23456789E+08,1E+100,5E-324,9.007199254740992E+15]]',
	);
});

test('keys are ordered by the bytes of their quoted form', () => {
	// The closing quote takes part in the order: '!' sorts before it. U+1F600 sorts after U+FFFD in UTF-8, not in UTF-16.
	assert.equal(text({ a: 1, 'a!': 2, b: 3, A: 4 }), '["A":4E+00,"a!":2E+00,"a":1E+00,"b":3E+00]');
	assert.equal(text({ '\u{1F600}': 1, '\uFFFD': 2 }), '["\uFFFD":2E+00,"\u{1F600}":1E+00]');
});

test('strings are not escaped, null is what Go prints for it, booleans are one letter', () => {
	assert.equal(
		text({ a: 'x"\\\n', b: null, c: true, d: [false, {}] }),
		'["a":"x"\\\n","b":<invalid Value>,"c":t,"d":[f,[]]]',
	);
});
