import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Folding } from './folding.ts';
import type { Job } from './rules/model.ts';

const intervals = { progressInterval: 1_000, countInterval: 60_000 };
const job: Job = {
	id: 'j',
	clientId: 'c',
	workflow: { name: 'w', states: [{ name: 'A' }], transitions: [] },
	tags: [],
	status: { state: 'A', progress: 10, definitionHash: 'stored' },
	stime: 0,
	mtime: 0,
	version: 1,
	reports: 1,
};

test('changed progress is due after a second, a mere count much later', () => {
	const folding = new Folding(intervals);
	folding.add(job, { state: 'A', progress: 10 }, 100);
	assert.deepEqual(folding.due(1_100), []);
	assert.equal(folding.due(60_100).length, 1);
	folding.add(folding.shown(job), { state: 'A', progress: 11 }, 1_200);
	assert.equal(folding.due(1_200)[0]?.reports, 2);
});

test('what is shown is the latest report with the stored hash, and the number of all', () => {
	const folding = new Folding(intervals);
	folding.add(job, { state: 'A', progress: 11 }, 500);
	folding.add(folding.shown(job), { state: 'A', progress: 12, definitionHash: 'old' }, 600);
	const shown = folding.shown(job);
	assert.deepEqual(shown.status, { state: 'A', progress: 12, definitionHash: 'stored' });
	assert.deepEqual([shown.reports, shown.mtime, shown.version], [3, 600, 1]);
});

test('reports of a state that the job has left are not shown', () => {
	const folding = new Folding(intervals);
	folding.add(job, { state: 'A', progress: 11 }, 500);
	const moved: Job = { ...job, status: { state: 'B' } };
	assert.equal(folding.shown(moved), moved);
});

test('reports that came while others were written stay', () => {
	const folding = new Folding(intervals);
	folding.add(job, { state: 'A', progress: 11 }, 500);
	const written = folding.of('j');
	folding.add(folding.shown(job), { state: 'A', progress: 12 }, 600);
	assert.ok(written);
	folding.settle(written);
	assert.deepEqual([folding.of('j')?.reports, folding.of('j')?.status.progress], [1, 12]);
	const rest = folding.of('j');
	assert.ok(rest);
	folding.settle(rest);
	assert.equal(folding.of('j'), undefined);
});
