// Every route with every method, on both ports, with nothing stored: what exists, what is refused southbound, what is
// not allowed, and the form of each refusal.
import type { Chapter, Step } from '../step.ts';

const TARGETS = [
	'workflows',
	'workflows/none',
	'jobs',
	'jobs/none',
	'jobs/none/status',
	'jobs/none/definition',
	'jobs/none/tags',
	'jobs/events?actions=NONE',
	'health',
	'version',
];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'];
const PORTS = ['north', 'south'];
const MASK: Readonly<Record<string, readonly string[]>> = {
	health: ['details.persistence.timestamp'],
	version: ['version', 'commit'],
};

const steps: Step[] = PORTS.flatMap((port) =>
	TARGETS.flatMap((target) =>
		METHODS.map((method) => {
			const mask = MASK[target];
			return {
				name: `${port} ${method} ${target}`,
				send: `${port} ${method} ${target}`,
				...(method === 'GET' && mask !== undefined ? { mask } : {}),
			};
		}),
	),
);

/** Bodies where a route wants one: southbound refuses before or after it has checked the body, which shows here. */
const refused: Step[] = [
	{ name: 'south POST jobs, good body', send: 'south POST jobs', json: { clientId: 'c', workflow: 'none' } },
	{ name: 'south POST jobs, bad body', send: 'south POST jobs', json: { clientId: 'c' } },
	{ name: 'south POST jobs, no JSON', send: 'south POST jobs', text: '{' },
	{
		name: 'south POST workflows, good body',
		send: 'south POST workflows',
		json: { name: 'w', states: [{ name: 'A' }], transitions: [] },
	},
	{ name: 'south POST workflows, bad body', send: 'south POST workflows', json: {} },
	{ name: 'south POST tags, good body', send: 'south POST jobs/none/tags', json: ['a'] },
	{ name: 'south POST tags, bad body', send: 'south POST jobs/none/tags', json: [] },
	{ name: 'south DELETE tags, good body', send: 'south DELETE jobs/none/tags', json: ['a'] },
	{ name: 'north POST tags, unknown job', send: 'north POST jobs/none/tags', json: ['a'] },
	{ name: 'north DELETE tags, unknown job', send: 'north DELETE jobs/none/tags', json: ['a'] },
	{ name: 'north PUT status, unknown job', send: 'north PUT jobs/none/status', json: { state: 'A' } },
	{ name: 'south PUT status, unknown job', send: 'south PUT jobs/none/status', json: { state: 'A' } },
	{ name: 'north PUT definition, unknown job', send: 'north PUT jobs/none/definition', json: { a: 1 } },
	{ name: 'south PUT definition, unknown job', send: 'south PUT jobs/none/definition', json: { a: 1 } },
	{ name: 'GET with a body', send: 'north GET jobs', text: 'not looked at' },
	{ name: 'DELETE with a body', send: 'north DELETE jobs/none', text: 'not looked at' },
	{ name: 'unknown method', send: 'north PROPFIND jobs' },
	{ name: 'TRACE', send: 'north TRACE jobs' },
];

export const routes: Chapter = {
	name: 'routes',
	about: 'every route with every method on both ports, nothing stored',
	steps: [...steps, ...refused],
};
