// What a ceremony is refused for, and what it is warned of.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { trustKeyOf, trustSha256 } from '../../../outside/signer/trust-verify.ts';
import { keyIdOf } from '../metadata/keys.ts';
import type { RootSigned, TargetsSigned } from '../metadata/model.ts';
import { day } from '../repository/settings.ts';
import { checkDocuments, type Findings } from './checks.ts';
import type { KeyEntry } from './key-entry.ts';
import { type CeremonyPlan, firstDocuments } from './plan.ts';

const now = Date.parse('2030-01-01T00:00:00Z');

function entry(label: string, kind: 'ed25519' | 'ml-dsa-65' = 'ed25519'): KeyEntry {
	const { publicKey } = kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ml-dsa-65');
	const key = trustKeyOf(publicKey);
	return { label, key, keyid: keyIdOf(key, trustSha256) };
}

const [a, b, c, d, e, online, r1, r2, r3] = ['a', 'b', 'c', 'd', 'e', 'online', 'r1', 'r2', 'r3'].map((label) =>
	entry(label),
) as [KeyEntry, KeyEntry, KeyEntry, KeyEntry, KeyEntry, KeyEntry, KeyEntry, KeyEntry, KeyEntry];
const server = { keys: [online], threshold: 1 };
const good: CeremonyPlan = {
	roles: {
		root: { keys: [a, b, c, d, e], threshold: 3 },
		targets: { keys: [r1, r2, r3], threshold: 2 },
		snapshot: server,
		timestamp: server,
	},
	delegations: [
		{ name: 'releases', keys: [c, d, e], threshold: 2, terminating: true, paths: ['releases/*'] },
		{ name: 'bins', ...server, terminating: false },
	],
};

function found(plan: CeremonyPlan, holders?: (keyid: string) => string | undefined): Findings {
	const documents = firstDocuments(plan, now);
	const root = documents.get('root') as RootSigned;
	documents.delete('root');
	return checkDocuments({ root, targets: documents as Map<string, TargetsSigned> }, now, holders);
}
const roles = (change: Partial<CeremonyPlan['roles']>): CeremonyPlan => ({
	...good,
	roles: { ...good.roles, ...change },
});
const releases = good.delegations[0] as CeremonyPlan['delegations'][0];
const bins = good.delegations[1] as CeremonyPlan['delegations'][0];
const delegated = (...delegations: CeremonyPlan['delegations']): CeremonyPlan => ({ ...good, delegations });

describe('a ceremony is refused', () => {
	const twin = { ...a, keyid: 'another-id', label: 'twin' };
	const pq = [entry('p1', 'ml-dsa-65'), entry('p2', 'ml-dsa-65')];
	const cases: readonly [string, CeremonyPlan, RegExp][] = [
		[
			'when a threshold cannot be reached',
			roles({ root: { keys: [a, b], threshold: 3 } }),
			/2 keys and a threshold of 3/,
		],
		[
			'when one key stands under two ids',
			roles({ root: { keys: [a, twin, b], threshold: 2 } }),
			/a and twin are the same/,
		],
		[
			'when a role only looks hybrid',
			roles({ root: { keys: [a, b, c, ...pq], threshold: 3 } }),
			/keys of one kind alone can sign. The threshold must be at least 4/,
		],
		[
			'when the keys of the server reach the threshold of root',
			roles({ root: { keys: [a, online], threshold: 1 } }),
			/whoever breaks in owns it/,
		],
		['when the server is asked before people', delegated(bins, releases), /"bins" is asked before "releases"/],
		['when clients read a pattern differently', delegated({ ...releases, paths: ['releases/**'] }), /holds "\*\*"/],
		['when a role has a name that is no name', delegated({ ...releases, name: '../x' }), /must be called by/],
		['when a role is trusted for nothing', delegated({ ...releases, paths: [] }), /trusted for no path/],
		[
			'when a document would be expired',
			roles({ root: { ...good.roles.root, expires: now - day } }),
			/"root" would expire at 2029-12-31T00:00:00Z, which is past/,
		],
	];
	for (const [title, plan, fault] of cases) {
		test(title, () => {
			const { faults } = found(plan);
			assert.ok(
				faults.some((text) => fault.test(text)),
				faults.join('\n'),
			);
		});
	}
});

describe('a ceremony is warned', () => {
	const cases: readonly [string, CeremonyPlan, RegExp][] = [
		['when one key alone is root', roles({ root: { keys: [a, b], threshold: 1 } }), /threshold of 1/],
		[
			'when no key may be lost',
			roles({ targets: { keys: [a, b], threshold: 2 } }),
			/"targets" needs all of its 2 keys/,
		],
		['when a role has one key', delegated({ ...releases, keys: [a], threshold: 1 }), /"releases" has one key/],
		[
			'when a key of the server is among those of people',
			roles({ root: { keys: [a, b, online], threshold: 2 } }),
			/a key of the server is among its keys: online/,
		],
		[
			'when a role of people is not terminating',
			delegated({ ...releases, terminating: false }, bins),
			/is looked for in the online role "bins"/,
		],
		['when a root lasts long', roles({ root: { ...good.roles.root, expires: now + 3000 * day } }), /lasts 3000 days/],
		[
			'when a document hardly lasts',
			delegated({ ...releases, expires: now + day }),
			/"releases" lasts less than 7 days/,
		],
		[
			'when a root has keys that other clients cannot read',
			roles({ root: { keys: [a, b, entry('p1', 'ml-dsa-65'), entry('p2', 'ml-dsa-65')], threshold: 3 } }),
			/python-tuf 5\.1 fails/,
		],
		['when people are in two roles', good, /^c, d, e hold keys of root and releases/],
	];
	for (const [title, plan, warning] of cases) {
		test(title, () => {
			const { warnings } = found(plan);
			assert.ok(
				warnings.some((text) => warning.test(text)),
				warnings.join('\n'),
			);
		});
	}

	test('when one person holds several keys of a role', () => {
		const { warnings } = found(good, (keyid) => ([a.keyid, b.keyid].includes(keyid) ? 'Ada' : undefined));
		assert.ok(warnings.includes('Ada holds 2 keys of the role "root": they count as one person.'), warnings.join('\n'));
	});
});

test('a hybrid role that needs both kinds is no fault', () => {
	const keys = [a, b, entry('p1', 'ml-dsa-65'), entry('p2', 'ml-dsa-65')];
	assert.deepEqual(found(roles({ root: { keys, threshold: 3 } })).faults, []);
});

test('the good ceremony has no faults', () => {
	assert.deepEqual(found(good).faults, []);
});
