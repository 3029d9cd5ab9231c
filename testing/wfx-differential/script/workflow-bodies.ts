// The schema of a workflow, each rule broken alone, and how a body must be sent at all: content type, encoding, syntax.
import type { Chapter, Step } from '../step.ts';
import { pair } from './workflows.ts';

const post = 'north POST workflows';
const base = {
	name: 'w',
	states: [{ name: 'A' }, { name: 'B' }],
	transitions: [{ from: 'A', to: 'B', eligible: 'CLIENT' }],
};
const without = (key: string) => Object.fromEntries(Object.entries(base).filter(([name]) => name !== key));
const transition = (change: object) => ({
	...base,
	transitions: [{ from: 'A', to: 'B', eligible: 'CLIENT', ...change }],
});
const group = (change: object) => ({ ...base, groups: [{ name: 'G', states: ['A'], ...change }] });

const bodies: Readonly<Record<string, unknown>> = {
	'empty object': {},
	'null body': null,
	'array body': [],
	'string body': 'text',
	'number body': 7,
	'true body': true,
	'nothing but a name': { name: 'w' },
	'no name': without('name'),
	'no states': without('states'),
	'no transitions': without('transitions'),
	'name null': { ...base, name: null },
	'name number': { ...base, name: 5 },
	'name empty': { ...base, name: '' },
	'name too long': { ...base, name: 'n'.repeat(65) },
	'name with space': { ...base, name: 'a b' },
	'name with slash': { ...base, name: 'a/b' },
	'name with underscore': { ...base, name: 'a_b' },
	'name non-ASCII': { ...base, name: 'ü' },
	'name with line end': { ...base, name: 'a\n' },
	'description null': { ...base, description: null },
	'description number': { ...base, description: 1 },
	'description too long': { ...base, description: 'd'.repeat(1025) },
	'description too long in characters beyond ASCII': { ...base, description: 'ü'.repeat(1025) },
	'states null': { ...base, states: null },
	'states object': { ...base, states: {} },
	'states string': { ...base, states: 'A' },
	'states of strings': { ...base, states: ['A'] },
	'states of null': { ...base, states: [null] },
	'state without name': { ...base, states: [{}] },
	'state name null': { ...base, states: [{ name: null }] },
	'state name number': { ...base, states: [{ name: 3 }] },
	'state name empty': { ...base, states: [{ name: '' }] },
	'state description null': { ...base, states: [{ name: 'A', description: null }, { name: 'B' }] },
	'state description number': { ...base, states: [{ name: 'A', description: 4 }, { name: 'B' }] },
	'second state bad': { ...base, states: [{ name: 'A' }, { name: 9 }] },
	'too many states': { ...base, states: Array.from({ length: 4097 }, (_, i) => ({ name: `S${i}` })) },
	'groups null': { ...base, groups: null },
	'groups object': { ...base, groups: {} },
	'group without name': { ...base, groups: [{ states: ['A'] }] },
	'group without states': { ...base, groups: [{ name: 'G' }] },
	'group name null': group({ name: null }),
	'group name empty': group({ name: '' }),
	'group name number': group({ name: 1 }),
	'group states empty': group({ states: [] }),
	'group states null': group({ states: null }),
	'group states of numbers': group({ states: [1] }),
	'group states of null': group({ states: [null] }),
	'group description number': group({ description: 1 }),
	'too many groups': { ...base, groups: Array.from({ length: 1025 }, (_, i) => ({ name: `G${i}`, states: ['A'] })) },
	'transitions null': { ...base, transitions: null },
	'transitions object': { ...base, transitions: {} },
	'transition string': { ...base, transitions: ['A'] },
	'transition without from': { ...base, transitions: [{ to: 'B', eligible: 'WFX' }] },
	'transition without to': { ...base, transitions: [{ from: 'A', eligible: 'WFX' }] },
	'transition without eligible': { ...base, transitions: [{ from: 'A', to: 'B' }] },
	'transition without anything': { ...base, transitions: [{}] },
	'from null': transition({ from: null }),
	'from empty': transition({ from: '' }),
	'from number': transition({ from: 1 }),
	'to empty': transition({ to: '' }),
	'to number': transition({ to: 1 }),
	'eligible null': transition({ eligible: null }),
	'eligible unknown': transition({ eligible: 'NOBODY' }),
	'eligible lower case': transition({ eligible: 'client' }),
	'eligible number': transition({ eligible: 1 }),
	'action null': transition({ action: null }),
	'action unknown': transition({ action: 'LATER' }),
	'action empty': transition({ action: '' }),
	'action number': transition({ action: 1 }),
	'transition description number': transition({ description: 1 }),
	'too many transitions': {
		...base,
		transitions: Array.from({ length: 16385 }, () => ({ from: 'A', to: 'B', eligible: 'WFX' })),
	},
	'several faults: name and states': { name: '', states: null, transitions: [] },
	'several faults: states and transitions': { name: 'w', states: 1, transitions: 1 },
	'several faults: groups and description': { ...base, groups: 1, description: 1 },
	'several faults: missing name, bad state': { states: [{ name: 1 }], transitions: [] },
	'several faults inside a transition': { ...base, transitions: [{ to: 1, eligible: 'X', action: 'Y' }] },
	'several faults inside a group': { ...base, groups: [{ name: 1, states: 1 }] },
};

const schema: Step[] = Object.entries(bodies).map(([name, json]) => ({ name, send: post, json }));

const good: Step[] = [
	{ name: 'unknown property', send: post, json: { ...base, name: 'unknown-property', extra: 1 } },
	{
		name: 'unknown property in a state',
		send: post,
		json: { ...base, name: 'unknown-in-state', states: [{ name: 'A', extra: [] }, { name: 'B' }] },
	},
	{ name: 'name of 64 characters', send: post, json: { ...base, name: 'n'.repeat(64) } },
	{ name: 'name of punctuation', send: post, json: { ...base, name: '-.-' } },
	{
		name: 'description of 1024 characters',
		send: post,
		json: { ...base, name: 'long-description', description: 'd'.repeat(1024) },
	},
	{ name: 'description empty', send: post, json: { ...base, name: 'empty-description', description: '' } },
	{
		name: 'descriptions everywhere',
		send: post,
		json: {
			name: 'described',
			description: 'of <the> & whole',
			states: [{ name: 'A', description: 'of a state' }],
			groups: [{ name: 'G', description: 'of a group', states: ['A'] }],
			transitions: [{ from: 'A', to: 'A', eligible: 'WFX', action: 'WAIT', description: 'of an edge' }],
		},
	},
	{ name: 'groups empty', send: post, json: { ...base, name: 'empty-groups', groups: [] } },
	{
		name: 'transitions empty',
		send: post,
		json: { name: 'empty-transitions', states: [{ name: 'A' }], transitions: [] },
	},
	{ name: 'action WAIT is kept', send: post, json: { ...transition({ action: 'WAIT' }), name: 'action-wait' } },
	{
		name: 'state names beyond ASCII',
		send: post,
		json: { name: 'wide-states', states: [{ name: 'Zustand ü' }], transitions: [] },
	},
	{
		name: 'state description empty',
		send: post,
		json: { name: 'state-description-empty', states: [{ name: 'A', description: '' }], transitions: [] },
	},
	{ name: 'all of them', send: 'north GET workflows?limit=100&pagination=true' },
	// Last, because a server that accepts it must not differ in anything else.
	{
		name: 'description of 1024 characters beyond ASCII',
		send: post,
		json: { ...base, name: 'wide-description', description: 'ü'.repeat(1024) },
	},
];

const utf8 = (...bytes: number[]) => Uint8Array.from(bytes);
const ascii = (text: string) => [...new TextEncoder().encode(text)];
const valid = JSON.stringify(pair);
const named = (name: string) => JSON.stringify({ ...pair, name });

const forms: Step[] = [
	{ name: 'no body', send: post },
	{ name: 'no body but a type', send: post, headers: { 'content-type': 'application/json' } },
	{ name: 'empty body', send: post, text: '' },
	{ name: 'spaces only', send: post, text: '  ' },
	{ name: 'no content type', send: post, text: valid, type: null },
	{ name: 'text/plain', send: post, text: valid, type: 'text/plain' },
	{ name: 'application/xml', send: post, text: '<a/>', type: 'application/xml' },
	{ name: 'form', send: post, text: 'a=b', type: 'application/x-www-form-urlencoded' },
	{ name: 'merge patch', send: post, text: valid, type: 'application/merge-patch+json' },
	{ name: 'content type any', send: post, text: valid, type: '*/*' },
	{ name: 'content type application any', send: post, text: valid, type: 'application/*' },
	{ name: 'content type nonsense', send: post, text: valid, type: 'nonsense' },
	{ name: 'content type with percent', send: post, text: valid, type: 'text/%d' },
	{ name: 'content type empty', send: post, text: valid, type: '' },
	{ name: 'content type with quote', send: post, text: valid, type: 'text/"quoted"' },
	{ name: 'charset utf-8', send: post, text: named('charset-utf8'), type: 'application/json; charset=utf-8' },
	{ name: 'charset without space', send: post, text: named('charset-tight'), type: 'application/json;charset=UTF-8' },
	{ name: 'charset latin1', send: post, text: named('charset-latin1'), type: 'application/json; charset=iso-8859-1' },
	{ name: 'content type upper case', send: post, text: named('upper-type'), type: 'Application/JSON' },
	{
		name: 'content type broken parameter',
		send: post,
		text: named('broken-parameter'),
		type: 'application/json; charset',
	},
	{
		name: 'two content types',
		send: post,
		text: named('two-types'),
		type: null,
		headers: { 'content-type': 'application/json, text/plain' },
	},
	{ name: 'body in chunks', send: post, text: named('chunks'), chunked: true },
	{ name: 'Expect 100-continue', send: post, text: named('expect'), headers: { expect: '100-continue' } },
	{ name: 'open brace', send: post, text: '{' },
	{ name: 'cut short', send: post, text: valid.slice(0, -5) },
	{ name: 'cut inside a string', send: post, text: '{"name":"ab' },
	{ name: 'single quotes', send: post, text: "{'name':'w'}" },
	{ name: 'bare words', send: post, text: 'name' },
	{ name: 'comma at the end', send: post, text: '{"name":"w",}' },
	{ name: 'comment', send: post, text: '/* c */{}' },
	{ name: 'NaN', send: post, text: '{"name":NaN}' },
	{ name: 'leading zero', send: post, text: '{"name":01}' },
	{ name: 'plus sign', send: post, text: '{"name":+1}' },
	{ name: 'bad escape', send: post, text: '{"name":"\\x41"}' },
	{ name: 'bad unicode escape', send: post, text: '{"name":"\\u12"}' },
	{ name: 'raw control character', send: post, text: '{"name":"a\tb"}' },
	{ name: 'trailing garbage', send: post, text: `${named('trailing-garbage')} garbage` },
	{ name: 'trailing brace', send: post, text: `${named('trailing-brace')}}` },
	{ name: 'two values', send: post, text: `${named('two-values-1')}${named('two-values-2')}` },
	{ name: 'trailing spaces and lines', send: post, text: `\r\n\t ${named('trailing-space')} \r\n\n` },
	{ name: 'byte order mark', send: post, text: utf8(0xef, 0xbb, 0xbf, ...ascii(named('bom'))) },
	{ name: 'UTF-16', send: post, text: utf8(...ascii('{}').flatMap((byte) => [byte, 0])) },
	{
		name: 'invalid UTF-8',
		send: post,
		text: utf8(
			...ascii('{"name":"invalid-utf8","description":"a'),
			0xff,
			0xfe,
			...ascii('b","states":[{"name":"A"}],"transitions":[]}'),
		),
	},
	{
		name: 'duplicate key, last is good',
		send: post,
		text: '{"name":"","name":"dup-last","states":[{"name":"A"}],"transitions":[]}',
	},
	{
		name: 'duplicate key, last is bad',
		send: post,
		text: '{"name":"dup-bad","name":"","states":[{"name":"A"}],"transitions":[]}',
	},
	{ name: 'key in another case', send: post, text: '{"Name":"other-case","states":[{"name":"A"}],"transitions":[]}' },
	{
		name: 'NUL escape',
		send: post,
		text: '{"name":"nul-escape","description":"a\\u0000b","states":[{"name":"A"}],"transitions":[]}',
	},
	{
		name: 'lone surrogate',
		send: post,
		text: '{"name":"lone-surrogate","description":"a\\ud800b","states":[{"name":"A"}],"transitions":[]}',
	},
	{
		name: 'surrogate pair',
		send: post,
		text: '{"name":"surrogate-pair","description":"\\ud83d\\ude00","states":[{"name":"A"}],"transitions":[]}',
	},
	{
		name: 'line separators',
		send: post,
		text: '{"name":"line-separators","description":"\\u2028\\u2029<>&","states":[{"name":"A"}],"transitions":[]}',
	},
	{
		name: 'deep nesting',
		send: post,
		text: `{"name":"deep","states":[{"name":"A"}],"transitions":[],"extra":${'['.repeat(500)}${']'.repeat(500)}}`,
	},
	{
		name: 'very deep nesting',
		send: post,
		text: `{"name":"very-deep","states":[{"name":"A"}],"transitions":[],"extra":${'['.repeat(10_001)}${']'.repeat(10_001)}}`,
	},
	{ name: 'what was stored', send: 'north GET workflows?limit=100' },
	// Last, because a server that takes another of the two must not differ in anything else.
	{
		name: 'duplicate array, merged or replaced',
		send: post,
		text: '{"name":"dup-array","states":[{"name":"A","description":"x"},{"name":"B"}],"states":[{"name":"C"}],"transitions":[]}',
	},
	{
		name: 'key twice in different case',
		send: post,
		text: '{"name":"case-1","NAME":"case-2","states":[{"name":"A"}],"transitions":[]}',
	},
	{
		name: 'state key in another case',
		send: post,
		text: '{"name":"case-state","states":[{"name":"A","NAME":"B"}],"transitions":[]}',
	},
];

export const workflowBodies: Chapter = {
	name: 'workflow-bodies',
	about: 'each schema rule of a workflow broken alone',
	steps: [...schema, ...good],
};
export const bodyForms: Chapter = {
	name: 'body-forms',
	about: 'content types, encodings and syntax of bodies',
	steps: forms,
};
