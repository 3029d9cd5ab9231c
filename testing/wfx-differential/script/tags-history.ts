// Tags: adding, deleting, limits, order. History: what a sequence of all kinds of changes leaves behind.
import type { Chapter, Step } from '../step.ts';
import { pair, walk } from './workflows.ts';

const add = 'north POST jobs/<job>/tags';
const del = 'north DELETE jobs/<job>/tags';
const many = (from: number, count: number) =>
	Array.from({ length: count }, (_, i) => `m${String(from + i).padStart(2, '0')}`);

const bad: Readonly<Record<string, unknown>> = {
	'empty array': [],
	'null body': null,
	object: {},
	string: 'a',
	number: 1,
	'of numbers': [1],
	'of null': [null],
	'of arrays': [['a']],
	'second bad': ['a', 2],
	'two bad': [1, 2],
};

const tagSteps: Step[] = [
	{ name: 'workflow pair', send: 'north POST workflows', json: pair },
	{ name: 'create', send: 'north POST jobs', json: { clientId: 'c', workflow: 'pair' }, keep: { job: 'id' } },
	{ name: 'none yet', send: 'south GET jobs/<job>/tags' },
	...Object.entries(bad).flatMap(([name, json]) => [
		{ name: `add, bad: ${name}`, send: add, json },
		{ name: `delete, bad: ${name}`, send: del, json },
	]),
	{ name: 'add without a body', send: add },
	{ name: 'delete without a body', send: del },
	{ name: 'add as text', send: add, text: '["a"]', type: 'text/plain' },
	{ name: 'add trailing garbage', send: add, text: '["trail"] x' },
	{ name: 'add two unsorted', send: add, json: ['b', 'a'] },
	{ name: 'add one again', send: add, json: ['a'] },
	{ name: 'add twice in one request', send: add, json: ['c', 'c'] },
	{ name: 'add old and new', send: add, json: ['b', 'd'] },
	{ name: 'add empty text', send: add, json: [''] },
	{ name: 'add with upper case and beyond ASCII', send: add, json: ['A', 'ü', 'Z', '😀', '\uffee'] },
	{ name: 'read', send: 'south GET jobs/<job>/tags' },
	{ name: 'job', send: 'south GET jobs/<job>' },
	{ name: 'delete one', send: del, json: ['a'] },
	{ name: 'delete it again', send: del, json: ['a'] },
	{ name: 'delete unknown', send: del, json: ['never'] },
	{ name: 'delete known and unknown', send: del, json: ['b', 'never'] },
	{ name: 'delete twice in one request', send: del, json: ['c', 'c'] },
	{ name: 'delete a tag of nobody', send: del, json: ['d', '', 'A', 'ü', 'Z', '😀', '\uffee', 'trail'] },
	{ name: 'none left', send: 'south GET jobs/<job>/tags' },
	{ name: 'job without tags', send: 'south GET jobs/<job>' },
	{ name: 'add 16', send: add, json: many(0, 16) },
	{ name: 'add the 17th', send: add, json: many(16, 1) },
	{ name: 'add 17 at once', send: add, json: many(20, 17) },
	{ name: 'read all', send: 'south GET jobs/<job>/tags' },
	{ name: 'add long', send: add, json: ['t'.repeat(300)] },
	{ name: 'add with markup', send: add, json: ['<b>&"'] },
	{ name: 'filter on add', send: add, json: ['f'], headers: { 'x-response-filter': 'length' } },
	{ name: 'filter on delete', send: del, json: ['f'], headers: { 'x-response-filter': 'length' } },
	{ name: 'filter on read', send: 'south GET jobs/<job>/tags', headers: { 'x-response-filter': '.[0]' } },
	{ name: 'list by an added tag', send: 'north GET jobs?tag=m36' },
];

const historySteps: Step[] = [
	{ name: 'workflow walk', send: 'north POST workflows', json: walk },
	{
		name: 'create',
		send: 'north POST jobs',
		json: { clientId: 'device', workflow: 'walk', definition: { v: 1 }, tags: ['start'] },
		keep: { job: 'id' },
	},
	{ name: 'none yet', send: 'north GET jobs/<job>?history=true' },
	{
		name: 'to WORK',
		send: 'south PUT jobs/<job>/status',
		json: { state: 'WORK', clientId: 'me', progress: 1, message: 'one', context: { n: 1 } },
	},
	{ name: 'after one change', send: 'north GET jobs/<job>?history=true' },
	{ name: 'add a tag', send: 'north POST jobs/<job>/tags', json: ['t'] },
	{ name: 'after a tag', send: 'north GET jobs/<job>?history=true' },
	{ name: 'add the same tag', send: 'north POST jobs/<job>/tags', json: ['t'] },
	{ name: 'after the same tag', send: 'north GET jobs/<job>?history=true' },
	{ name: 'delete an unknown tag', send: 'north DELETE jobs/<job>/tags', json: ['never'] },
	{ name: 'after an unknown tag', send: 'north GET jobs/<job>?history=true' },
	{ name: 'replace the definition', send: 'north PUT jobs/<job>/definition', json: { v: 2 } },
	{ name: 'after a definition', send: 'north GET jobs/<job>?history=true' },
	{ name: 'refused report', send: 'south PUT jobs/<job>/status', json: { state: 'DONE' } },
	{ name: 'after a refusal', send: 'north GET jobs/<job>?history=true' },
	{ name: 'hop', send: 'south PUT jobs/<job>/status', json: { state: 'CHECK', progress: 50, message: 'dropped' } },
	{ name: 'after the hop', send: 'north GET jobs/<job>?history=true' },
	{ name: 'approve', send: 'north PUT jobs/<job>/status', json: { state: 'DONE', clientId: 'operator' } },
	{ name: 'at the end', send: 'south GET jobs/<job>?history=true' },
	{ name: 'without history', send: 'south GET jobs/<job>' },
	{ name: 'newest entry', send: 'south GET jobs/<job>?history=true', headers: { 'x-response-filter': '.history[0]' } },
	{
		name: 'states in the order kept',
		send: 'south GET jobs/<job>?history=true',
		headers: { 'x-response-filter': '[.history[].status.state]' },
	},
	{ name: 'list has no history', send: 'north GET jobs?history=true' },
];

/** Equal reports in a row: wfx keeps an entry for each. */
const repeatSteps: Step[] = [
	{ name: 'workflow walk', send: 'north POST workflows', json: walk },
	{ name: 'create', send: 'north POST jobs', json: { clientId: 'device', workflow: 'walk' }, keep: { job: 'id' } },
	...[1, 2, 3, 4, 5].map((round) => ({
		name: `equal report ${round}`,
		send: 'south PUT jobs/<job>/status',
		json: { state: 'WORK', clientId: 'device', progress: 10 },
	})),
	{ name: 'status after equal reports', send: 'south GET jobs/<job>/status' },
	{ name: 'job after equal reports', send: 'south GET jobs/<job>' },
	{ name: 'history after equal reports', send: 'south GET jobs/<job>?history=true', pick: ['history'] },
	...[11, 12, 13].map((progress) => ({
		name: `progress ${progress}`,
		send: 'south PUT jobs/<job>/status',
		json: { state: 'WORK', clientId: 'device', progress },
	})),
	{ name: 'job after progress', send: 'south GET jobs/<job>' },
	{ name: 'history after progress', send: 'south GET jobs/<job>?history=true', pick: ['history'] },
];

export const tags: Chapter = { name: 'tags', about: 'adding and deleting tags', steps: tagSteps };
export const history: Chapter = {
	name: 'history',
	about: 'what each kind of change leaves in the history',
	steps: historySteps,
};
export const repeats: Chapter = {
	name: 'repeated-reports',
	about: 'equal reports and progress reports in a row',
	steps: repeatSteps,
};
