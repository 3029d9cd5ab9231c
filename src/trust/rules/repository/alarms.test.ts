import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alarmsOf, expiriesOf } from './alarms.ts';
import { day, defaultSettings, type RoleKind } from './settings.ts';

const now = Date.parse('2026-11-23T00:00:00Z');
const role = (name: string, kind: RoleKind, days: number, version = 1) => ({
	...{ name, kind, version, delegator: kind === 'bin' ? 'bins' : '', expires: now + days * day },
});
const online = new Set<RoleKind>(['timestamp', 'snapshot', 'bin']);
const expiries = (...roles: readonly ReturnType<typeof role>[]) =>
	expiriesOf(roles, ({ kind }) => ({ keyids: [], threshold: 1, online: online.has(kind) }));
const told = (...roles: readonly ReturnType<typeof role>[]) =>
	alarmsOf(expiries(...roles), defaultSettings, now).map(({ role: name, state }) => `${name} ${state}`);

test('bins count as one, with the time of the earliest; a role without a document is left out', () => {
	const found = expiries(role('bin-00', 'bin', 9), role('bin-01', 'bin', 5), role('releases', 'delegated', 1, 0));
	assert.deepEqual(found, [{ name: 'bin-*', kind: 'bin', online: true, expires: now + 5 * day, bins: 2 }]);
});

test('people are told 45 days before, of what the server signs when it is late with it', () => {
	assert.deepEqual(
		told(role('root', 'root', 46), role('timestamp', 'timestamp', 2), role('snapshot', 'snapshot', 9)),
		[],
	);
	assert.deepEqual(told(role('root', 'root', 44), role('timestamp', 'timestamp', 1), role('bin-0', 'bin', 22)), [
		'timestamp expires-soon',
		'bin-* expires-soon',
		'root expires-soon',
	]);
});

test('what has expired is said to have, and comes first', () => {
	const alarms = alarmsOf(expiries(role('root', 'root', 3), role('targets', 'targets', 0)), defaultSettings, now);
	assert.deepEqual(
		alarms.map(({ role: name, state }) => [name, state]),
		[
			['targets', 'expired'],
			['root', 'expires-soon'],
		],
	);
	assert.match(alarms[0]?.remedy ?? '', /prepare targets/);
	assert.match(alarms[1]?.remedy ?? '', /ceremony/);
});
