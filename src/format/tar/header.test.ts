// Headers against GNU tar, and that no byte of one may differ.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { decodeTarHeader, encodeTarHeader, isTarName, tarEndLength, tarPadding } from './header.ts';

const mtime = 1_795_000_000;

test('GNU tar lists what is written, names and sizes of both forms', () => {
	const small = Buffer.from('Hello');
	const members = [
		encodeTarHeader('a/file', small.length, mtime),
		small,
		new Uint8Array(tarPadding(small.length)),
		encodeTarHeader('x'.repeat(100), 0, mtime),
		new Uint8Array(tarEndLength),
	];
	const listed = execFileSync('tar', ['--utc', '--numeric-owner', '-tvf', '-'], {
		input: Buffer.concat(members),
	}).toString();
	const lines = listed.split('\n');
	assert.match(lines[0] ?? '', /^-rw------- 0\/0 +5 2026-11-18 \d\d:\d\d a\/file$/);
	assert.match(lines[1] ?? '', /^-rw------- 0\/0 +0 .* x{100}$/);
	const large = encodeTarHeader('large', 8 ** 11 + 5, mtime);
	const first = execFileSync('sh', ['-c', 'tar -tvf - 2>/dev/null || true'], { input: large }).toString();
	assert.match(first, / 8589934597 /);
});

test('name and size come back, in octal and in base 256', () => {
	for (const size of [0, 1, 511, 8 ** 11 - 1, 8 ** 11, 2 ** 40 + 3, Number.MAX_SAFE_INTEGER]) {
		assert.deepEqual(decodeTarHeader(encodeTarHeader('some/name', size, mtime), mtime), { name: 'some/name', size });
	}
	assert.equal(decodeTarHeader(new Uint8Array(512), mtime), 'end');
});

test('a header with any byte changed means another member or nothing', () => {
	const header = encodeTarHeader('some/name', 12_345, mtime);
	for (let at = 0; at < header.length; at++) {
		for (const byte of [0, 0x20, 0x31, 0xff]) {
			if (header[at] === byte) continue;
			assert.equal(decodeTarHeader(header.with(at, byte), mtime), undefined, `byte ${at}`);
		}
	}
	assert.equal(decodeTarHeader(header, mtime + 1), undefined);
	assert.equal(decodeTarHeader(header.subarray(1), mtime), undefined);
});

test('names that lead elsewhere, and sizes that are none, are refused', () => {
	for (const name of ['', '/a', 'a/', 'a//b', '../a', 'a/./b', 'ä', 'a b', 'a\n', 'x'.repeat(101)]) {
		assert.equal(isTarName(name), false, name);
		assert.throws(() => encodeTarHeader(name, 0, mtime), RangeError);
	}
	for (const size of [-1, 0.5, 2 ** 53]) assert.throws(() => encodeTarHeader('a', size, mtime), RangeError);
});
