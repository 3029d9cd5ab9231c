// Clause 5.6 of the client workflow: the top-level targets role and delegated roles, and in which order a target is searched.
// Real HTTP on loopback, repositories made in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalIn, type World, withWorld } from '../../../testing/tuf-repository/device.ts';
import type { TufRepository } from '../../../testing/tuf-repository/repository.ts';

const day = 86_400_000;

test('targets with another hash than the snapshot lists are refused', () =>
	withWorld(
		async ({ repository, device }) => {
			await device.refresh();
			repository.publish();
			repository.role('targets').expires = repository.inDays(31);
			repository.files.set('metadata/2.targets.json', repository.sign('targets', repository.role('targets')));
			assert.equal(refusalIn(await device.refresh()), 'mix-and-match');
			assert.equal(await device.version('targets'), 1);
		},
		{ hashes: true },
	));

test('targets of another version than the snapshot lists are refused', () =>
	withWorld(async ({ repository, device }) => {
		const draft = { ...repository.role('targets'), version: 2 };
		repository.files.set('metadata/1.targets.json', repository.sign('targets', draft));
		assert.equal(refusalIn(await device.refresh()), 'mix-and-match');
		assert.equal(await device.version('targets'), undefined);
	}));

test('unsigned targets are refused', () =>
	withWorld(async ({ repository, device }) => {
		repository.files.set('metadata/1.targets.json', repository.sign('targets', repository.role('targets'), []));
		assert.equal(refusalIn(await device.refresh()), 'arbitrary-metadata');
	}));

test('expired targets are refused, and those that are held stay', () =>
	withWorld(async ({ repository, device }) => {
		await device.refresh();
		repository.role('targets').expires = repository.inDays(-5);
		repository.publish();
		assert.equal(refusalIn(await device.refresh()), 'freeze');
		assert.equal(await device.version('targets'), 1);
	}));

test('a delegated role that has expired is not used and not kept', () =>
	withWorld(async ({ repository, device }) => {
		repository.delegate('targets', { name: 'late', paths: ['late/*'] }).expires = repository.inDays(-1);
		repository.addTarget('late', 'late/x', 'content');
		repository.publish('late', 'targets');
		assert.equal((await device.refresh()).outcome, 'refreshed');
		assert.equal(refusalIn(await device.download(['late/x'])), 'freeze');
		assert.equal(await device.downloaded('late/x'), undefined);
		assert.equal(await device.version('late'), undefined);
	}));

test('a delegated role that expires while it is held is used no more, until there is a newer one', () =>
	withWorld(async ({ repository, device }) => {
		repository.delegate('targets', { name: 'late', paths: ['late/*'] }).expires = repository.inDays(7);
		for (const name of ['late/first', 'late/second']) repository.addTarget('late', name, name);
		repository.publish('late', 'targets');
		assert.equal(refusalIn(await device.download(['late/first'])), undefined);
		const clock = () => repository.now + 18 * day;
		assert.equal(refusalIn(await device.download(['late/second'], { clock })), 'freeze');
		repository.role('late').expires = repository.inDays(21);
		repository.publish('late');
		assert.equal(refusalIn(await device.download(['late/second'], { clock })), undefined);
	}));

test('a delegated role that is current is fetched once', () =>
	withWorld(async ({ repository, server, device }) => {
		repository.delegate('targets', { name: 'once' });
		for (const name of ['a', 'b']) repository.addTarget('once', name, name);
		repository.publish('once', 'targets');
		await device.download(['a', 'b']);
		server.clear();
		await device.download(['a', 'b']);
		assert.deepEqual(server.requests, ['metadata/2.root.json', 'metadata/timestamp.json']);
	}));

type Delegation = readonly [delegator: string, name: string, how?: { paths?: string[]; terminating?: boolean }];

const graphs: readonly (readonly [title: string, delegations: readonly Delegation[], visited: readonly string[]])[] = [
	['one delegation', [['targets', 'A']], ['A']],
	[
		'two delegations are asked in order',
		[
			['targets', 'A'],
			['targets', 'B'],
		],
		['A', 'B'],
	],
	[
		'a delegated role delegates',
		[
			['targets', 'A'],
			['targets', 'B'],
			['B', 'C'],
		],
		['A', 'B', 'C'],
	],
	[
		'a role’s own delegations come before its sibling',
		[
			['targets', 'A'],
			['targets', 'B'],
			['A', 'C'],
			['A', 'D'],
		],
		['A', 'C', 'D', 'B'],
	],
	[
		'the search goes down before it goes on, over three levels',
		[
			['targets', 'A'],
			['targets', 'B'],
			['A', 'C'],
			['C', 'D'],
		],
		['A', 'C', 'D', 'B'],
	],
	[
		'a terminating delegation ends the search, siblings of its parents included',
		[
			['targets', 'A'],
			['targets', 'B'],
			['A', 'C', { terminating: true }],
			['A', 'D'],
		],
		['A', 'C'],
	],
	[
		'below a terminating delegation the search goes on',
		[
			['targets', 'A'],
			['targets', 'B'],
			['A', 'C', { terminating: true }],
			['C', 'D'],
		],
		['A', 'C', 'D'],
	],
	[
		'a role that is not trusted for the path is not asked, nor what it delegates',
		[
			['targets', 'A', { paths: ['*.py'] }],
			['targets', 'B'],
			['A', 'C'],
		],
		['B'],
	],
	[
		'a role on a lower level that is not trusted for the path is not asked',
		[
			['targets', 'A'],
			['targets', 'B'],
			['A', 'C', { paths: ['*.py'] }],
			['C', 'D'],
		],
		['A', 'B'],
	],
	[
		'a circle of delegations ends',
		[
			['targets', 'A'],
			['targets', 'B'],
			['B', 'C'],
			['C', 'D'],
			['D', 'B'],
		],
		['A', 'B', 'C', 'D'],
	],
	[
		'a role that two delegate is asked where it comes first',
		[
			['targets', 'A'],
			['targets', 'B'],
			['B', 'C'],
			['A', 'C'],
		],
		['A', 'C', 'B'],
	],
	[
		'a role that two delegate is asked by the one that is trusted for the path',
		[
			['targets', 'A'],
			['targets', 'B'],
			['B', 'C'],
			['A', 'C', { paths: ['*.py'] }],
		],
		['A', 'B', 'C'],
	],
];

function publishGraph(repository: TufRepository, delegations: readonly Delegation[]): void {
	const roles = new Set<string>();
	for (const [delegator, name, how] of delegations) {
		repository.delegate(delegator, { name, ...how });
		roles.add(name);
	}
	repository.publish(...roles, 'targets');
}

/** Roles fetched besides the top level, in order. */
const rolesAsked = ({ server }: World) =>
	server.requests
		.filter((path) => path.startsWith('metadata/1.'))
		.map((path) => path.slice('metadata/1.'.length, -'.json'.length));

for (const [title, delegations, visited] of graphs) {
	test(`search: ${title}`, () =>
		withWorld(async (world) => {
			publishGraph(world.repository, delegations);
			assert.equal(refusalIn(await world.device.download(['missing'])), 'unknown-target');
			assert.deepEqual(rolesAsked(world), visited);
		}));
}

const tree: readonly Delegation[] = [
	['targets', 'A', { paths: ['*.doc', '*.md'] }],
	['targets', 'B', { paths: ['releases/*/*'] }],
	['B', 'C', { paths: ['releases/x/*'] }],
	['B', 'D', { paths: ['releases/y/*.zip'] }],
];

const lookups: readonly (readonly [title: string, role: string, path: string, found: boolean, visited: string[]])[] = [
	['a target of the top-level role asks no other', 'targets', 'targetfile', true, []],
	['a pattern names a kind of file', 'A', 'README.md', true, ['A']],
	['a pattern names a folder', 'C', 'releases/x/x_v1', true, ['B', 'C']],
	['a pattern names a folder and a kind of file', 'D', 'releases/y/y_v1.zip', true, ['B', 'D']],
	['a target that not every role on the way may list is not found', 'D', 'releases/z/z_v1.zip', false, ['B']],
];

for (const [title, role, path, found, visited] of lookups) {
	test(`lookup: ${title}`, () =>
		withWorld(async (world) => {
			for (const [delegator, name, how] of tree) world.repository.delegate(delegator, { name, ...how });
			const content = world.repository.addTarget(role, path, `${path} by ${role}`);
			world.repository.publish('A', 'B', 'C', 'D', 'targets');
			assert.equal(refusalIn(await world.device.download([path])), found ? undefined : 'unknown-target');
			assert.deepEqual(await world.device.downloaded(path), found ? Buffer.from(content) : undefined);
			assert.deepEqual(rolesAsked(world), visited);
		}));
}

test('a role can be trusted for a range of hashes', () =>
	withWorld(async (world) => {
		const { repository, device } = world;
		const digits = [...'0123456789abcdef'];
		repository.delegate('targets', { name: 'low', path_hash_prefixes: digits.slice(0, 8) });
		repository.delegate('targets', { name: 'high', path_hash_prefixes: digits.slice(8) });
		const names = Array.from({ length: 8 }, (_, i) => `file-${i}`);
		// Each is listed by both roles: only the one that is trusted for its hash counts.
		for (const name of names) for (const role of ['low', 'high']) repository.addTarget(role, name, `${role} ${name}`);
		repository.publish('low', 'high', 'targets');
		const result = await device.download(names);
		const roles = result.outcome === 'downloaded' ? result.targets.map(({ found }) => found?.role) : [];
		assert.deepEqual(new Set(roles), new Set(['low', 'high']));
		assert.equal(roles.length, names.length);
	}));

test('a target in succinct bins needs the one bin that may list it', () =>
	withWorld(async (world) => {
		const { repository, device } = world;
		const bins = repository.delegateBins('targets', 4);
		const bin = repository.binOf('targets', 'some/file');
		repository.addTarget(bin, 'some/file', 'content');
		repository.publish(...bins, 'targets');
		assert.equal(refusalIn(await device.download(['some/file'])), undefined);
		assert.deepEqual(rolesAsked(world), [bin]);
	}));

for (const role of ['?', '#', '/role', '../role', 'a%2fb', '..', 'Ω role']) {
	test(`a role named ${JSON.stringify(role)} is one file, on the server and on the device`, () =>
		withWorld(async ({ repository, server, device }) => {
			repository.delegate('targets', { name: role });
			repository.publish(role, 'targets');
			assert.equal(refusalIn(await device.download(['missing'])), 'unknown-target');
			assert.ok(
				server.rawRequests.includes(`metadata/1.${encodeURIComponent(role)}.json`),
				server.rawRequests.join(' '),
			);
			assert.equal((await device.heldFiles()).length, 5);
			assert.equal(await device.version(role), 1);
		}));
}

test('300 roles deep, the search ends at the limit and says so', () =>
	withWorld(async ({ repository, server, device }) => {
		let above = 'targets';
		for (let i = 0; i < 300; i++) {
			repository.delegate(above, { name: `level-${i}` });
			above = `level-${i}`;
		}
		repository.addTarget(above, 'deep', 'content');
		for (let i = 0; i < 300; i++) repository.putRole(`level-${i}`);
		repository.publish();
		assert.equal(refusalIn(await device.download(['deep'])), 'excessive-delegations');
		assert.ok(server.requests.length < 80, String(server.requests.length));
		assert.equal((await device.refresh()).outcome, 'refreshed');
	}));

test('roles that the snapshot lists no more are deleted once its keys were rotated', () =>
	withWorld(async ({ repository, device }) => {
		repository.delegate('targets', { name: 'gone' });
		repository.publish('gone', 'targets');
		await device.download(['missing']);
		assert.equal(await device.version('gone'), 1);
		delete (repository.role('targets') as { delegations?: unknown }).delegations;
		delete (repository.snapshot.meta as Record<string, unknown>)['gone.json'];
		repository.rotateKeys('snapshot');
		repository.publishRoot();
		repository.publish();
		assert.equal((await device.refresh()).outcome, 'refreshed');
		assert.equal(await device.version('gone'), undefined);
	}));
