// What the server does for the repository by itself: old documents and their files go, files come back, alarms are told.

import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTemporary } from '../../testing/database/temporary-database.ts';
import { signedBytes } from '../../testing/tuf-documents/documents.ts';
import { tufJs } from '../../testing/tuf-oracles/tuf-js.ts';
import {
	openService,
	people,
	serviceNow,
	serviceRoot,
	serviceTargets,
	type TestService,
} from '../../testing/tuf-service/service.ts';
import type { Storage } from '../storage/store.ts';
import { Housekeeping } from './housekeeping.ts';
import { offerDocument } from './repository/offer.ts';
import { defaultSettings } from './rules/repository/settings.ts';

const { anna, ben, clara } = people;
const root = signedBytes(serviceRoot(1), anna, ben);
const day = 86_400_000;

interface World {
	readonly storage: Storage;
	readonly service: TestService;
	readonly housekeeping: Housekeeping;
	readonly told: string[];
	/** Moves the clock of the server. */
	wait(milliseconds: number): void;
}

async function withWorld(use: (world: World) => Promise<void>, signs = true): Promise<void> {
	const database = await openTemporary();
	const { storage } = database;
	let time = serviceNow;
	const now = () => time;
	const bins = { ...defaultSettings.bins, bitLength: 1 };
	const service = await openService(storage, { now, settings: { bins, keptVersions: 2 } });
	const told: string[] = [];
	const { files, publisher } = service;
	const alarm = ({ role, state }: { role: string; state: string }) => void told.push(`${role} ${state}`);
	const housekeeping = new Housekeeping({ storage, files, publisher, signs, now, alarm });
	try {
		await offerDocument(service.world, 'root', root, 'test');
		await offerDocument(service.world, 'targets', signedBytes(serviceTargets(1), clara), 'test');
		const wait = (milliseconds: number) => {
			time += milliseconds;
		};
		await use({ storage, service, housekeeping, told, wait });
	} finally {
		service.close();
		await database.destroy();
	}
}

test('documents that enough later ones follow are forgotten with their files an hour later; roots stay', async () => {
	await withWorld(async ({ storage, service, housekeeping, wait }) => {
		const second = signedBytes(serviceRoot(2), anna, ben);
		await offerDocument(service.world, 'root', second, 'test');
		for (const name of ['a', 'b', 'c', 'd']) {
			await service.put([name]);
			await service.publisher.publish('test');
		}
		assert.equal(await housekeeping.forget(), 0);
		wait(3_600_001);
		assert.ok((await housekeeping.forget()) > 0);
		assert.equal(await housekeeping.forget(), 0);
		const snapshots = (await storage.trust.versions('snapshot', 99)).map(({ version }) => version);
		assert.equal(snapshots.length, 3);
		const names = readdirSync(service.folder);
		assert.deepEqual(
			names.filter((name) => name.endsWith('.snapshot.json')).sort(),
			snapshots.map((version) => `${version}.snapshot.json`).sort(),
		);
		assert.ok(names.includes('1.root.json') && names.includes('2.root.json'));
		const { error, targets } = await service.seen(tufJs(), { root, targets: ['a', 'd'] });
		assert.equal(error, null);
		assert.ok(targets.a && targets.d);
	});
});

test('where nothing is served any more, all of it is written anew', async () => {
	await withWorld(async ({ service, housekeeping }) => {
		await service.put(['a']);
		await service.publisher.publish('test');
		for (const name of readdirSync(service.folder)) rmSync(join(service.folder, name));
		await housekeeping.round();
		const { error, targets } = await service.seen(tufJs(), { root, targets: ['a'] });
		assert.equal(error, null);
		assert.ok(targets.a);
	});
});

test('what waits is published and what is due is signed again, round by round', async () => {
	await withWorld(async ({ storage, service, housekeeping, wait }) => {
		await service.put(['a']);
		await housekeeping.round();
		assert.deepEqual(await storage.trust.targets({ waiting: true }, '', 9), []);
		const version = async (role: string) => (await storage.trust.role(role))?.version;
		const before = [await version('timestamp'), await version('bin-0')];
		await housekeeping.round();
		assert.deepEqual([await version('timestamp'), await version('bin-0')], before);
		wait(5 * day);
		await housekeeping.round();
		assert.deepEqual([await version('timestamp'), await version('bin-0')], [(before[0] ?? 0) + 1, before[1]]);
	});
});

test('alarms are told when they begin and once a day; a server without a key does not sign', async () => {
	await withWorld(async ({ storage, housekeeping, told, wait }) => {
		await housekeeping.round();
		assert.deepEqual(told, []);
		assert.deepEqual(housekeeping.expiries.map(({ name }) => name).sort(), [
			'bin-*',
			'bins',
			'root',
			'snapshot',
			'targets',
			'timestamp',
		]);
		wait(6 * day);
		await housekeeping.round();
		await housekeeping.round();
		assert.deepEqual(told, ['timestamp expires-soon']);
		wait(day);
		await housekeeping.round();
		assert.deepEqual(told.slice(1), ['timestamp expired']);
		wait(day);
		await housekeeping.round();
		assert.deepEqual(told.slice(2), ['timestamp expired']);
		assert.equal((await storage.trust.role('timestamp'))?.version, 1);
	}, false);
});
