// Who signed and who is missing, over a root that is rotated, and what is not told where documents are absent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newKey, type TestKey } from '../../../../testing/tuf-repository/keys.ts';
import { trustSha256, verifyTrustSignature } from '../../../outside/signer/trust-verify.ts';
import { makeRoot, makeTargets, nextVersion, payloadToSign, unsigned, withSignature } from '../metadata/make.ts';
import type { Metadata, RootSigned, Signed, TargetsSigned } from '../metadata/model.ts';
import { type NamedDocument, type Standings, standingOf } from './standing.ts';

const now = Date.parse('2030-01-01T00:00:00Z');
const expires = '2031-01-01T00:00:00Z';
const world = { verify: verifyTrustSignature, sha256: trustSha256 };
const [a, b, c, d, online] = [newKey(), newKey(), newKey(), newKey(), newKey()] as const;
const entries = (...keys: readonly TestKey[]) => Object.fromEntries(keys.map(({ keyid, key }) => [keyid, key]));
const role = (threshold: number, ...keys: readonly TestKey[]) => ({
	keyids: keys.map(({ keyid }) => keyid),
	threshold,
});

function signed<S extends Signed>(document: S, ...signers: readonly TestKey[]): Metadata<S> {
	const payload = payloadToSign(document);
	return signers.reduce(
		(metadata, key) => withSignature(metadata, key.sign(payload)),
		unsigned(document) as Metadata<S>,
	);
}

const first = makeRoot({
	...{ version: 1, expires, keys: entries(a, b, c, online) },
	roles: { root: role(2, a, b, c), targets: role(1, a), snapshot: role(1, online), timestamp: role(1, online) },
});
const second = nextVersion<RootSigned>(first, {
	keys: entries(a, b, d, online),
	roles: { ...first.roles, root: role(2, a, b, d) },
});
const releases = { ...role(2, b, c), name: 'releases', terminating: true, paths: ['releases/*'] };
const bins = { ...role(1, online), name: 'bins', terminating: false, paths: ['*'] };
const targets = makeTargets({
	...{ version: 1, expires, targets: {} },
	delegations: { keys: entries(b, c, online), roles: [releases, bins] },
});
const empty: TargetsSigned = makeTargets({ version: 1, expires, targets: {} });

const stand = (...documents: readonly [string, Metadata][]): Standings =>
	standingOf(
		documents.map(([name, metadata]): NamedDocument => ({ role: name, metadata })),
		now,
		world,
	);
const states = ({ roles }: Standings) => roles.map(({ role: name, version, state }) => `${name} ${version} ${state}`);

test('a first ceremony is complete when every role of people is signed; roles of the server need no document', () => {
	const all = stand(['root', signed(first, a, b)], ['targets', signed(targets, a)], ['releases', signed(empty, b, c)]);
	assert.deepEqual(states(all), ['root 1 signed', 'targets 1 signed', 'releases 1 signed']);
	assert.equal(all.complete, true);
	assert.equal(all.roles[0]?.daysLeft, 365);
});

test('what is missing is named: signatures, and documents', () => {
	const some = stand(['root', signed(first, c)], ['targets', signed(targets, a)]);
	assert.deepEqual(states(some), ['root 1 incomplete', 'targets 1 signed', 'releases 0 absent']);
	const [check] = some.roles[0]?.checks ?? [];
	assert.deepEqual([check?.signed, check?.unsigned, check?.missing], [[c.keyid], [a.keyid, b.keyid], 1]);
	assert.equal(some.complete, false);
});

test('a root that follows needs the keys of both roots', () => {
	const half = stand(['root', signed(first, a, b)], ['root', signed(second, a, d)]);
	const checks = half.roles[1]?.checks.map(({ by, missing }) => `${by}: ${missing}`);
	assert.deepEqual(checks, ['root version 1: 1', 'root version 2: 0']);
	const whole = stand(['root', signed(first, a, b)], ['root', signed(second, a, b)]);
	assert.deepEqual(states(whole).slice(0, 2), ['root 1 signed', 'root 2 signed']);
});

test('a root without the one before it is not checked, and not complete', () => {
	const alone = stand(['root', signed(second, a, b)], ['targets', signed(empty, a)]);
	assert.deepEqual(states(alone), ['root 2 not-checked', 'targets 1 signed']);
	assert.match(alone.roles[0]?.notes[0] ?? '', /root version 1 is not here/);
	assert.equal(alone.complete, false);
});

test('a role whose keys nobody names here is not checked', () => {
	assert.deepEqual(states(stand(['releases', signed(empty, b, c)])), ['releases 1 not-checked']);
});

test('an expired document is told; a root that another follows may have expired', () => {
	const old = { ...first, expires: '2029-01-01T00:00:00Z' };
	const next = nextVersion<RootSigned>(old, { expires });
	const roots = stand(['root', signed(old, a, b)], ['root', signed(next, a, b)], ['targets', signed(empty, a)]);
	assert.equal(roots.complete, true);
	assert.equal(stand(['root', signed(old, a, b)], ['targets', signed(empty, a)]).complete, false);
});

test('a signature over something else, or by a stranger, is named and counts for nothing', () => {
	const changed = { ...signed(first, a, b), signed: { ...first, version: 1, expires: '2032-01-01T00:00:00Z' } };
	const standing = stand(['root', changed]).roles[0];
	assert.deepEqual(standing?.useless, [a.keyid, b.keyid]);
	assert.equal(standing?.checks[0]?.missing, 2);
	assert.deepEqual(stand(['root', signed(first, a, b, d)]).roles[0]?.useless, [d.keyid]);
});

test('the digest is over what is signed: signatures do not change it', () => {
	const digest = (metadata: Metadata) => stand(['root', metadata]).roles[0]?.digest;
	assert.equal(digest(signed(first, a)), digest(signed(first, a, b)));
	assert.notEqual(digest(signed(first, a)), digest(signed(second, a)));
});
