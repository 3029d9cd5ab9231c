// Independent clients before repositories of every layout that the service makes: python-tuf, tuf-js, and Caisson's own.
// Each finds what is there, with the right bytes, and nothing else.
//
// tuf-js copies every map entry by entry, which is quadratic: with 16,384 bins one refresh takes it minutes. It is asked
// with 1,024.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openTemporary } from '../../testing/database/temporary-database.ts';
import { keysOf, roleOf, signedBytes, testKey } from '../../testing/tuf-documents/documents.ts';
import { caissonClient } from '../../testing/tuf-oracles/caisson.ts';
import type { Oracle } from '../../testing/tuf-oracles/oracle.ts';
import { pythonTuf, pythonTufRoot, whyNoPythonTuf } from '../../testing/tuf-oracles/python-tuf.ts';
import { tufJs } from '../../testing/tuf-oracles/tuf-js.ts';
import {
	inOneYear,
	openService,
	people,
	serviceRoot,
	serviceTargets,
	type TestService,
	targetOf,
} from '../../testing/tuf-service/service.ts';
import { abortPending, offerDocument, prepareRole } from './repository/offer.ts';
import { makeTargets } from './rules/metadata/make.ts';
import { defaultSettings } from './rules/repository/settings.ts';

const { anna, ben, clara, dora, server, nextServer } = people;
const team = testKey('team');
const by = 'test';
const firstRoot = signedBytes(serviceRoot(1), anna, ben);

const withoutPython = await whyNoPythonTuf();
// A snapshot of 16,384 bins has 0.5 MB; python-tuf's default limit is 2 MB.
const python: Record<string, Oracle> =
	withoutPython === undefined ? { 'python-tuf': pythonTuf(await pythonTufRoot(console.error)) } : {};
const all: Record<string, Oracle> = { ...python, 'tuf-js': tufJs(), Caisson: caissonClient() };
if (withoutPython !== undefined) test('python-tuf accepts every layout', { skip: withoutPython }, () => {});

async function service(t: TestContext, bitLength: number, signers = [server]): Promise<TestService> {
	const database = await openTemporary();
	const settings = { bins: { ...defaultSettings.bins, bitLength } };
	const opened = await openService(database.storage, { settings, signers });
	t.after(async () => {
		opened.close();
		await database.destroy();
	});
	return opened;
}

/** Each oracle, from the first root on or from its folder below `states`, finds `there` and not `absent`. */
async function everybodyFinds(
	opened: TestService,
	oracles: Readonly<Record<string, Oracle>>,
	there: readonly string[],
	{ absent = ['not/there'], states, versions = {} }: { absent?: string[]; states?: string; versions?: object } = {},
): Promise<void> {
	for (const [name, oracle] of Object.entries(oracles)) {
		const state = states === undefined ? {} : { state: join(states, name) };
		const words = { root: firstRoot, targets: [...there, ...absent], ...state };
		const answer = await opened.seen(oracle, words);
		assert.deepEqual([name, answer.error], [name, null]);
		for (const path of there) assert.equal(answer.targets[path], targetOf(path).hashes.sha256, `${name}: ${path}`);
		for (const path of absent) assert.equal(answer.targets[path], null, `${name}: ${path}`);
		for (const [role, version] of Object.entries(versions)) assert.equal(answer.versions[role], version, name);
	}
}

test('flat: every target in the top-level role that people sign', async (t) => {
	const opened = await service(t, 2);
	await offerDocument(opened.world, 'root', firstRoot, by);
	const paths = ['a', 'dir/b', 'dir/deeper/c.swu'];
	const targets = Object.fromEntries(paths.map((path) => [path, targetOf(path)]));
	const document = makeTargets({ version: 1, expires: inOneYear, targets });
	await offerDocument(opened.world, 'targets', signedBytes(document, clara), by);
	await everybodyFinds(opened, all, paths);
});

async function withBins(opened: TestService, paths: readonly string[]): Promise<void> {
	await offerDocument(opened.world, 'root', firstRoot, by);
	await offerDocument(opened.world, 'targets', signedBytes(serviceTargets(1), clara), by);
	await opened.put(paths);
	await opened.publisher.publish(by);
}

test('256 bins, with names that a device may meet', async (t) => {
	const opened = await service(t, 8);
	const odd = [
		'.hidden',
		'with space',
		'plus+and~tilde',
		'ünï/çødé',
		'数字/零',
		'a/b/c/d/e/f/g/h',
		`${'x'.repeat(150)}/y`,
	];
	const many = Array.from({ length: 300 }, (_, index) => `pool/${index % 7}/package_${index}.deb`);
	await withBins(opened, [...odd, ...many]);
	await everybodyFinds(opened, all, [...odd, 'pool/0/package_0.deb', 'pool/5/package_299.deb']);
});

test('1,024 bins for tuf-js', async (t) => {
	const opened = await service(t, 10);
	await withBins(opened, ['a', 'b/c']);
	await everybodyFinds(opened, { 'tuf-js': tufJs() }, ['a', 'b/c']);
});

test('16,384 bins for the others', async (t) => {
	const opened = await service(t, 14);
	await withBins(opened, ['a', 'b/c']);
	const { 'tuf-js': _, ...others } = all;
	await everybodyFinds(opened, others, ['a', 'b/c']);
});

test('roles of people below each other, beside the bins', async (t) => {
	const opened = await service(t, 2);
	const { world } = opened;
	await offerDocument(world, 'root', firstRoot, by);
	await offerDocument(world, 'targets', signedBytes(serviceTargets(1, { releases: true }), clara), by);
	// Dora's role ends the search for releases/*; she leaves what begins with "team-" to the team.
	const below = { name: 'team', terminating: false, paths: ['releases/team-*'], ...roleOf(1, team) };
	const releases = makeTargets({
		...{ version: 1, expires: inOneYear, targets: { 'releases/one.swu': targetOf('releases/one.swu') } },
		delegations: { keys: keysOf(team), roles: [below] },
	});
	const { committed } = await offerDocument(world, 'releases', signedBytes(releases, dora), by);
	assert.deepEqual(committed, ['releases']);
	await opened.put(['releases/team-a.swu', 'releases/two.swu', 'chunks/1']);
	await abortPending(world, 'team', by);
	for (const [role, key] of [
		['team', team],
		['releases', dora],
	] as const) {
		const prepared = await prepareRole(world, role, by);
		await offerDocument(world, role, signedBytes(prepared.signed, key), by);
	}
	await opened.publisher.publish(by);
	const there = ['releases/one.swu', 'releases/two.swu', 'releases/team-a.swu', 'chunks/1'];
	await everybodyFinds(opened, all, there, { absent: ['releases/three.swu', 'releases/team-b.swu', 'not/there'] });
});

test('root rotated twice, the server’s key with it: new devices and those that followed', async (t) => {
	const opened = await service(t, 2, [server, nextServer]);
	const states = mkdtempSync(join(tmpdir(), 'caisson-oracle-states-'));
	t.after(() => rmSync(states, { recursive: true }));
	await withBins(opened, ['a', 'dir/b']);
	await everybodyFinds(opened, all, ['a'], { states, versions: { root: 1 } });
	const second = serviceRoot(2, { roots: [anna, dora] });
	await offerDocument(opened.world, 'root', signedBytes(second, anna, ben, dora), by);
	const third = serviceRoot(3, { roots: [anna, dora], online: nextServer });
	await offerDocument(opened.world, 'root', signedBytes(third, anna, dora), by);
	const targets = serviceTargets(2, { online: nextServer });
	const { committed } = await offerDocument(opened.world, 'targets', signedBytes(targets, clara), by);
	assert.deepEqual(committed, ['targets']);
	await opened.put(['c']);
	await opened.publisher.publish(by);
	await everybodyFinds(opened, all, ['a', 'dir/b', 'c'], { states, versions: { root: 3 } });
	await everybodyFinds(opened, all, ['c'], { versions: { root: 3 } });
});
