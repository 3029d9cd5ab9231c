// The rules for the graph of a workflow, each broken alone, and creating, reading, listing and deleting workflows.
import type { Chapter, Step } from '../step.ts';
import { direct, pair, single, walk, workflow } from './workflows.ts';

const post = 'north POST workflows';

const bad: Readonly<Record<string, unknown>> = {
	'state twice': workflow('w', ['A', 'A'], []),
	'state three times': workflow('w', ['A', 'B', 'A', 'A'], [['A', 'B', 'WFX']]),
	'state in two groups': workflow('w', ['A', 'B'], [['A', 'B', 'WFX']], { G: ['A'], H: ['A'] }),
	'state twice in one group': workflow('w', ['A', 'B'], [['A', 'B', 'WFX']], { G: ['A', 'A'] }),
	'group twice': {
		...pair,
		groups: [
			{ name: 'G', states: ['A'] },
			{ name: 'G', states: ['B'] },
		],
	},
	'unknown from': workflow('w', ['A', 'B'], [['X', 'B', 'WFX']]),
	'unknown to': workflow('w', ['A', 'B'], [['A', 'X', 'WFX']]),
	'unknown both': workflow('w', ['A'], [['X', 'Y', 'WFX']]),
	'transition twice': workflow(
		'w',
		['A', 'B'],
		[
			['A', 'B', 'WFX'],
			['A', 'B', 'WFX'],
		],
	),
	'transition twice with different action': workflow(
		'w',
		['A', 'B'],
		[
			['A', 'B', 'WFX', 'WAIT'],
			['A', 'B', 'WFX', 'IMMEDIATE'],
		],
	),
	'loop twice': workflow(
		'w',
		['A', 'B'],
		[
			['A', 'B', 'WFX'],
			['A', 'A', 'CLIENT'],
			['A', 'A', 'CLIENT'],
		],
	),
	'two immediate from a state': workflow(
		'w',
		['A', 'B', 'C'],
		[
			['A', 'B', 'WFX', 'IMMEDIATE'],
			['A', 'C', 'WFX', 'IMMEDIATE'],
		],
	),
	'immediate beside wait': workflow(
		'w',
		['A', 'B', 'C'],
		[
			['A', 'B', 'WFX', 'IMMEDIATE'],
			['A', 'C', 'WFX'],
		],
	),
	'immediate beside a loop': workflow(
		'w',
		['A', 'B'],
		[
			['A', 'B', 'WFX', 'IMMEDIATE'],
			['A', 'A', 'WFX'],
		],
	),
	'no state': workflow('w', [], []),
	'two initial states': workflow(
		'w',
		['A', 'B', 'C'],
		[
			['A', 'C', 'WFX'],
			['B', 'C', 'WFX'],
		],
	),
	island: workflow('w', ['A', 'B', 'C'], [['A', 'B', 'WFX']]),
	'two states without edge': workflow('w', ['A', 'B'], []),
	cycle: workflow(
		'w',
		['A', 'B'],
		[
			['A', 'B', 'WFX'],
			['B', 'A', 'WFX'],
		],
	),
	'cycle of three': workflow(
		'w',
		['A', 'B', 'C'],
		[
			['A', 'B', 'WFX'],
			['B', 'C', 'WFX'],
			['C', 'A', 'WFX'],
		],
	),
	'cycle behind the start': workflow(
		'w',
		['A', 'B', 'C'],
		[
			['A', 'B', 'WFX'],
			['B', 'C', 'WFX'],
			['C', 'B', 'WFX'],
		],
	),
	'state twice before group twice': {
		...workflow('w', ['A', 'A'], []),
		groups: [
			{ name: 'G', states: ['A'] },
			{ name: 'G', states: ['A'] },
		],
	},
	'overlap before group twice': {
		...pair,
		groups: [
			{ name: 'G', states: ['A'] },
			{ name: 'G', states: ['A'] },
		],
	},
	'group twice before unknown state': {
		...workflow('w', ['A'], [['A', 'X', 'WFX']]),
		groups: [
			{ name: 'G', states: ['A'] },
			{ name: 'G', states: ['B'] },
		],
	},
	'unknown state before duplicate': workflow(
		'w',
		['A', 'B'],
		[
			['A', 'B', 'WFX'],
			['A', 'B', 'WFX'],
			['A', 'X', 'WFX'],
		],
	),
	'duplicate before two immediate': workflow(
		'w',
		['A', 'B'],
		[
			['A', 'B', 'WFX', 'IMMEDIATE'],
			['A', 'B', 'WFX', 'IMMEDIATE'],
		],
	),
	'impossible before initial': workflow(
		'w',
		['A', 'B', 'C'],
		[
			['A', 'B', 'WFX', 'IMMEDIATE'],
			['A', 'B', 'CLIENT'],
		],
	),
	'initial before cycle': workflow(
		'w',
		['A', 'B', 'C', 'D'],
		[
			['A', 'B', 'WFX'],
			['B', 'A', 'WFX'],
			['C', 'D', 'WFX'],
		],
	),
};

const good: Readonly<Record<string, unknown>> = {
	'single state': single,
	'client immediate is walked by nobody': workflow('client-immediate', ['A', 'B'], [['A', 'B', 'CLIENT', 'IMMEDIATE']]),
	'same edge for both actors': workflow(
		'both-actors',
		['A', 'B'],
		[
			['A', 'B', 'CLIENT'],
			['A', 'B', 'WFX'],
		],
	),
	'loop on the only state': workflow('loop', ['A'], [['A', 'A', 'CLIENT']]),
	'loop on the initial state': workflow(
		'loop-initial',
		['A', 'B'],
		[
			['A', 'A', 'CLIENT'],
			['A', 'B', 'CLIENT'],
		],
	),
	diamond: workflow(
		'diamond',
		['A', 'B', 'C', 'D'],
		[
			['A', 'B', 'WFX'],
			['A', 'C', 'WFX'],
			['B', 'D', 'WFX'],
			['C', 'D', 'WFX'],
		],
	),
	'group names unknown states': workflow('unknown-in-group', ['A'], [], { G: ['X', 'Y'] }),
	'immediate loop': workflow(
		'immediate-chain',
		['A', 'B', 'C'],
		[
			['A', 'B', 'WFX', 'IMMEDIATE'],
			['B', 'C', 'WFX', 'IMMEDIATE'],
		],
	),
	walk: walk,
	direct: direct,
};

/** States listed from the end to the start: wfx refuses it, though the graph is valid. */
const backwards = workflow(
	'backwards',
	['C', 'B', 'A'],
	[
		['A', 'B', 'WFX'],
		['B', 'C', 'WFX'],
	],
);

const life: Step[] = [
	{ name: 'same name again', send: post, json: single },
	{ name: 'same name again, other content', send: post, json: workflow('single', ['X', 'Y'], [['X', 'Y', 'WFX']]) },
	{ name: 'same name and invalid', send: post, json: workflow('single', ['X', 'X'], []) },
	{ name: 'name in another case', send: post, json: { ...single, name: 'SINGLE' } },
	{ name: 'read', send: 'north GET workflows/walk' },
	{ name: 'read south', send: 'south GET workflows/walk' },
	{ name: 'read in another case', send: 'north GET workflows/Walk' },
	{ name: 'read unknown', send: 'north GET workflows/none' },
	{ name: 'read with an unknown parameter', send: 'north GET workflows/walk?x=1' },
	{ name: 'list', send: 'north GET workflows' },
	{ name: 'list south', send: 'south GET workflows' },
	{ name: 'list descending', send: 'north GET workflows?sort=desc' },
	{ name: 'list two', send: 'north GET workflows?limit=2' },
	{ name: 'list two after one', send: 'north GET workflows?limit=2&offset=1' },
	{ name: 'list past the end', send: 'north GET workflows?offset=100' },
	{ name: 'list with pagination', send: 'north GET workflows?limit=3&offset=2&pagination=true' },
	{ name: 'list with pagination past the end', send: 'north GET workflows?offset=100&pagination=true' },
	{ name: 'list none', send: 'north GET workflows?limit=0' },
	{ name: 'list minus one', send: 'north GET workflows?limit=-1' },
	{ name: 'list negative offset', send: 'north GET workflows?offset=-1' },
	{ name: 'list sort empty', send: 'north GET workflows?sort=' },
	{ name: 'list sort upper case', send: 'north GET workflows?sort=DESC' },
	{ name: 'list ignores a job filter', send: 'north GET workflows?clientId=x&state=y&limit=1' },
	{ name: 'create a job', send: 'north POST jobs', json: { clientId: 'c', workflow: 'walk' }, keep: { job: 'id' } },
	{ name: 'delete in use', send: 'north DELETE workflows/walk' },
	{ name: 'still there', send: 'north GET workflows/walk' },
	{ name: 'delete the job', send: 'north DELETE jobs/<job>' },
	{ name: 'delete', send: 'north DELETE workflows/walk' },
	{ name: 'delete again', send: 'north DELETE workflows/walk' },
	{ name: 'read after delete', send: 'north GET workflows/walk' },
	{ name: 'delete name with space', send: 'north DELETE workflows/a%20b' },
	{ name: 'delete name with quote and markup', send: 'north DELETE workflows/%27%22%3Cb%3E' },
	{ name: 'create again after delete', send: post, json: walk },
	// Last, because a server that accepts it must not differ in anything else.
	{ name: 'states listed backwards', send: post, json: backwards },
];

const entries = (cases: Readonly<Record<string, unknown>>): Step[] =>
	Object.entries(cases).map(([name, json]) => ({ name, send: post, json }));

export const workflowRules: Chapter = {
	name: 'workflow-rules',
	about: 'the rules for the graph of a workflow, and the life of workflows',
	steps: [...entries(bad), ...entries(good), ...life],
};
