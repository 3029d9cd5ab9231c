// Text into workflows: what is accepted, what is refused and where, and that hostile text ends in an error, soon.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CaissonError } from '../../errors.ts';
import { builtinText, builtinWorkflowNames } from '../builtin.ts';
import { parseWorkflow, readWorkflow } from './parse.ts';
import { yamlLimits } from './yaml.ts';

const data = new URL('../../../testdata/workflow/', import.meta.url);

function refusal(text: string, format: 'yaml' | 'json' = 'yaml'): string {
	try {
		parseWorkflow(text, format);
	} catch (error) {
		assert.ok(error instanceof CaissonError, String(error));
		assert.equal(error.code, 'workflow-invalid');
		return error.message;
	}
	return assert.fail('it was accepted');
}

for (const file of readdirSync(new URL('bad/', data))) {
	const text = readFileSync(new URL(`bad/${file}`, data), 'utf8');
	const [, rule, message = ''] = /^# ([\w-]+): (.*)/.exec(text) ?? [];
	if (rule !== 'schema') continue;
	test(`bad/${file} is refused with its line and field`, () => {
		assert.ok(refusal(text).startsWith(message), refusal(text));
	});
}

for (const file of readdirSync(new URL('bad-json/', data))) {
	const text = readFileSync(new URL(`bad-json/${file}`, data), 'utf8');
	test(`bad-json/${file} is refused as JSON`, () => {
		assert.match(refusal(text, 'json'), /^not JSON: |^line 1: the key name is there twice$/);
	});
}

test('JSON is read as JSON and as YAML alike', () => {
	const text = readFileSync(new URL('good/json.json', data), 'utf8');
	const expected = JSON.parse(text);
	assert.deepEqual(parseWorkflow(text, 'json'), expected);
	assert.deepEqual(parseWorkflow(text), expected);
});

test('aliases and merge keys are resolved, and an empty optional field is absent', () => {
	const text = readFileSync(new URL('good/anchors.yaml', data), 'utf8');
	assert.deepEqual(parseWorkflow(text), {
		name: 'anchors',
		states: [{ name: 'A' }, { name: 'B' }, { name: 'C' }],
		transitions: [
			{ from: 'A', to: 'B', eligible: 'CLIENT' },
			{ from: 'A', to: 'C', eligible: 'CLIENT' },
		],
	});
});

test('every field is kept and unknown ones are left out with a warning', () => {
	const text = `name: x
description: d
states: [{ name: A, description: a, x-1: 2 }]
groups: [{ name: G, description: g, states: [A] }]
transitions: [{ from: A, to: A, eligible: WFX, action: WAIT, description: t }]
"odd key\\n": 1
`;
	const { workflow, warnings } = readWorkflow(text);
	assert.deepEqual(workflow, {
		name: 'x',
		description: 'd',
		states: [{ name: 'A', description: 'a' }],
		groups: [{ name: 'G', description: 'g', states: ['A'] }],
		transitions: [{ from: 'A', to: 'A', eligible: 'WFX', action: 'WAIT', description: 't' }],
	});
	assert.deepEqual(warnings, [
		'line 6: "odd key\\n" is unknown and ignored',
		'line 3: states[0].x-1 is unknown and ignored',
	]);
});

test('after twenty warnings the rest are counted', () => {
	const extra = Array.from({ length: 25 }, (_, index) => `k${index}: 1`).join('\n');
	const { warnings } = readWorkflow(`name: x\nstates: [{ name: A }]\ntransitions: []\n${extra}\n`);
	assert.equal(warnings.length, 21);
	assert.equal(warnings.at(-1), '5 more unknown fields');
});

test('lengths are counted in characters, as in wfx', () => {
	const workflow = (description: string) =>
		`name: x\ndescription: "${description}"\nstates: [{name: A}]\ntransitions: []`;
	assert.equal([...(parseWorkflow(workflow('🚀'.repeat(1024))).description ?? '')].length, 1024);
	assert.equal(refusal(workflow('🚀'.repeat(1025))), 'line 2: description is longer than 1024 characters');
});

test('lists have the limits of wfx', () => {
	const states = (count: number) => Array.from({ length: count }, (_, index) => `- {name: S${index}}\n`).join('');
	const text = (count: number) => `name: x\ntransitions: []\nstates:\n${states(count)}`;
	assert.equal(parseWorkflow(text(4096)).states.length, 4096);
	assert.equal(refusal(text(4097)), 'line 4: states has 4097 entries; 4096 are allowed');
});

test('names of object properties are plain fields', () => {
	assert.equal(refusal('{"__proto__": {"name": "x"}, "constructor": 1}'), 'line 1: name is missing');
	const { warnings } = readWorkflow('{"name":"x","states":[{"name":"A"}],"transitions":[],"__proto__":{"a":1}}');
	assert.deepEqual(warnings, ['line 1: __proto__ is unknown and ignored']);
});

test('a text over the limit is refused unread', () => {
	const message = `the text is longer than ${yamlLimits.length} characters`;
	assert.equal(refusal(`name: x #${' '.repeat(yamlLimits.length)}`), message);
});

const hostile: Readonly<Record<string, string>> = {
	'nested lists': '['.repeat(1e6),
	'nested entries on one line': '- '.repeat(5e5),
	'nested mappings': '{a: '.repeat(2.5e5),
	'nested explicit keys': '? '.repeat(5e5),
	'nested indentation': Array.from({ length: 1400 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
	'closing brackets only': ']'.repeat(1e6),
	'commas only': `{${','.repeat(1e6)}`,
	'many aliases': '- &a b\n- *a\n'.repeat(8e4),
	'many merges': `x: &a {a: 1}\n${'<<: *a\n'.repeat(1e5)}`,
	'many tags': '!a '.repeat(3e5),
	'a control character': '\0',
	'a lone surrogate': 'name: \ud800',
};
for (const [what, text] of Object.entries(hostile)) {
	test(`hostile text is refused: ${what}`, () => {
		assert.notEqual(refusal(text), '');
	});
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

test('a mutated workflow gives a workflow or a CaissonError, never anything else', () => {
	const random = randomNumbers(2);
	const below = (limit: number) => Math.floor(random() * limit);
	const pieces = [
		'[',
		']',
		'{',
		'}',
		': ',
		'- ',
		'? ',
		'&a ',
		'*a',
		'!!binary ',
		'<<: ',
		'"',
		"'",
		'|\n',
		'\n',
		'\t',
		'#',
		'---\n',
		'%',
		'null',
		'~',
		'1e9',
		'\u0000',
		'\ud800',
		'🚀',
		'__proto__: ',
	];
	const sources = builtinWorkflowNames.map((name) => builtinText(name));
	const outcomes = { workflow: 0, refused: 0 };
	for (let round = 0; round < 1500; round++) {
		let text = sources[below(sources.length)] ?? '';
		for (let change = below(4); change >= 0; change--) {
			const at = below(text.length);
			const kind = below(3);
			const removed = kind === 0 ? 0 : below(kind === 1 ? 3 : 200);
			const added = kind === 2 ? text.slice(at, at + below(200)) : (pieces[below(pieces.length)] ?? '');
			text = text.slice(0, at) + added + text.slice(at + removed);
		}
		try {
			const workflow = parseWorkflow(text);
			assert.ok(workflow.states.every((state) => typeof state.name === 'string'));
			outcomes.workflow++;
		} catch (error) {
			assert.ok(error instanceof CaissonError && error.code === 'workflow-invalid', `${error}\n${text}`);
			outcomes.refused++;
		}
	}
	assert.ok(outcomes.workflow > 100 && outcomes.refused > 100, JSON.stringify(outcomes));
});
