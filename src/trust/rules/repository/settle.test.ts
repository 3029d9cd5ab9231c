// Which documents may be committed, told as stories: a first root signed by two people, roots that follow, keys that
// change together with what they sign, roles below roles.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keysOf, roleOf, signedDocument, type TestKey, testKey } from '../../../../testing/tuf-documents/documents.ts';
import { verifyTrustSignature } from '../../../outside/signer/trust-verify.ts';
import { makeRoot, makeTargets } from '../metadata/make.ts';
import type { DelegatedRole, Metadata, RootSigned, Signed, TargetsSigned } from '../metadata/model.ts';
import { everyPathHashPrefix } from '../metadata/portable-paths.ts';
import { deriveRoles } from './role-settings.ts';
import { defaultSettings } from './settings.ts';
import { type CommittedDocuments, settle } from './settle.ts';

const expires = '2031-01-01T00:00:00Z';
const [anna, ben, clara, dora, server] = ['anna', 'ben', 'clara', 'dora', 'server'].map(testKey) as [
	TestKey,
	TestKey,
	TestKey,
	TestKey,
	TestKey,
];
const world = { verify: verifyTrustSignature, onlineKeyids: new Set([server.keyid]) };

/** Two of the people sign roots; `targets` signs targets; the server the rest. */
function root(
	version: number,
	signers: readonly TestKey[],
	people = [anna, ben],
	targets = clara,
): Metadata<RootSigned> {
	const roles = {
		...{ root: roleOf(2, ...people), targets: roleOf(1, targets) },
		...{ timestamp: roleOf(1, server), snapshot: roleOf(1, server) },
	};
	const keys = keysOf(...people, targets, server);
	return signedDocument(makeRoot({ version, expires, keys, roles }), ...signers) as Metadata<RootSigned>;
}

const delegated = (name: string, key: TestKey): DelegatedRole => ({
	...{ name, terminating: false, path_hash_prefixes: everyPathHashPrefix },
	...roleOf(1, key),
});

function targets(version: number, signer: TestKey, ...roles: readonly (readonly [string, TestKey])[]) {
	const keys = keysOf(...roles.map(([, key]) => key));
	const delegations = { keys, roles: roles.map(([name, key]) => delegated(name, key)) };
	const signed = makeTargets({ version, expires, targets: {}, ...(roles.length > 0 && { delegations }) });
	return signedDocument(signed, signer) as Metadata<TargetsSigned>;
}

const none: CommittedDocuments = { delegated: new Map() };
const pending = (documents: Record<string, Metadata<Signed>>) => new Map(Object.entries(documents));

test('a first root waits for its threshold and says who is missing', () => {
	const waits = settle(none, pending({ root: root(1, [anna]) }), world);
	assert.deepEqual(waits.commit, []);
	assert.equal(waits.documents, undefined);
	assert.deepEqual(
		waits.waiting[0]?.checks.map(({ missing, unsigned }) => [missing, unsigned]),
		[[1, [ben.keyid]]],
	);
	assert.deepEqual(settle(none, pending({ root: root(1, [anna, ben]) }), world).commit, ['root']);
});

test('targets cannot be committed before a root is', () => {
	const waits = settle(none, pending({ root: root(1, [anna]), targets: targets(1, clara) }), world);
	assert.deepEqual(waits.commit, []);
	const both = settle(none, pending({ root: root(1, [anna, ben]), targets: targets(1, clara) }), world);
	assert.deepEqual(both.commit, ['root', 'targets']);
});

const first: CommittedDocuments = { root: root(1, [anna, ben]), targets: targets(1, clara), delegated: new Map() };

test('a root that follows needs the thresholds of the old and of the new one', () => {
	const people = [ben, dora];
	const by = (...signers: readonly TestKey[]) => settle(first, pending({ root: root(2, signers, people) }), world);
	const waits = by(ben, dora);
	assert.deepEqual(waits.commit, []);
	assert.deepEqual(
		waits.waiting[0]?.checks.map(({ by, missing }) => [by, missing]),
		[
			['root version 1', 1],
			['root version 2', 0],
		],
	);
	assert.deepEqual(by(anna, ben).commit, []);
	assert.deepEqual(by(anna, ben, dora).commit, ['root']);
});

test('a root with another key for targets waits until targets is signed by it, and takes it along', () => {
	const second = root(2, [anna, ben], [anna, ben], dora);
	const waits = settle(first, pending({ root: second }), world);
	assert.deepEqual(waits.commit, []);
	assert.match(waits.waiting[0]?.reason ?? '', /targets version 1 is not signed by the keys of root version 2/);
	const both = settle(first, pending({ root: second, targets: targets(2, dora) }), world);
	assert.deepEqual(both.commit, ['root', 'targets']);
	assert.equal(both.documents?.targets?.signed.version, 2);
});

test('targets goes on alone where the root that waits is not complete', () => {
	const { commit, waiting } = settle(first, pending({ root: root(2, [anna]), targets: targets(2, clara) }), world);
	assert.deepEqual(commit, ['targets']);
	assert.deepEqual(
		waiting.map(({ role }) => role),
		['root'],
	);
});

test('a role that gets another key keeps its delegator waiting until it is signed by it', () => {
	const releases = targets(1, anna);
	const before = {
		...first,
		targets: targets(1, clara, ['releases', anna]),
		delegated: new Map([['releases', releases]]),
	};
	const rotated = targets(2, clara, ['releases', dora]);
	const waits = settle(before, pending({ targets: rotated }), world);
	assert.deepEqual(waits.commit, []);
	assert.match(waits.waiting[0]?.reason ?? '', /"releases" is to be signed by the keys that "targets" names first/);
	const both = settle(before, pending({ targets: rotated, releases: targets(2, dora) }), world);
	assert.deepEqual(both.commit, ['targets', 'releases']);
});

test('a role that the server signs, or that is new, keeps nobody waiting', () => {
	const next = targets(2, clara, ['releases', anna], ['bins', server]);
	const { commit, documents } = settle(first, pending({ targets: next }), world);
	assert.deepEqual(commit, ['targets']);
	assert.deepEqual([...(documents?.delegated.keys() ?? [])], []);
});

test('roles below roles are found, and one that nobody delegates to waits for ever', () => {
	const team = targets(1, dora);
	const releases = targets(1, anna, ['team', dora]);
	const all = pending({ targets: targets(2, clara, ['releases', anna]), releases, team, stray: targets(1, dora) });
	const { commit, waiting } = settle(first, all, world);
	assert.deepEqual(commit, ['targets', 'releases', 'team']);
	assert.deepEqual(waiting, [{ role: 'stray', version: 1, checks: [] }]);
});

test('the roles of a repository follow from its documents: who signs them, and the bins', () => {
	const documents = {
		root: root(1, [anna, ben]),
		targets: targets(1, clara, ['releases', anna], ['bins', server]),
		delegated: new Map([['releases', targets(1, anna, ['team', dora])]]),
	};
	const settings = { ...defaultSettings, bins: { ...defaultSettings.bins, bitLength: 1 } };
	const roles = deriveRoles(documents, settings, world.onlineKeyids);
	assert.deepEqual(
		roles.map(({ name, kind, delegator, settings: { online } }) => [name, kind, delegator, online]),
		[
			['root', 'root', '', false],
			['timestamp', 'timestamp', '', true],
			['snapshot', 'snapshot', '', true],
			['targets', 'targets', '', false],
			['releases', 'delegated', 'targets', false],
			['bins', 'delegated', 'targets', true],
			['team', 'delegated', 'releases', false],
			['bin-0', 'bin', 'bins', true],
			['bin-1', 'bin', 'bins', true],
		],
	);
	const bins = roles.find(({ name }) => name === 'bins')?.settings.unknown as {
		delegations: { succinct_roles: object };
	};
	assert.deepEqual(bins.delegations.succinct_roles, {
		...{ keyids: [server.keyid], threshold: 1, bit_length: 1, name_prefix: 'bin' },
	});
});

test('a role that delegates to itself or to its delegator is derived once', () => {
	const releases = targets(1, anna, ['releases', anna], ['team', dora]);
	const team = targets(1, dora, ['releases', anna]);
	const documents = {
		...{ root: root(1, [anna, ben]), targets: targets(1, clara, ['releases', anna]) },
		delegated: new Map([
			['releases', releases],
			['team', team],
		]),
	};
	const names = deriveRoles(documents, defaultSettings, world.onlineKeyids).map(({ name }) => name);
	assert.deepEqual(names.slice(3), ['targets', 'releases', 'team']);
});
