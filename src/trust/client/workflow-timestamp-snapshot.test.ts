// Clauses 5.3.11, 5.4 and 5.5 of the client workflow: timestamp and snapshot, rollback, freeze, and recovery from a
// fast-forward attack. Real HTTP on loopback, repositories made in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalIn, withWorld } from '../../../testing/tuf-repository/device.ts';

const day = 86_400_000;

test('a timestamp with other content under the trusted version is not taken', () =>
	withWorld(async ({ repository, server, device }) => {
		await device.refresh();
		repository.timestamp.meta['snapshot.json'].version = 100;
		repository.putTimestamp();
		server.clear();
		assert.equal((await device.refresh()).outcome, 'refreshed');
		const held = await device.held('timestamp');
		assert.deepEqual(held?.signed.meta, { 'snapshot.json': { version: 1 } });
		assert.deepEqual(server.requests, ['metadata/2.root.json', 'metadata/timestamp.json']);
	}));

test('an older timestamp is a rollback, and what is held stays', () =>
	withWorld(async ({ repository, server, device }) => {
		const first = repository.files.get('metadata/timestamp.json') as Uint8Array;
		repository.publishTimestamp();
		await device.refresh();
		repository.files.set('metadata/timestamp.json', first);
		assert.equal(refusalIn(await device.refresh()), 'rollback');
		assert.equal(await device.version('timestamp'), 2);
		assert.equal(server.requests.at(-1), 'metadata/timestamp.json');
	}));

for (const hashes of [false, true]) {
	const how = hashes ? 'with hashes' : 'without hashes';

	test(`a timestamp that names an older snapshot is a rollback, ${how}`, () =>
		withWorld(
			async ({ repository, server, device }) => {
				repository.publishSnapshot();
				await device.refresh();
				repository.snapshot.version = 1;
				repository.putSnapshot();
				repository.publishTimestamp();
				assert.equal(refusalIn(await device.refresh()), 'rollback');
				assert.equal(await device.version('timestamp'), 2);
				assert.equal(await device.version('snapshot'), 2);
				assert.equal(server.requests.at(-1), 'metadata/timestamp.json');
			},
			{ hashes },
		));

	test(`a snapshot that lists older targets is a rollback, ${how}`, () =>
		withWorld(
			async ({ repository, device }) => {
				repository.publish();
				repository.publish();
				await device.refresh();
				assert.equal(await device.version('targets'), 3);
				repository.role('targets').version = 1;
				repository.putRole('targets');
				repository.publishSnapshot();
				assert.equal(refusalIn(await device.refresh()), 'rollback');
				assert.equal(await device.version('snapshot'), 3);
				assert.equal(await device.version('targets'), 3);
			},
			{ hashes },
		));
}

test('an older snapshot on the server under an unchanged timestamp is never fetched', () =>
	withWorld(async ({ repository, server, device }) => {
		repository.publishSnapshot();
		await device.refresh();
		repository.snapshot.version = 1;
		repository.putSnapshot();
		assert.equal((await device.refresh()).outcome, 'refreshed');
		assert.equal(await device.version('snapshot'), 2);
		assert.equal(server.requests.at(-1), 'metadata/timestamp.json');
	}));

test('a snapshot of another version than the timestamp names is refused', () =>
	withWorld(async ({ repository, server, device }) => {
		repository.snapshot.version = 2;
		repository.files.set('metadata/1.snapshot.json', repository.sign('snapshot', repository.snapshot));
		assert.equal(refusalIn(await device.refresh()), 'mix-and-match');
		assert.deepEqual(await device.heldFiles(), ['root.json', 'timestamp.json']);
		assert.equal(server.requests.at(-1), 'metadata/1.snapshot.json');
	}));

test('a snapshot with another hash than the timestamp names is refused', () =>
	withWorld(
		async ({ repository, device }) => {
			repository.snapshot.expires = repository.inDays(31);
			repository.files.set('metadata/1.snapshot.json', repository.sign('snapshot', repository.snapshot));
			assert.equal(refusalIn(await device.refresh()), 'mix-and-match');
			assert.equal(await device.version('snapshot'), undefined);
		},
		{ hashes: true },
	));

test('a snapshot that no longer lists a role is a rollback', () =>
	withWorld(async ({ repository, device }) => {
		repository.delegate('targets', { name: 'gone' });
		repository.publish('gone', 'targets');
		await device.refresh();
		delete (repository.snapshot.meta as Record<string, unknown>)['gone.json'];
		repository.publishSnapshot();
		assert.equal(refusalIn(await device.refresh()), 'rollback');
		assert.equal(await device.version('snapshot'), 2);
	}));

for (const [role, file] of [
	['timestamp', 'metadata/timestamp.json'],
	['snapshot', 'metadata/1.snapshot.json'],
] as const) {
	test(`an unsigned ${role} is refused`, () =>
		withWorld(async ({ repository, device }) => {
			repository.files.set(file, repository.sign(role, repository[role], []));
			assert.equal(refusalIn(await device.refresh()), 'arbitrary-metadata');
			assert.equal(await device.version(role), undefined);
		}));

	test(`an expired ${role} is refused, and the one that is held stays`, () =>
		withWorld(async ({ repository, device }) => {
			await device.refresh();
			repository[role].expires = repository.inDays(-5);
			repository.publishSnapshot();
			const result = await device.refresh();
			assert.equal(refusalIn(result), 'freeze');
			assert.equal(result.outcome === 'refused' && result.refusal.role, role);
			assert.equal(await device.version(role), 1);
		}));
}

test('held metadata that has expired meanwhile still leads to newer metadata', () =>
	withWorld(async ({ repository, device }) => {
		repository.timestamp.expires = repository.inDays(7);
		repository.snapshot.expires = repository.inDays(8);
		repository.publishSnapshot();
		await device.refresh();
		repository.timestamp.expires = repository.inDays(21);
		repository.snapshot.expires = repository.inDays(21);
		repository.publish();
		const late = () => repository.now + 18 * day;
		assert.equal((await device.refresh({ clock: late })).outcome, 'refreshed');
		assert.equal(await device.version('timestamp'), 3);
		assert.equal(await device.version('snapshot'), 3);
		assert.equal(await device.version('targets'), 2);
	}));

test('held metadata that has expired meanwhile still keeps older metadata out', () =>
	withWorld(async ({ repository, device }) => {
		const first = repository.files.get('metadata/timestamp.json') as Uint8Array;
		repository.timestamp.expires = repository.inDays(7);
		repository.publishTimestamp();
		await device.refresh();
		repository.files.set('metadata/timestamp.json', first);
		const late = () => repository.now + 18 * day;
		assert.equal(refusalIn(await device.refresh({ clock: late })), 'rollback');
	}));

test('time stands still during a refresh: what expires meanwhile was current when it began', () =>
	withWorld(async ({ repository, device }) => {
		let asked = 0;
		const result = await device.refresh({ clock: () => repository.now + 20 * day * asked++ });
		assert.equal(result.outcome, 'refreshed');
		assert.equal(asked, 1);
	}));

test('raised versions of the timestamp are left behind when its keys are rotated', () =>
	withWorld(async ({ repository, device }) => {
		repository.timestamp.version = 99_999;
		repository.putTimestamp();
		await device.refresh();
		assert.equal(await device.version('timestamp'), 99_999);
		repository.rotateKeys('timestamp');
		repository.publishRoot();
		repository.timestamp.version = 2;
		repository.putTimestamp();
		const result = await device.refresh();
		assert.equal(result.outcome, 'refreshed');
		assert.equal(await device.version('timestamp'), 2);
		assert.deepEqual(result.outcome === 'refreshed' && result.recovered, [
			{ code: 'fast-forward-recovered', role: 'timestamp', from: 99_999, to: 2 },
		]);
	}));

test('raised versions of the snapshot are left behind when the keys of snapshot and timestamp are rotated', () =>
	withWorld(async ({ repository, device }) => {
		repository.snapshot.version = 99_999;
		repository.publishSnapshot();
		await device.refresh();
		assert.equal(await device.version('snapshot'), 100_000);
		repository.rotateKeys('snapshot');
		repository.rotateKeys('timestamp');
		repository.publishRoot();
		repository.snapshot.version = 1;
		repository.publishSnapshot();
		assert.equal((await device.refresh()).outcome, 'refreshed');
		assert.equal(await device.version('snapshot'), 2);
	}));

test('raised versions of targets are left behind when the keys of the snapshot are rotated', () =>
	withWorld(async ({ repository, device }) => {
		repository.role('targets').version = 99_999;
		repository.publish();
		await device.refresh();
		assert.equal(await device.version('targets'), 100_000);
		repository.role('targets').version = 1;
		repository.putRole('targets');
		repository.publishSnapshot();
		assert.equal(refusalIn(await device.refresh()), 'rollback');
		repository.rotateKeys('snapshot');
		repository.publishRoot();
		repository.publishSnapshot();
		assert.equal((await device.refresh()).outcome, 'refreshed');
		assert.equal(await device.version('targets'), 1);
	}));

test('a key that is added to the snapshot role does not open the way to older targets', () =>
	withWorld(async ({ repository, device }) => {
		repository.publish();
		await device.refresh();
		repository.addKey('snapshot');
		repository.publishRoot();
		repository.role('targets').version = 1;
		repository.putRole('targets');
		repository.publishSnapshot();
		assert.equal(refusalIn(await device.refresh()), 'rollback');
		assert.equal(await device.version('targets'), 2);
	}));

test('without consistent snapshots, files have no version in their names', () =>
	withWorld(
		async ({ repository, server, device }) => {
			repository.addTarget('targets', 'a/b', 'content');
			repository.publish();
			assert.equal((await device.download(['a/b'])).outcome, 'downloaded');
			assert.deepEqual(server.requests.slice(1), [
				'metadata/timestamp.json',
				'metadata/snapshot.json',
				'metadata/targets.json',
				'targets/a/b',
			]);
		},
		{ consistentSnapshot: false },
	));

test('a root can switch consistent snapshots on', () =>
	withWorld(
		async ({ repository, server, device }) => {
			await device.refresh();
			repository.root.consistent_snapshot = true;
			repository.publishRoot();
			repository.publish();
			server.clear();
			assert.equal((await device.refresh()).outcome, 'refreshed');
			assert.ok(server.requests.includes('metadata/2.snapshot.json'));
		},
		{ consistentSnapshot: false },
	));
