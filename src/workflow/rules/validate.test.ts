// The rules of validity: one file of testdata a rule, a comparison with wfx's own algorithm on random graphs, and sizes.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Workflow, WorkflowTransition } from './model.ts';
import { parseWorkflow } from './parse.ts';
import { validateWorkflow } from './validate.ts';

const data = new URL('../../../testdata/workflow/', import.meta.url);

for (const folder of ['good/', 'warned/']) {
	for (const file of readdirSync(new URL(folder, data))) {
		test(`${folder}${file} is valid`, () => {
			assert.equal(validateWorkflow(parseWorkflow(readFileSync(new URL(folder + file, data), 'utf8'))), undefined);
		});
	}
}

for (const file of readdirSync(new URL('bad/', data))) {
	const text = readFileSync(new URL(`bad/${file}`, data), 'utf8');
	const [, rule = '', message] = /^# ([\w-]+): (.*)/.exec(text) ?? [];
	if (rule === 'schema') continue;
	test(`bad/${file} breaks ${rule}`, () => {
		const problem = validateWorkflow(parseWorkflow(text));
		assert.deepEqual([problem?.rule, problem?.message], [rule, message]);
	});
}

test('the rules are tried in the order of wfx: states, groups, transitions, shape', () => {
	const rules: (string | undefined)[] = [];
	let broken: Workflow = {
		name: 'x',
		states: [{ name: 'A' }, { name: 'B' }, { name: 'B' }],
		groups: [
			{ name: 'G', states: ['A'] },
			{ name: 'G', states: ['A'] },
		],
		transitions: [
			{ from: 'A', to: 'B', eligible: 'WFX', action: 'IMMEDIATE' },
			{ from: 'A', to: 'B', eligible: 'WFX', action: 'IMMEDIATE' },
			{ from: 'A', to: 'C', eligible: 'WFX' },
		],
	};
	const mend = (change: Partial<Workflow>) => {
		rules.push(validateWorkflow(broken)?.rule);
		broken = { ...broken, ...change };
	};
	mend({ states: [{ name: 'A' }, { name: 'B' }, { name: 'D' }] });
	mend({
		groups: [
			{ name: 'G', states: ['A'] },
			{ name: 'G', states: ['B'] },
		],
	});
	mend({ groups: [] });
	mend({ transitions: broken.transitions.slice(0, 2) });
	mend({
		transitions: [...broken.transitions.slice(0, 1), { from: 'A', to: 'D', eligible: 'WFX', action: 'IMMEDIATE' }],
	});
	mend({ transitions: [...broken.transitions.slice(0, 1), { from: 'A', to: 'A', eligible: 'WFX' }] });
	mend({ transitions: broken.transitions.slice(0, 1) });
	mend({
		transitions: [
			{ from: 'A', to: 'B', eligible: 'WFX' },
			{ from: 'B', to: 'A', eligible: 'WFX' },
			{ from: 'B', to: 'D', eligible: 'WFX' },
		],
	});
	mend({
		transitions: [
			{ from: 'A', to: 'B', eligible: 'WFX' },
			{ from: 'B', to: 'D', eligible: 'WFX' },
		],
	});
	mend({});
	assert.deepEqual(rules, [
		'state-unique',
		'state-in-one-group',
		'group-unique',
		'transition-known-states',
		'transition-unique',
		'immediate-unique',
		'immediate-alone',
		'initial-unique',
		'acyclic',
		undefined,
	]);
});

test('names that hold separators are not confused with each other', () => {
	const states = ['A', 'A -> B', 'B', 'B -> C', 'C'].map((name) => ({ name }));
	const edge = (from: string, to: string): WorkflowTransition => ({ from, to, eligible: 'CLIENT' });
	const transitions = [edge('A', 'B -> C'), edge('A -> B', 'C'), edge('A', 'A -> B'), edge('A', 'B')];
	assert.equal(validateWorkflow({ name: 'x', states, transitions }), undefined);
});

test('the detail names the states that nothing leads to, or that cannot be reached', () => {
	const states = ['A', 'B', 'C'].map((name) => ({ name }));
	const edge = (from: string, to: string): WorkflowTransition => ({ from, to, eligible: 'WFX' });
	const detail = (transitions: WorkflowTransition[]) => validateWorkflow({ name: 'x', states, transitions })?.detail;
	assert.equal(detail([edge('A', 'C')]), 'no other state leads to A, B');
	assert.equal(detail([edge('B', 'C'), edge('C', 'B')]), 'not every state can be reached from A: B, C');
	assert.equal(validateWorkflow({ name: 'x', states: [], transitions: [] })?.detail, 'the workflow has no states');
});

/** wfx's own walk (siemens/wfx 0.6.0, workflow/dfs.go), over states in the order `order`. */
function wfxVerdict(order: readonly string[], transitions: readonly WorkflowTransition[]): string | undefined {
	const mark = new Map<string, 'on the path' | 'left'>();
	let cycle = false;
	const visit = (state: string): void => {
		mark.set(state, 'on the path');
		for (const { from, to } of transitions) {
			if (from !== state || to === from) continue;
			if (mark.get(to) === undefined) visit(to);
			else if (mark.get(to) === 'on the path') cycle = true;
		}
		mark.set(state, 'left');
	};
	let roots = 0;
	for (const state of order) {
		if (mark.has(state)) continue;
		roots++;
		visit(state);
	}
	if (roots !== 1) return 'initial-unique';
	return cycle ? 'acyclic' : undefined;
}

function permutations<T>(values: readonly T[]): T[][] {
	if (values.length === 0) return [[]];
	return values.flatMap((value, index) =>
		permutations(values.filter((_, other) => other !== index)).map((rest) => [value, ...rest]),
	);
}

/** Random numbers from 0 to 1 that are the same in every run (mulberry32). */
function randomNumbers(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

test('a random graph is valid exactly if wfx accepts it in some order of its states, and no order changes the verdict', () => {
	const random = randomNumbers(1);
	const verdicts = new Map<string | undefined, number>();
	for (let round = 0; round < 1500; round++) {
		const names = ['A', 'B', 'C', 'D', 'E'].slice(0, 1 + Math.floor(random() * 5));
		const density = random() * 0.6;
		const transitions = names.flatMap((from) =>
			names.flatMap((to): WorkflowTransition[] => (random() < density ? [{ from, to, eligible: 'CLIENT' }] : [])),
		);
		const orders = permutations(names);
		const theirs = orders.map((order) => wfxVerdict(order, transitions));
		// Where no order is accepted, the kindest verdict counts: a cycle, if some order gets as far as that.
		const expected = theirs.includes(undefined) ? undefined : theirs.includes('acyclic') ? 'acyclic' : 'initial-unique';
		for (const order of orders) {
			const states = order.map((name) => ({ name }));
			assert.equal(validateWorkflow({ name: 'x', states, transitions })?.rule, expected, JSON.stringify(transitions));
		}
		verdicts.set(expected, (verdicts.get(expected) ?? 0) + 1);
	}
	for (const verdict of [undefined, 'acyclic', 'initial-unique']) assert.ok((verdicts.get(verdict) ?? 0) > 50);
});

test('where wfx accepts the order of the states, the cycle is the one that wfx names', () => {
	const states = ['A', 'B', 'C', 'D'].map((name) => ({ name }));
	const edge = (from: string, to: string): WorkflowTransition => ({ from, to, eligible: 'CLIENT' });
	const transitions = [edge('A', 'B'), edge('B', 'C'), edge('C', 'B'), edge('C', 'D')];
	assert.equal(validateWorkflow({ name: 'x', states, transitions })?.message, 'workflow contains cycle from B to C');
});

test('a path through as many states as wfx allows does not exhaust the stack, listed in either direction', () => {
	const states = Array.from({ length: 4096 }, (_, index) => ({ name: `S${index}` }));
	const transitions = states.slice(1).map(({ name }, index): WorkflowTransition => {
		return { from: `S${index}`, to: name, eligible: 'CLIENT' };
	});
	assert.equal(validateWorkflow({ name: 'x', states, transitions }), undefined);
	assert.equal(validateWorkflow({ name: 'x', states: [...states].reverse(), transitions }), undefined);
	const back: WorkflowTransition = { from: 'S4095', to: 'S0', eligible: 'WFX' };
	const problem = validateWorkflow({ name: 'x', states, transitions: [...transitions, back] });
	assert.equal(problem?.message, 'workflow contains cycle from S0 to S4095');
});
