// Documents joined from stored text are the canonical form of the document they stand for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalText } from '../metadata/canonical.ts';
import { makeSnapshot, makeTargets, makeTimestamp } from '../metadata/make.ts';
import { binText, expiryOf, isDue, signedFile, snapshotText, timestampText } from './online.ts';
import { checkSettings, day, defaultSettings } from './settings.ts';

const now = Date.parse('2030-01-01T00:00:00.500Z');
const expires = '2030-02-01T00:00:00Z';
const fields = { version: 7, expires: Date.parse(expires) };
const sha256 = 'ab'.repeat(32);

test('a bin', () => {
	const targets = {
		'a"\\': { length: 1, hashes: { sha256 } },
		b: { length: 2, hashes: { sha256 }, custom: { z: 1, a: [] } },
	};
	const rows = Object.entries(targets).map(([path, target]) => ({ path, body: canonicalText(target) }));
	assert.equal(binText(fields, rows), canonicalText(makeTargets({ version: 7, expires, targets })));
	assert.equal(binText(fields, []), canonicalText(makeTargets({ version: 7, expires, targets: {} })));
});

test('a snapshot, whose files are sorted with their ending', () => {
	const entries = [
		{ name: 'a', version: 1 },
		{ name: 'a-b', version: 2, length: 3, sha256 },
		{ name: 'targets', version: 4, length: 5, sha256 },
		{ name: '\u{1F600}', version: 1 },
		{ name: '\uFF5E', version: 1 },
	];
	const meta = Object.fromEntries(
		entries.map(({ name, version, length, sha256 }) => [
			`${name}.json`,
			length === undefined ? { version } : { version, length, hashes: { sha256: sha256 ?? '' } },
		]),
	);
	assert.equal(snapshotText(fields, entries), canonicalText(makeSnapshot({ version: 7, expires, meta })));
});

test('a timestamp says when it was signed', () => {
	const snapshot = { version: 3, length: 9, hashes: { sha256 } };
	const document = {
		...makeTimestamp({ version: 7, expires, snapshot }),
		'x-caisson-signed-at': '2030-01-01T00:00:00Z',
	};
	assert.equal(timestampText(fields, { version: 3, length: 9, sha256 }, now), canonicalText(document));
});

test('unknown fields are signed again as they are, and cannot replace known ones', () => {
	const unknown = { 'x-other': { b: 1, a: 2 }, version: 1 };
	const document = { ...makeTargets({ version: 7, expires, targets: {} }), 'x-other': { a: 2, b: 1 } };
	assert.equal(binText({ ...fields, unknown }, []), canonicalText(document));
});

test('the file holds the text that was signed', () => {
	const text = binText(fields, []);
	const file = signedFile(text, [{ keyid: 'k', sig: '00' }]);
	assert.equal(canonicalText(JSON.parse(file).signed), text);
	assert.deepEqual(JSON.parse(file).signatures, [{ keyid: 'k', sig: '00' }]);
});

test('a signature is due when less than a third of its lifetime is left', () => {
	const at = expiryOf('timestamp', defaultSettings, now);
	assert.equal(at, Date.parse('2030-01-08T00:00:00Z'));
	const due = (time: number) => isDue({ kind: 'timestamp', expires: at }, defaultSettings, time);
	assert.deepEqual([due(at - 3 * day), due(at - 2 * day)], [false, true]);
});

test('settings out of range are refused with their field', () => {
	const { bins, lifetimes } = defaultSettings;
	assert.equal(checkSettings(defaultSettings), defaultSettings);
	const refused: [object, RegExp][] = [
		[{ bins: { ...bins, bitLength: 15 } }, /bins.bitLength: is a whole number from 1 to 14/],
		[{ bins: { ...bins, role: '../x' } }, /bins.role/],
		[{ lifetimes: { ...lifetimes, snapshot: 0 } }, /lifetimes.snapshot/],
		[{ keptVersions: 1.5 }, /keptVersions/],
	];
	for (const [change, message] of refused)
		assert.throws(() => checkSettings({ ...defaultSettings, ...change }), message);
});
