import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Traffic } from './store.ts';
import { TrafficCount } from './traffic.ts';

const day = 86_400_000;

function recorded(most?: number) {
	const state = { now: 100 * day, fail: false, pruned: [] as string[] };
	const added: Traffic[] = [];
	const commit = async <Result>(step: (unit: never) => Promise<Result>): Promise<Result> => {
		if (state.fail) throw new Error('the storage is away');
		const add = async (rows: readonly Traffic[]) => void added.push(...rows);
		const prune = async (before: string) => void state.pruned.push(before);
		return step({ traffic: { add, prune } } as never);
	};
	const count = new TrafficCount(commit, () => state.now, ...(most === undefined ? [] : [most]));
	return { state, added, count };
}

test('answers are added up by artifact, client and day, and written once', async () => {
	const { state, added, count } = recorded();
	count.add('a', 'one', 10, 1);
	count.add('a', 'one', 20, 3);
	count.add('a', 'two', 5, 1);
	state.now += day;
	count.add('a', 'one', 1, 1);
	await count.write(0);
	await count.write(0);
	assert.deepEqual(
		added.map(({ clientId, day, requests, ranges, bytes }) => [clientId, day, requests, ranges, bytes]),
		[
			['one', '1970-04-11', 2, 4, 30],
			['two', '1970-04-11', 1, 1, 5],
			['one', '1970-04-12', 1, 1, 1],
		],
	);
	assert.deepEqual(state.pruned, []);
});

test('what could not be written is written the next time, with what came meanwhile', async () => {
	const { state, added, count } = recorded();
	count.add('a', 'one', 10, 1);
	state.fail = true;
	await assert.rejects(count.write(0), /away/);
	count.add('a', 'one', 1, 1);
	state.fail = false;
	await count.write(0);
	assert.deepEqual(
		added.map(({ requests, bytes }) => [requests, bytes]),
		[[2, 11]],
	);
});

test('while the storage is away memory stays bounded: devices beyond it are counted together', async () => {
	const { added, count } = recorded(10);
	for (let device = 0; device < 1000; device++) count.add('a', `device-${device}`, 1, 1);
	await count.write(0);
	assert.ok(added.length <= 11);
	assert.equal(
		added.reduce((sum, { bytes }) => sum + bytes, 0),
		1000,
	);
	assert.equal(added.find(({ clientId }) => clientId === '')?.bytes, 990);
});

test('old days are forgotten once a day', async () => {
	const { state, count } = recorded();
	await count.write(30 * day);
	await count.write(30 * day);
	state.now += day;
	await count.write(30 * day);
	assert.deepEqual(state.pruned, ['1970-03-12', '1970-03-13']);
});
