// Clause 5.3.4 of the client workflow, and the same for other roles: which signatures make a new root, or metadata under a
// root with other keys, acceptable. Cases as tables; numbers stand for keys.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withWorld } from '../../../testing/tuf-repository/device.ts';
import { newKey, type TestKey } from '../../../testing/tuf-repository/keys.ts';
import type { TufRepository } from '../../../testing/tuf-repository/repository.ts';

const keys = Array.from({ length: 10 }, () => newKey());

interface Version {
	readonly keys: readonly number[];
	readonly threshold: number;
	readonly signed: readonly number[];
}

const five = [0, 1, 2, 3, 4];
const oneReplaced = [0, 1, 3, 4, 5];

const v = (keys: readonly number[], threshold: number, signed: readonly number[]): Version => ({
	keys,
	threshold,
	signed,
});

const accepted: readonly (readonly [title: string, versions: readonly Version[]])[] = [
	[
		'a root key is replaced: old and new sign, then the new one alone',
		[v([1], 1, [1]), v([2], 1, [2, 1]), v([2], 1, [2])],
	],
	[
		'signatures by keys that the root does not know are passed over',
		[v([1], 1, [3, 1, 4]), v([2], 1, [3, 2, 1, 4]), v([2], 1, [3, 2, 4])],
	],
	[
		'any three of five root keys will do',
		[v(five, 3, [0, 2, 4]), v(five, 3, [0, 4, 1]), v(five, 3, [0, 1, 3]), v(five, 3, [0, 1, 3])],
	],
	['one of five is replaced, signed by three that stay', [v(five, 3, [0, 2, 4]), v(oneReplaced, 3, [0, 4, 1])]],
	[
		'one of five is replaced, signed by both sets in between',
		[v(five, 3, [0, 2, 4]), v(oneReplaced, 3, [0, 2, 4, 5]), v(oneReplaced, 3, [0, 4, 5])],
	],
	[
		'all five are replaced, signed by both sets in between',
		[v(five, 3, [0, 2, 4]), v([5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7]), v([5, 6, 7, 8, 9], 3, [5, 6, 7])],
	],
	['the threshold rises from one to two of three', [v([1, 2, 3], 1, [1]), v([1, 2, 3], 2, [1, 2])]],
	[
		'the threshold falls from two to one of three',
		[v([1, 2, 3], 2, [1, 2]), v([1, 2, 3], 1, [1, 2]), v([1, 2, 3], 1, [1])],
	],
	['a second key is added and both must sign', [v([1], 1, [1]), v([1, 2], 2, [1, 2])]],
];

const refused: typeof accepted = [
	['a new root that the old key did not sign is refused', [v([1], 1, [1]), v([2], 1, [2, 3, 4])]],
	['a new root that its own key did not sign is refused', [v([1], 1, [1]), v([2], 1, [1, 3, 4])]],
	[
		'a new root with two of three of its own signatures is refused',
		[v(five, 3, [0, 2, 4]), v(oneReplaced, 3, [0, 2, 4])],
	],
	[
		'a new root with two of three of the old signatures is refused',
		[v(five, 3, [0, 2, 4]), v(oneReplaced, 3, [0, 4, 5])],
	],
	['a raised threshold that is not reached is refused', [v([1, 2, 3], 1, [1]), v([1, 2, 3], 2, [2])]],
	['a lowered threshold signed as if it held already is refused', [v([1, 2, 3], 2, [1, 2]), v([1, 2, 3], 1, [1])]],
];

/** Publishes these roots in place of those that the repository has. */
function publishRoots(repository: TufRepository, versions: readonly Version[]): Uint8Array {
	repository.roots.length = 0;
	repository.root.version = 0;
	for (const version of versions) {
		setKeys(repository, 'root', version);
		repository.publishRoot();
	}
	return repository.firstRoot;
}

function setKeys(
	repository: TufRepository,
	role: 'root' | 'timestamp' | 'snapshot' | 'targets',
	version: Version,
): void {
	repository.root.roles[role].keyids.length = 0;
	repository.root.roles[role].threshold = version.threshold;
	for (const number of version.keys) repository.addKey(role, keys[number] as TestKey);
	repository.signers.set(
		role,
		version.signed.map((number) => keys[number] as TestKey),
	);
}

for (const [title, versions] of accepted) {
	test(title, () =>
		withWorld(
			async ({ device }) => {
				assert.equal((await device.refresh()).outcome, 'refreshed');
				assert.equal(await device.version('root'), versions.length);
			},
			{},
			(repository) => publishRoots(repository, versions),
		),
	);
}

for (const [title, versions] of refused) {
	test(title, () =>
		withWorld(
			async ({ device }) => {
				const result = await device.refresh();
				assert.equal(result.outcome, 'refused');
				const code = result.outcome === 'refused' && result.refusal.code;
				assert.ok(code === 'below-threshold' || code === 'arbitrary-metadata', String(code));
				assert.equal(await device.version('root'), versions.length - 1);
			},
			{},
			(repository) => publishRoots(repository, versions),
		),
	);
}

const otherRoles: readonly (readonly [title: string, version: Version, accepted: boolean])[] = [
	['a replaced key signs the role', v([2], 1, [2]), true],
	['signatures by unknown keys beside a good one are passed over', v([1], 1, [3, 1, 4]), true],
	['a role that only unknown keys sign is refused', v([2], 1, [1, 3, 4]), false],
	[
		'a role with three signatures, one of them by a key that was replaced, is refused',
		v(oneReplaced, 3, [0, 2, 4]),
		false,
	],
	['a role with two of three signatures is refused', v(oneReplaced, 3, [0, 4]), false],
	['three of five keys sign the role, one way', v(five, 3, [0, 2, 4]), true],
	['three of five keys sign the role, another way', v(five, 3, [4, 1, 0]), true],
	['three of five keys sign the role, a third way', v(five, 3, [2, 3, 4]), true],
];

for (const [title, version, good] of otherRoles) {
	test(`timestamp, snapshot and targets: ${title}`, () =>
		withWorld(async ({ repository, device }) => {
			for (const role of ['timestamp', 'snapshot', 'targets'] as const) {
				setKeys(repository, role, version);
				repository.publishRoot();
				repository.publish();
				const result = await device.refresh();
				assert.equal(result.outcome, good ? 'refreshed' : 'refused', role);
				if (!good && result.outcome === 'refused') assert.equal(result.refusal.role, role);
				assert.equal((await device.version(role)) !== undefined, good || role !== 'timestamp');
				if (!good) return;
			}
		}));
}
