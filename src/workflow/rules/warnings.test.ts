// What is legal and likely a mistake: one file of testdata a kind of warning.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { builtinWorkflow } from '../builtin.ts';
import { readWorkflow } from './parse.ts';
import { workflowWarnings } from './warnings.ts';

const folder = new URL('../../../testdata/workflow/warned/', import.meta.url);

for (const file of readdirSync(folder)) {
	const text = readFileSync(new URL(file, folder), 'utf8');
	const expected = text.slice(2, text.indexOf('\n'));
	test(`${file} has exactly this warning: ${expected}`, () => {
		const { workflow, warnings } = readWorkflow(text);
		const all = [...warnings, ...workflowWarnings(workflow)];
		assert.equal(all.length, 1);
		assert.ok(all[0]?.includes(expected), all[0]);
	});
}

test('a workflow with all states in groups has no warning', () => {
	assert.deepEqual(workflowWarnings(builtinWorkflow('wfx.workflow.dau.direct')), []);
});

test('many names are counted, not listed', () => {
	const states = Array.from({ length: 9 }, (_, index) => ({ name: `S${index}` }));
	const groups = [{ name: 'G', states: ['S0'] }];
	assert.deepEqual(workflowWarnings({ name: 'x', states, groups, transitions: [] }), [
		'final states in no group: S1, S2, S3, S4, S5 and 3 more; finished jobs in them cannot be queried by group',
	]);
});
