import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Workflow } from '../../workflow/rules/model.ts';
import { definitionChange, foldedChange, newJob, statusChange, tagsChange } from './changes.ts';
import type { Job } from './model.ts';
import { decideStatusReport } from './status.ts';

const sha256 = () => 'hash';
const workflow: Workflow = {
	name: 'w',
	states: ['A', 'B', 'C', 'D', 'E'].map((name) => ({ name })),
	transitions: [
		{ from: 'A', to: 'B', eligible: 'CLIENT' },
		{ from: 'B', to: 'C', eligible: 'CLIENT' },
		{ from: 'C', to: 'D', eligible: 'WFX', action: 'IMMEDIATE' },
		{ from: 'D', to: 'E', eligible: 'WFX' },
	],
};
const fresh = (now = 1000): Job =>
	newJob({ clientId: 'c', workflow: 'w', tags: ['z', 'a', 'z'] }, workflow, { id: 'j', now, sha256 }).job;
const at = (state: string, more: Partial<Job['status']> = {}): Job => ({
	...fresh(),
	status: { state, definitionHash: 'hash', ...more },
});

test('a new job starts in the initial state, with the time it was made and sorted tags', () => {
	const job = fresh();
	assert.deepEqual(job.status, { clientId: 'c', state: 'A', definitionHash: 'hash' });
	assert.deepEqual([job.stime, job.mtime, job.version, job.tags], [1000, 1000, 1, ['a', 'z']]);
});

test('a new job is carried on along IMMEDIATE transitions', () => {
	const hopping: Workflow = {
		...workflow,
		transitions: [{ from: 'A', to: 'B', eligible: 'WFX', action: 'IMMEDIATE' }, ...workflow.transitions.slice(1)],
	};
	const { job } = newJob({ clientId: 'c', workflow: 'w' }, hopping, { id: 'j', now: 0, sha256 });
	assert.equal(job.status.state, 'B');
});

test('a transition that the workflow does not have is refused', () => {
	const decision = decideStatusReport(at('A'), { state: 'E' }, 'WFX');
	assert.deepEqual(decision, {
		kind: 'refused',
		reason: 'no-such-transition',
		message: "transition from 'A' to 'E' does not exist",
	});
});

test('a transition of the other actor is refused', () => {
	const decision = decideStatusReport(at('A'), { state: 'B' }, 'WFX');
	assert.equal(decision.kind === 'refused' && decision.reason, 'not-for-this-actor');
	assert.equal(
		decision.kind === 'refused' && decision.message,
		"transition from 'A' to 'B' is not allowed for actor 'WFX'",
	);
});

test('a report of the present state is allowed in a final state, for both actors', () => {
	assert.equal(decideStatusReport(at('E'), { state: 'E', message: 'x' }, 'CLIENT').kind, 'changed');
	assert.equal(decideStatusReport(at('E'), { state: 'E' }, 'WFX').kind, 'changed');
});

test('what an IMMEDIATE hop drops from the status is kept in the history', () => {
	const change = statusChange(at('B'), { state: 'C', message: 'done', progress: 100 }, 'CLIENT', 2000);
	assert.ok(!('kind' in change));
	assert.deepEqual(change.job.status, { state: 'D', definitionHash: 'hash' });
	assert.deepEqual(change.history, [
		{ mtime: 1000, status: { state: 'B', definitionHash: 'hash' }, reports: 1 },
		{ mtime: 2000, status: { state: 'C', message: 'done', progress: 100, definitionHash: 'hash' }, reports: 1 },
	]);
});

test('a device that says the same again, but for its progress, repeats itself', () => {
	const job = at('B', { clientId: 'c', message: 'm', progress: 1, context: { a: [1, { b: null }] } });
	const report = { state: 'B', clientId: 'c', message: 'm', progress: 2, context: { a: [1, { b: null }] } };
	assert.equal(decideStatusReport(job, report, 'CLIENT').kind, 'repeated');
	for (const other of [
		{ ...report, message: 'n' },
		{ ...report, clientId: 'd' },
		{ ...report, context: { a: [1, { b: 0 }] } },
		{ ...report, context: { a: [1] } },
		{ state: 'B', clientId: 'c', message: 'm', context: report.context },
	]) {
		assert.equal(decideStatusReport(job, other, 'CLIENT').kind, 'changed', JSON.stringify(other));
	}
	assert.equal(decideStatusReport(job, report, 'WFX').kind, 'changed', 'an operator never merely repeats');
});

test('empty texts are not kept', () => {
	const change = statusChange(at('A'), { state: 'B', clientId: '', message: '' }, 'CLIENT', 2000);
	assert.ok(!('kind' in change));
	assert.deepEqual(change.job.status, { state: 'B', definitionHash: 'hash' });
});

test('a job’s mtime never runs backwards', () => {
	const change = statusChange(at('A'), { state: 'B' }, 'CLIENT', 10);
	assert.ok(!('kind' in change));
	assert.equal(change.job.mtime, 1000);
});

test('folded reports raise the count and are dropped where the job has moved on', () => {
	const folded = { status: { state: 'B', progress: 9 }, reports: 4, mtime: 3000 };
	const change = foldedChange(at('B'), folded);
	assert.deepEqual([change?.job.reports, change?.job.mtime, change?.history], [5, 3000, []]);
	assert.deepEqual(change?.job.status, { state: 'B', progress: 9, definitionHash: 'hash' });
	assert.equal(foldedChange(at('D'), folded), undefined);
	assert.equal(foldedChange(at('B', { message: 'news' }), folded), undefined);
});

test('a changed definition leaves its predecessor with its own hash in the history', () => {
	const job = { ...at('B'), definition: { v: 1 } };
	const change = definitionChange(job, { v: 2 }, 2000, () => 'new');
	assert.equal(change.job.status.definitionHash, 'new');
	assert.deepEqual(change.history[0]?.definition, { v: 1 });
	assert.equal(change.history[0]?.status?.definitionHash, 'hash');
	assert.deepEqual(definitionChange(job, {}, 2000, sha256).job.definition, {});
});

test('tags are added and removed without repeats, sorted', () => {
	const job = fresh();
	assert.deepEqual(tagsChange(job, 'add', ['b', 'a', 'b'], 2000).job.tags, ['a', 'b', 'z']);
	assert.deepEqual(tagsChange(job, 'remove', ['a', 'unknown'], 2000).job.tags, ['z']);
	assert.equal(tagsChange(job, 'add', ['b'], 2000).history[0]?.status, undefined);
});
