// docs/attacks.md names a test for each of the 22 rows: this keeps it true. docs/director.md explains each code.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { manifestFindingMeanings, orderFindingMeanings } from '../../src/trust/rules/director/findings.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

const rows = read('docs/attacks.md')
	.split('\n')
	.flatMap((line) => {
		const [, number, tests] = /^\| (\d+) \|.*\| ([^|]+) \|$/.exec(line) ?? [];
		return number === undefined ? [] : [{ number: Number(number), tests: (tests as string).split('; ') }];
	});

/** A title begins so, written out or as the name of a case in a table of cases. */
function isThere(source: string, row: number, title: string): boolean {
	if (source.includes(`'attack ${row}: ${title}`) || source.includes(`\`attack ${row}: ${title}`)) return true;
	if (source.includes(`'row ${row}: ${title}`)) return true;
	const escaped = title.replace(/[.*+?^$()|[\]\\{}]/g, '\\$&');
	return new RegExp(`row: ${row},\\s+name: '${escaped}`).test(source);
}

test('each of the 22 rows of the attack table names tests, and each of them exists', () => {
	assert.deepEqual(
		rows.map(({ number }) => number),
		Array.from({ length: 22 }, (_, index) => index + 1),
	);
	for (const { number, tests } of rows) {
		for (const named of tests) {
			const [, file, title] = /^`([^`]+)`: (.+)$/.exec(named.trim()) ?? [];
			assert.ok(file !== undefined && title !== undefined, `row ${number}: ${named}`);
			assert.ok(isThere(read(file), number, title), `row ${number}: ${file} has no test "${title}"`);
		}
	}
});

test('the page of the director explains every code of an order and of a manifest', () => {
	const page = read('docs/director.md');
	for (const code of [...Object.keys(orderFindingMeanings), ...Object.keys(manifestFindingMeanings)]) {
		assert.ok(page.includes(`| \`${code}\` |`), code);
	}
});
