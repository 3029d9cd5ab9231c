// docs/trust.md names a test for each clause of the client workflow, and explains each code: this keeps it true.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { refusalMeanings } from '../rules/client/refusal.ts';

const page = readFileSync(new URL('../../../docs/trust.md', import.meta.url), 'utf8');
const sources = readdirSync(import.meta.dirname)
	.filter((name) => name.endsWith('.test.ts') && name !== 'documentation.test.ts')
	.map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'))
	.join('\n');

/** Rows of the table of clauses: clause and name of the test. */
const rows = page
	.slice(page.indexOf('## The client workflow'))
	.split('\n')
	.map((line) => /^\| (5\.[\d., ]+|4[\d.]*|1\.5\.2|TAP 15) \|[^|]*\| (.+) \|$/.exec(line))
	.flatMap((match) => (match === null ? [] : [[match[1] as string, match[2] as string] as const]));

/** Titles that a table of cases puts together: the changing part may be any text. */
const templates = [...sources.matchAll(/test\(\s*`([^`]+)`/g)].map(([, title]) => {
	const parts = (title as string).split(/\$\{[^}]*\}/).map((part) => part.replace(/[.*+?^$()|[\]\\{}]/g, '\\$&'));
	return { pattern: new RegExp(`^${parts.join('(.+)')}$`), fixed: parts.join('').length };
});

/** Whether a test of this name runs: written out, or a template whose changing parts are written out as cases. */
function exists(title: string): boolean {
	const written = (text: string) => sources.includes(`'${text}'`);
	if (written(title)) return true;
	return templates.some(({ pattern, fixed }) => {
		const found = pattern.exec(title);
		return found !== null && fixed > 4 && found.slice(1).every((part) => written(part));
	});
}

test('every test that the page names exists', () => {
	assert.ok(rows.length > 60, String(rows.length));
	assert.deepEqual(
		rows.filter(([, title]) => !exists(title)),
		[],
	);
	assert.equal(exists('an unsigned mirror is refused'), false);
	assert.equal(exists('a test that nobody wrote'), false);
});

test('every clause from 5.1 to 5.7.3 has a row', () => {
	const clauses = new Set(rows.flatMap(([clause]) => clause.split(', ')));
	const counts = { '5.3': 12, '5.4': 5, '5.5': 7, '5.6': 7 };
	const expected = Object.entries(counts).flatMap(([section, count]) =>
		Array.from({ length: count }, (_, index) => `${section}.${index + 1}`),
	);
	const missing = ['5.1', '5.2', ...expected, '5.7.2', '5.7.3'].filter(
		(clause) => ![...clauses].some((one) => one === clause || one.startsWith(`${clause}.`)),
	);
	assert.deepEqual(missing, []);
});

test('every code of a refusal is explained', () => {
	for (const code of Object.keys(refusalMeanings)) assert.ok(page.includes(`| \`${code}\` |`), code);
});
