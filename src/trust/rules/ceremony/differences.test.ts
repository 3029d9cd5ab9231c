// What a person is told before signing: every change of keys, thresholds, delegations and targets.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newKey } from '../../../../testing/tuf-repository/keys.ts';
import { makeRoot, makeTargets, nextVersion } from '../metadata/make.ts';
import type { RootSigned, TargetsSigned } from '../metadata/model.ts';
import { differencesOf } from './differences.ts';
import { listedKey } from './key-entry.ts';

const expires = '2030-01-01T00:00:00Z';
type Entry = { readonly label: string } & ReturnType<typeof newKey>;
const [a, b, c] = [
	{ label: 'a', ...newKey() },
	{ label: 'b', ...newKey() },
	{ label: 'c', ...newKey() },
] as const;
const keys = (...entries: readonly Entry[]) => Object.fromEntries(entries.map((each) => [each.keyid, listedKey(each)]));
const role = (threshold: number, ...entries: readonly Entry[]) => ({
	threshold,
	keyids: entries.map(({ keyid }) => keyid),
});
const one = role(1, a);
const root = makeRoot({
	...{ version: 1, expires, keys: keys(a, b) },
	roles: { root: role(2, a, b), targets: one, snapshot: one, timestamp: one },
});

test('of a root: keys by role, thresholds, expiry', () => {
	const after = nextVersion<RootSigned>(root, {
		expires: '2031-01-01T00:00:00Z',
		keys: keys(a, c),
		roles: { ...root.roles, root: role(1, a, c) },
	});
	assert.deepEqual(differencesOf(root, after), [
		'version 1 becomes 2',
		'expires 2031-01-01T00:00:00Z instead of 2030-01-01T00:00:00Z',
		`root: key c (ed25519, ${c.keyid.slice(0, 16)}) is added`,
		`root: key b (ed25519, ${b.keyid.slice(0, 16)}) is removed`,
		'root: 1 keys must sign instead of 2',
	]);
});

test('of a root: a key that is exchanged under its id, consistent snapshots, an unknown field', () => {
	const after = nextVersion<RootSigned>(root, {
		keys: { ...root.keys, [a.keyid]: listedKey({ ...b, label: 'a' }) },
		consistent_snapshot: false,
		...{ 'x-note': 'hello' },
	});
	const lines = differencesOf(root, after).join('\n');
	assert.match(lines, /root: the entry of the key a .* is changed/);
	assert.match(lines, /consistent snapshots: false/);
	assert.match(lines, /the field "x-note" is/);
});

test('of targets: delegations with their paths and order, and targets', () => {
	const releases = { ...role(1, a), name: 'releases', terminating: true, paths: ['releases/*'] };
	const bins = { ...role(1, b), name: 'bins', terminating: false, paths: ['*'] };
	const file = (length: number) => ({ length, hashes: { sha256: 'ab'.repeat(32) } });
	const before = makeTargets({
		...{ version: 1, expires, targets: { old: file(1), same: file(2), grown: file(3) } },
		delegations: { keys: keys(a, b), roles: [releases, bins] },
	});
	const after = nextVersion<TargetsSigned>(before, {
		targets: { same: file(2), grown: file(4), fresh: file(5) },
		delegations: { keys: keys(a, b), roles: [bins, { ...releases, paths: ['x/*'], terminating: false }] },
	});
	assert.deepEqual(differencesOf(before, after), [
		'version 1 becomes 2',
		'the role "releases" is for "x/*" instead of "releases/*", terminating',
		'the roles are asked in the order bins, releases',
		`target "grown" is changed: 4 bytes, SHA-256 ${'ab'.repeat(32)}`,
		`target "fresh" is added: 5 bytes, SHA-256 ${'ab'.repeat(32)}`,
		'target "old" is removed',
	]);
	assert.deepEqual(differencesOf(before, nextVersion<TargetsSigned>(before, {})), ['version 1 becomes 2']);
});

test('thousands of targets are counted, not listed', () => {
	const targets = Object.fromEntries(
		Array.from({ length: 2000 }, (_, index) => [`t${index}`, { length: 1, hashes: { sha256: '00' } }]),
	);
	const lines = differencesOf(undefined, makeTargets({ version: 1, expires, targets }));
	assert.equal(lines.length, 51);
	assert.equal(lines.at(-1), 'and 1950 more changes of targets');
});
