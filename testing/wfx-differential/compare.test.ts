// The comparison itself: what counts as a difference, and that the accepted table hides nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AcceptedDifference, acceptedTable, judge } from './accepted.ts';
import { compareAnswers, compareChapter } from './compare.ts';
import { Names, normalise, normaliseFrames } from './normalise.ts';
import type { Answer, RawAnswer, Step } from './step.ts';

const step: Step = { name: 'read', send: 'north GET jobs' };
const raw = (body: string, headers: Record<string, string> = {}, status = 200): RawAnswer => ({
	status,
	headers,
	body: new TextEncoder().encode(body),
});
const names = () => new Names(['http://127.0.0.1:8080']);
const places = (a: Answer, b: Answer) => compareAnswers('c', 's', a, b).map((one) => one.what);
const json = (value: unknown): Answer => ({ status: 200, headers: {}, json: value });

test('equal answers have no difference', () => {
	assert.deepEqual(compareAnswers('c', 's', json({ a: [1] }), json({ a: [1] })), []);
});

test('status, headers and every place of the body are compared', () => {
	const a: Answer = { status: 200, headers: { vary: 'Origin' }, json: { a: 1, b: { c: [1, 2] } } };
	const b: Answer = { status: 400, headers: { allow: 'GET' }, json: { a: 2, b: { c: [1, 3] } } };
	assert.deepEqual(places(a, b), ['status', 'header allow', 'header vary', 'body /a', 'body /b/c/1']);
});

test('one item more in a list is one difference', () => {
	assert.deepEqual(places(json([1, 2, 3]), json([1, 9, 2, 3])), ['body /+1']);
	assert.deepEqual(places(json([1, 2, 3]), json([1, 3])), ['body /-1']);
	assert.deepEqual(places(json([]), json([{ a: 1 }])), ['body /+0']);
});

test('a body of another kind is one difference', () => {
	assert.deepEqual(places(json({}), { status: 200, headers: {}, text: 'x' }), ['body']);
	assert.deepEqual(places(json(null), { status: 200, headers: {} }), ['body']);
});

test('a step that one side did not answer is a difference', () => {
	const answers = new Map([['s', json(1)]]);
	assert.deepEqual(
		compareChapter('c', answers, new Map()).map((one) => [one.step, one.what]),
		[['s', 'answer']],
	);
});

test('ids and times are named after the step in which they first occurred', () => {
	const known = names();
	const id = '3307e5cb-074c-49b7-99d4-5e61839a4c2d';
	const body = JSON.stringify({ id, stime: '2026-01-01T00:00:00.5Z', mtime: '2026-01-01T00:00:00.5Z' });
	assert.deepEqual(normalise(raw(body), { ...step, name: 'create' }, known).json, {
		id: '<id of create>',
		mtime: '<time of create>',
		stime: '<time of create>',
	});
	assert.deepEqual(normalise(raw(JSON.stringify([id, '2026-01-01T00:00:01Z'])), step, known).json, [
		'<id of create>',
		'<time of read>',
	]);
});

test('what is no time in the form of wfx stays and so differs', () => {
	assert.equal(normalise(raw('"2026-01-01 00:00:00"'), step, names()).json, '2026-01-01 00:00:00');
	assert.equal(
		normalise(raw('"2026-01-01T00:00:00.1234567890Z"'), step, names()).json,
		'2026-01-01T00:00:00.1234567890Z',
	);
});

test('the time of an event must have milliseconds', () => {
	const frames = ['data: {"ctime":"2026-01-01T00:00:00.120Z"}\nid: 1', 'data: {"ctime":"2026-01-01T00:00:00Z"}\nid: 2'];
	assert.deepEqual(normaliseFrames(frames, step, names()), [
		{ data: { ctime: '<time with milliseconds>' }, id: '1' },
		{ data: { ctime: '<time of read>' }, id: '<larger than before>' },
	]);
});

test('an event id that does not grow shows', () => {
	const ids = normaliseFrames(['id: 7', 'id: 9', 'id: 9', 'id: 1', 'id: 2'], step, names());
	assert.deepEqual(
		ids.map((frame) => (frame as { id: string }).id),
		['7', '<larger than before>', '9', '1', '<larger than before>'],
	);
});

test('headers that no client acts on are left out, the own address is replaced', () => {
	const headers = { date: 'now', 'content-type': 'application/json', link: '<http://127.0.0.1:8080/x>' };
	assert.deepEqual(normalise(raw('', headers), step, names()).headers, {
		'content-type': 'application/json',
		link: '<<origin>/x>',
	});
});

test('several JSON lines are lines, minus zero and infinity are kept apart from 0 and null', () => {
	assert.deepEqual(normalise(raw('1\n{"a":-0}\n'), step, names()).lines, [1, { a: '<number -0>' }]);
	assert.deepEqual(normalise(raw('[1e999]'), step, names()).json, ['<number Infinity>']);
});

test('a masked value differs by presence and type only', () => {
	const masked: Step = { ...step, mask: ['a.b'] };
	const value = (body: string) => normalise(raw(body), masked, names());
	assert.deepEqual(value('{"a":{"b":"x"}}'), value('{"a":{"b":"y"}}'));
	assert.notDeepEqual(value('{"a":{"b":"x"}}'), value('{"a":{"b":1}}'));
	assert.notDeepEqual(value('{"a":{"b":"x"}}'), value('{"a":{}}'));
});

const row = (where: string, what: string): AcceptedDifference => ({ where, what, wfx: 'w', caisson: 'c', reason: 'r' });

test('an accepted row covers what it names and no more', () => {
	const found = compareAnswers('c', 's', json({ a: 1, b: 1 }), json({ a: 2, b: 2 }));
	const { accepted, refused, unused } = judge(found, [row('c/s', 'body /a'), row('c/other', '*')]);
	assert.deepEqual(
		accepted.map((one) => one.difference.what),
		['body /a'],
	);
	assert.deepEqual(
		refused.map((one) => one.what),
		['body /b'],
	);
	assert.deepEqual(unused, ['c/other (*)']);
});

test('a star in a row stands for any characters, all others for themselves', () => {
	const found = compareAnswers('c', 's (1)', json([1]), json([1, 2]));
	assert.equal(judge(found, [row('c/s (*)', 'body /+*')]).refused.length, 0);
	assert.equal(judge(found, [row('c/s .1.', 'body /+*')]).refused.length, 1);
});

test('the table escapes what would break a cell', () => {
	assert.match(acceptedTable([{ ...row('c/s', 'body'), reason: 'a | b' }]), /a \\\| b/);
});
