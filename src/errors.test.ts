// The catalogue of errors: that its entries can be used as they stand, and that its page in docs/ says the same.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { errorsPage, errorsPageFile } from '../docs/errors.ts';
import { CaissonError, errorCatalogue, meaningOf } from './errors.ts';

test('docs/errors.md says what the catalogue says', () => {
	assert.ok(readFileSync(errorsPageFile, 'utf8') === errorsPage(errorCatalogue), 'run `npm run generate`');
});

test('a code is lower-case words joined by hyphens', () => {
	for (const code of Object.keys(errorCatalogue)) assert.match(code, /^[a-z]+(-[a-z]+)*$/);
});

test('every entry has an HTTP status of an error, and sentences for when and remedy', () => {
	for (const [code, meaning] of Object.entries(errorCatalogue)) {
		assert.ok(meaning.http >= 400 && meaning.http < 600, `${code}: status ${meaning.http}`);
		for (const sentence of [meaning.when, meaning.remedy]) assert.match(sentence, /^[\p{Lu}`].*[.]$/su, code);
	}
});

test('an error keeps its code and its cause', () => {
	const cause = new Error('disk');
	const error = new CaissonError('storage-unavailable', 'The database cannot be written.', { cause });
	assert.equal(error.cause, cause);
	assert.deepEqual(meaningOf(error), { code: 'storage-unavailable', ...errorCatalogue['storage-unavailable'] });
});

test('what is not a CaissonError is an internal error', () => {
	assert.equal(meaningOf(new TypeError('x is not a function')).code, 'internal');
	assert.equal(meaningOf('a thrown string').code, 'internal');
});
