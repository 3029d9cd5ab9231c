// Server-sent events: the frames that one sequence of changes sends to subscribers with each kind of filter.
import type { Chapter, Step } from '../step.ts';
import { pair, walk } from './workflows.ts';

const open = (name: string, query: string, port = 'north'): Step => ({
	name: `open ${name}`,
	send: `${port} GET jobs/events${query}`,
	events: `open ${name}`,
});

const STREAMS: readonly (readonly [name: string, query: string])[] = [
	['all', ''],
	['all with tags', '?tags=plant,line'],
	['by client', '?clientIds=device'],
	['by two clients', '?clientIds=device,other'],
	['by job', '?jobIds=<before>'],
	['by workflow', '?workflows=walk'],
	['by unknown workflow', '?workflows=none'],
	['by client or job', '?clientIds=other&jobIds=<before>'],
	['by action', '?actions=CREATE'],
	['by action in lower case', '?actions=update_status,Delete'],
	['by action or client', '?actions=DELETE&clientIds=other'],
	['by empty client', '?clientIds='],
	['by empty job', '?jobIds='],
	['with an unknown parameter', '?nothing=1'],
	['with empty tags', '?tags='],
	['in the older spelling', '?clientId=device'],
];

const changes: Step[] = [
	{
		name: 'create',
		send: 'north POST jobs',
		json: { clientId: 'device', workflow: 'walk', tags: ['z', 'a'], definition: { v: 1 } },
		keep: { job: 'id' },
	},
	{
		name: 'create other',
		send: 'north POST jobs',
		json: { clientId: 'other', workflow: 'pair' },
		keep: { other: 'id' },
	},
	{
		name: 'to WORK',
		send: 'south PUT jobs/<job>/status',
		json: { state: 'WORK', clientId: 'x', progress: 5, message: 'ü<b>', context: { a: [1] } },
	},
	{ name: 'same state', send: 'south PUT jobs/<job>/status', json: { state: 'WORK', progress: 6 } },
	{ name: 'refused', send: 'south PUT jobs/<job>/status', json: { state: 'DONE' } },
	{ name: 'add tags', send: 'north POST jobs/<job>/tags', json: ['m'] },
	{ name: 'delete tags', send: 'north DELETE jobs/<job>/tags', json: ['z'] },
	{ name: 'delete an unknown tag', send: 'north DELETE jobs/<job>/tags', json: ['never'] },
	{ name: 'definition', send: 'north PUT jobs/<job>/definition', json: { v: 2 } },
	{ name: 'definition empty', send: 'north PUT jobs/<job>/definition', json: {} },
	{ name: 'hop', send: 'south PUT jobs/<job>/status', json: { state: 'CHECK', message: 'dropped' } },
	{ name: 'approve', send: 'north PUT jobs/<job>/status', json: { state: 'DONE' } },
	{ name: 'other to B', send: 'south PUT jobs/<other>/status', json: { state: 'B' } },
	{ name: 'before to B', send: 'south PUT jobs/<before>/status', json: { state: 'B', clientId: 'someone' } },
	{ name: 'delete', send: 'north DELETE jobs/<job>' },
	{ name: 'delete again', send: 'north DELETE jobs/<job>' },
	{ name: 'new workflow sends nothing', send: 'north POST workflows', json: { ...pair, name: 'new' } },
];

export const events: Chapter = {
	name: 'events',
	about: 'frames of one sequence of changes for each kind of subscription',
	steps: [
		{ name: 'workflow pair', send: 'north POST workflows', json: pair },
		{ name: 'workflow walk', send: 'north POST workflows', json: walk },
		{
			name: 'create before',
			send: 'north POST jobs',
			json: { clientId: 'third', workflow: 'pair' },
			keep: { before: 'id' },
		},
		{ name: 'unknown action', send: 'north GET jobs/events?actions=NONE' },
		{ name: 'unknown action beside a known', send: 'south GET jobs/events?actions=CREATE,NONE' },
		{ name: 'empty action', send: 'north GET jobs/events?actions=' },
		{ name: 'action with a space', send: 'north GET jobs/events?actions=CREATE,%20DELETE' },
		{ name: 'repeated client', send: 'north GET jobs/events?clientIds=other&clientIds=device' },
		...STREAMS.map(([name, query]) => open(name.replaceAll(' ', '-'), query)),
		open('south', '?clientIds=device', 'south'),
		...changes,
		...[...STREAMS.map(([name]) => name.replaceAll(' ', '-')), 'south'].map((name) => ({
			name: `read ${name}`,
			send: '',
			events: `read ${name}`,
		})),
	],
};
