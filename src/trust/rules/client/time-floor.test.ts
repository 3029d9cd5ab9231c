// The floor under a device's clock: what raises it, what does not, and how a stolen key's push is undone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RootSigned, TimestampSigned } from '../metadata/model.ts';
import { judgeTime, raisedFloor, signedTimeField } from './time-floor.ts';

const rootWith = (...keyids: string[]) => ({ roles: { timestamp: { keyids, threshold: 1 } } }) as unknown as RootSigned;
const root = rootWith('a', 'b');
const timestampSaying = (signedAt?: string, expires = '2026-02-01T00:00:00Z') =>
	({ expires, ...(signedAt === undefined ? {} : { [signedTimeField]: signedAt }) }) as unknown as TimestampSigned;
const time = (text: string) => Date.parse(text);

test('without a floor the clock is believed', () => {
	assert.deepEqual(judgeTime(1000, 0, {}, root), { now: 1000, clock: 1000, floor: 0, behind: false });
});

test('a clock in 1970 is judged at the time the image was built', () => {
	assert.deepEqual(judgeTime(5, 1000, {}, root), { now: 1000, clock: 5, floor: 1000, behind: true });
});

test('a clock that was set back is judged at its last full refresh', () => {
	assert.deepEqual(judgeTime(5000, 1000, { clock: 9000 }, root), { now: 9000, clock: 5000, floor: 9000, behind: true });
});

test('the floor never falls with the clock', () => {
	assert.deepEqual(raisedFloor({ clock: 9000 }, 5000, root, timestampSaying()), { clock: 9000 });
});

test('the time that the timestamp was signed raises the floor', () => {
	const floor = raisedFloor({}, 5, root, timestampSaying('2026-01-01T00:00:00Z'));
	assert.equal(judgeTime(5, 0, floor, root).now, time('2026-01-01T00:00:00Z'));
});

test('a signed time after the timestamp’s own expiry, or in another form, is passed over', () => {
	for (const text of ['2026-02-01T00:00:00Z', '2099-01-01T00:00:00Z', 'soon', '2026-01-01']) {
		assert.deepEqual(raisedFloor({}, 5, root, timestampSaying(text)), { clock: 5 });
	}
});

test('a signed time that a stolen key pushed ahead is forgotten with the key', () => {
	const pushed = raisedFloor({}, 5, root, timestampSaying('2098-01-01T00:00:00Z', '2099-01-01T00:00:00Z'));
	assert.equal(judgeTime(5, 0, pushed, root).now, time('2098-01-01T00:00:00Z'));
	assert.equal(judgeTime(5, 0, pushed, rootWith('b', 'c')).now, 5);
	assert.deepEqual(raisedFloor(pushed, 6, rootWith('b', 'c'), timestampSaying()), { clock: 6 });
});
