// The rows of the attack table that a TUF client meets, each with its stimulus and what must be observed: the refusal as
// a value, kept for the next report, nothing installed, and old trust unharmed. Rows of the director are elsewhere.

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { refusalIn, type World, withWorld } from '../../../testing/tuf-repository/device.ts';
import { newKey } from '../../../testing/tuf-repository/keys.ts';
import type { RefusalCode } from '../rules/client/refusal.ts';
import { partialFolder } from './names.ts';

const day = 86_400_000;

/** The device refuses with this code, reports it, keeps its trust, and goes on once the attack is over. */
async function assertRefused(
	{ device }: World,
	code: RefusalCode,
	attempt: () => ReturnType<World['device']['download']>,
): Promise<void> {
	const before = await device.heldFiles();
	const result = await attempt();
	assert.equal(refusalIn(result), code, JSON.stringify(result));
	const kept = (await device.status()).lastRefusal?.refusal;
	assert.equal(kept?.code, code);
	assert.ok((kept?.detail ?? '').length > 0);
	for (const name of before) assert.ok((await device.heldFiles()).includes(name), `${name} is kept`);
	assert.deepEqual(
		(await readdir(device.downloads).catch(() => [])).filter((name) => name !== partialFolder),
		[],
		'nothing was put in place',
	);
}

async function publishUpdate({ repository, device }: World, size = 20_000): Promise<void> {
	await device.refresh();
	repository.addTarget('targets', 'update.swu', Buffer.alloc(size, 'genuine '));
	repository.publish();
}

const install = (world: World) => () => world.device.download(['update.swu']);

test('attack 1: an altered update under valid metadata is not put in place', () =>
	withWorld(async (world) => {
		await publishUpdate(world);
		const altered = Buffer.alloc(20_000, 'genuine ');
		altered[100] = 0;
		world.repository.files.set(world.repository.targetFile('targets', 'update.swu'), altered);
		await assertRefused(world, 'wrong-target', install(world));
	}));

for (const role of ['root', 'timestamp', 'snapshot', 'targets'] as const) {
	test(`attack 2: unsigned, foreign and twice signed metadata of ${role} is refused`, () =>
		withWorld(async (world) => {
			const { repository, server, device } = world;
			await publishUpdate(world);
			repository.publishRoot();
			const path = role === 'timestamp' ? 'metadata/timestamp.json' : `metadata/2.${role}.json`;
			const honest = JSON.parse(Buffer.from(repository.files.get(path) as Uint8Array).toString());
			const foreign = JSON.parse(Buffer.from(repository.sign(role, honest.signed, [newKey()])).toString());
			const forgeries: readonly (readonly [RefusalCode, unknown])[] = [
				['arbitrary-metadata', { ...honest, signatures: [] }],
				['arbitrary-metadata', foreign],
				['arbitrary-metadata', { ...honest, signatures: [honest.signatures[0], honest.signatures[0]] }],
				['arbitrary-metadata', 'not metadata'],
			];
			for (const [code, forged] of forgeries) {
				server.behave(new RegExp(`${path}$`), (_request, response) => response.end(JSON.stringify(forged)));
				await assertRefused(world, code, install(world));
				server.calm();
			}
			assert.equal(refusalIn(await device.download(['update.swu'])), undefined);
			assert.equal((await device.status()).lastRefusal, undefined);
		}));
}

test('attack 3: endless metadata and an endless target are cut at their limits, and the disk is bounded', () =>
	withWorld(async (world) => {
		const { server, device } = world;
		await publishUpdate(world);
		for (const path of [/timestamp\.json$/, /2\.snapshot\.json$/, /2\.targets\.json$/, /^targets\//]) {
			server.behave(path, (_request, response) => {
				// Chunked: no length is announced.
				const more = () => response.destroyed || response.write(Buffer.alloc(65_536, '{'), () => setImmediate(more));
				more();
			});
			const limits = { snapshot: 100_000, targets: 100_000 };
			await assertRefused(world, 'endless-data', () => device.download(['update.swu'], { limits }));
			server.calm();
		}
		assert.ok(server.bytesSent < 50_000_000, String(server.bytesSent));
	}));

test('attack 4: a drip of bytes is cut by the minimum rate, for metadata and targets', () =>
	withWorld(async (world) => {
		const { server, device } = world;
		await publishUpdate(world);
		const policy = { minimumRate: 1000, paceWindow: 100 };
		for (const path of [/timestamp\.json$/, /^targets\//]) {
			server.behave(path, (_request, response) => {
				const timer = setInterval(() => response.write('x'), 20);
				response.on('close', () => clearInterval(timer));
			});
			await assertRefused(world, 'slow-retrieval', () => device.download(['update.swu'], { policy }));
			server.calm();
		}
	}));

test('attack 5: replayed metadata that has expired is a freeze, also with the clock set back', () =>
	withWorld(async (world) => {
		const { repository, device } = world;
		await publishUpdate(world);
		const late = repository.now + 29 * day;
		for (const draft of [repository.timestamp, repository.snapshot, repository.role('targets')]) {
			draft.expires = repository.inDays(40);
		}
		repository.root.expires = repository.inDays(400);
		repository.publishRoot();
		repository.publish();
		assert.equal((await device.refresh({ clock: () => late })).outcome, 'refreshed');
		await assertRefused(world, 'freeze', () =>
			device.download(['update.swu'], { clock: () => repository.now + 41 * day }),
		);
		// The clock in 1970: judged at the floor, where a timestamp of 28 days has expired.
		repository.timestamp.expires = repository.inDays(28);
		repository.publishTimestamp();
		await assertRefused(world, 'freeze', () => device.download(['update.swu'], { clock: () => 0 }));
		const result = await device.refresh({ clock: () => 0 });
		const time = result.outcome === 'refused' ? result.time : undefined;
		assert.deepEqual(time, { now: late, clock: 0, floor: late, behind: true });
	}));

test('attack 6: lower versions of timestamp, snapshot and targets, and a role that vanished, are a rollback', () =>
	withWorld(async (world) => {
		const { repository, server, device } = world;
		const oldTimestamp = repository.files.get('metadata/timestamp.json') as Uint8Array;
		repository.delegate('targets', { name: 'releases', paths: ['releases/*'] });
		repository.publish('releases', 'targets');
		await publishUpdate(world);
		await device.refresh();
		server.behave(/timestamp/, (_request, response) => response.end(oldTimestamp));
		await assertRefused(world, 'rollback', install(world));
		server.calm();
		const { meta } = repository.snapshot;
		for (const lower of [{ 'targets.json': { version: 1 } }, { 'releases.json': undefined }]) {
			const saved = { ...meta };
			Object.assign(meta, lower);
			for (const [name, file] of Object.entries(meta)) if (file === undefined) delete meta[name];
			repository.publishSnapshot();
			await assertRefused(world, 'rollback', install(world));
			Object.assign(meta, saved);
		}
		repository.publishSnapshot();
		assert.equal((await device.refresh()).outcome, 'refreshed');
	}));

test('attack 7: versions that were raised out of reach are recovered from by new keys in the root', () =>
	withWorld(async (world) => {
		const { repository, device } = world;
		const highest = Number.MAX_SAFE_INTEGER;
		repository.timestamp.version = highest;
		repository.putTimestamp();
		await device.refresh();
		repository.timestamp.version = 2;
		repository.putTimestamp();
		await assertRefused(world, 'rollback', () => device.download(['update.swu']));
		repository.rotateKeys('timestamp');
		repository.publishRoot();
		repository.putTimestamp();
		const result = await device.refresh();
		assert.deepEqual(result.outcome === 'refreshed' && result.recovered.map(({ from, to }) => [from, to]), [
			[highest, 2],
		]);
	}));

test('attack 8: an older snapshot’s targets under a newer snapshot are mixed, not matched', () =>
	withWorld(
		async (world) => {
			const { repository, server } = world;
			const oldTargets = repository.files.get('metadata/1.targets.json') as Uint8Array;
			const oldSnapshot = repository.files.get('metadata/1.snapshot.json') as Uint8Array;
			await publishUpdate(world);
			for (const [path, old] of [
				[/2\.snapshot\.json$/, oldSnapshot],
				[/2\.targets\.json$/, oldTargets],
			] as const) {
				server.behave(path, (_request, response) => response.end(old));
				await assertRefused(world, 'mix-and-match', install(world));
				server.calm();
			}
		},
		{ hashes: true },
	));

test('attack 11: a mirror that withholds everything is told apart from one that lies, and another mirror succeeds', () =>
	withWorld(async (world) => {
		const { server, device } = world;
		await publishUpdate(world);
		server.behave(/^targets\//, (_request, response) => response.writeHead(404).end());
		await assertRefused(world, 'withheld', install(world));
		const targetUrls = [`${server.url}/targets`, `${server.url}/good/../targets`];
		let asked = 0;
		server.behave(/^targets\//, (_request, response) => (asked++ === 0 ? response.writeHead(404).end() : false));
		assert.equal(refusalIn(await device.download(['update.swu'], { targetUrls })), undefined);
		assert.equal(asked, 2);
	}));

test('attack 12: one stolen key of a threshold of two signs nothing that is accepted', () =>
	withWorld(async (world) => {
		const { repository, device } = world;
		repository.addKey('targets');
		repository.root.roles.targets.threshold = 2;
		repository.publishRoot();
		repository.publish();
		await device.refresh();
		const [stolen] = repository.signers.get('targets') ?? [];
		repository.signers.set('targets', stolen === undefined ? [] : [stolen]);
		repository.addTarget('targets', 'update.swu', 'evil');
		repository.publish();
		await assertRefused(world, 'below-threshold', install(world));
		assert.equal(await device.version('targets'), 2);
	}));

test('attack 13: who stole the keys of timestamp and snapshot can repeat and withhold, and bring nothing new', () =>
	withWorld(async (world) => {
		const { repository, device } = world;
		await publishUpdate(world);
		assert.equal(refusalIn(await device.download(['update.swu'])), undefined);
		repository.addTarget('targets', 'evil.swu', 'evil');
		repository.signers.set('targets', [newKey()]);
		repository.publish();
		assert.equal(refusalIn(await device.download(['evil.swu'])), 'arbitrary-metadata');
		assert.equal(await device.downloaded('evil.swu'), undefined);
		// Old targets again: the snapshot that names them is a rollback.
		repository.role('targets').version = 1;
		repository.snapshot.meta['targets.json'] = { version: 1 };
		repository.publishSnapshot();
		assert.equal(refusalIn(await device.refresh()), 'rollback');
	}));

test('attack 21: a role that two delegate with different keys is trusted only for the one whose keys signed it', () =>
	withWorld(async (world) => {
		const { repository, device } = world;
		repository.delegate('targets', { name: 'A', paths: ['a/*'] });
		repository.delegate('targets', { name: 'B', paths: ['b/*'] });
		repository.delegate('A', { name: 'shared', paths: ['*/*'] });
		const ofA = repository.signers.get('shared') ?? [];
		const other = newKey();
		repository.delegate('B', { name: 'shared', paths: ['*/*'], keyids: [other.keyid], threshold: 1 });
		const delegations = repository.role('B').delegations;
		if (delegations !== undefined) delegations.keys[other.keyid] = { ...other.key, keyval: { ...other.key.keyval } };
		repository.signers.set('shared', ofA);
		for (const name of ['a/x', 'b/x']) repository.addTarget('shared', name, name);
		repository.publish('A', 'B', 'shared', 'targets');
		const result = await device.download(['a/x', 'b/x']);
		const outcomes =
			result.outcome === 'downloaded' ? result.targets.map((one) => one.refusal?.code ?? one.outcome) : [];
		assert.deepEqual(outcomes, ['downloaded', 'arbitrary-metadata']);
		assert.equal(await device.downloaded('b/x'), undefined);
	}));
