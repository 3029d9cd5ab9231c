import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { failsWith } from '../../../../testing/tuf-documents/documents.ts';
import { canonicalJson, canonicalText, jsonOfCanonical } from './canonical.ts';
import { readJson } from './json.ts';

const golden: readonly { json: string; canonical: string | null }[] = JSON.parse(
	readFileSync(join(import.meta.dirname, '../../../../testdata/trust/metadata/canonical.json'), 'utf8'),
);

function canonicalOf(json: string): string {
	return canonicalText(readJson(new TextEncoder().encode(json)));
}

describe('canonical JSON', () => {
	it('is that of securesystemslib', () => {
		assert.ok(golden.length > 300);
		for (const { json, canonical } of golden) {
			if (canonical === null) assert.throws(() => canonicalOf(json), failsWith('trust-metadata-malformed'));
			else assert.equal(canonicalOf(json), canonical);
		}
	});

	it('does not depend on the order of names', () => {
		assert.equal(canonicalText({ b: 1, a: { d: 2, c: 3 } }), '{"a":{"c":3,"d":2},"b":1}');
		assert.equal(canonicalText({ a: { c: 3, d: 2 }, b: 1 }), '{"a":{"c":3,"d":2},"b":1}');
	});

	it('sorts names by code point, not by UTF-16 unit', () => {
		assert.equal(
			canonicalText({ '\u{1f600}': 1, '\uffff': 2, 'a\u{10000}': 3, 'a\ue000': 4, a: 5 }),
			'{"a":5,"a\ue000":4,"a\u{10000}":3,"\uffff":2,"\u{1f600}":1}',
		);
	});

	it('leaves control characters as they are, and escapes only quotes and backslashes', () => {
		assert.deepEqual([...canonicalJson('\n\u0001"\\')], [0x22, 0x0a, 0x01, 0x5c, 0x22, 0x5c, 0x5c, 0x22]);
	});

	it('has no form for fractions, undefined, halves of pairs and what contains itself', () => {
		const circle: unknown[] = [];
		circle.push(circle);
		for (const value of [
			1.5,
			Number.NaN,
			2 ** 53,
			undefined,
			{ a: undefined },
			'\ud800',
			{ '\udc00': 1 },
			1n,
			circle,
		]) {
			assert.throws(() => canonicalJson(value), failsWith('trust-metadata-malformed'));
		}
	});
});

it('canonical text becomes JSON of the same value, control characters included', () => {
	const value = { a: 'x\ny\tz\u0000\u007f"\\', 'k\n': ['\u0085', 'ü\u{1F600}'] };
	assert.deepEqual(JSON.parse(jsonOfCanonical(canonicalText(value))), value);
});
