// The rows of the attack table that plain TUF answers, through to the installer: each stimulus against one of the two
// repositories ends with its code, and SWUpdate is not contacted. Every corner of these rows is tested with the client,
// in src/trust/client/attacks.test.ts and power-cut.test.ts; here is only that verification stands before the installer.

import { test } from 'node:test';
import type { UptaneOptions } from '../../src/trust/client/uptane.ts';
import type { Attack } from '../../src/trust/rules/director/findings.ts';
import { newKey } from '../tuf-repository/keys.ts';
import type { TufRepository } from '../tuf-repository/repository.ts';
import type { FileServer } from '../tuf-repository/server.ts';
import { type AttackWorld, withAttackWorld } from './world.ts';

interface Side {
	readonly repository: TufRepository;
	readonly server: FileServer;
}

interface Row {
	readonly row: number;
	readonly name: string;
	readonly code: Attack['code'];
	readonly settings?: Partial<UptaneOptions>;
	/** Attacks one repository, after `2.swu` was released and ordered, and `1.swu` installed before. */
	readonly stimulus: (side: Side, world: AttackWorld) => void;
}

const endless: Parameters<FileServer['behave']>[1] = (_request, response) => {
	const more = () => response.destroyed || response.write(Buffer.alloc(65_536, '{'), () => setImmediate(more));
	more();
};

const drip: Parameters<FileServer['behave']>[1] = (_request, response) => {
	const timer = setInterval(() => response.write('x'), 20);
	response.on('close', () => clearInterval(timer));
};

const onMetadata: readonly Row[] = [
	{
		row: 2,
		name: 'metadata that a stranger signed',
		code: 'arbitrary-metadata',
		stimulus: ({ repository }) => {
			repository.signers.set('timestamp', [newKey()]);
			repository.publish();
		},
	},
	{
		row: 3,
		name: 'endless metadata',
		code: 'endless-data',
		stimulus: ({ server }) => server.behave(/timestamp/, endless),
	},
	{
		row: 4,
		name: 'a drip of metadata',
		code: 'slow-retrieval',
		settings: { policy: { minimumRate: 1000, paceWindow: 100 } },
		stimulus: ({ server }) => server.behave(/timestamp/, drip),
	},
	{
		row: 5,
		name: 'metadata that has expired',
		code: 'freeze',
		stimulus: ({ repository }) => {
			repository.timestamp.expires = repository.inDays(-1);
			repository.publishTimestamp();
		},
	},
	{
		row: 6,
		name: 'a lower version of the timestamp',
		code: 'rollback',
		stimulus: ({ repository }) => {
			repository.timestamp.version = 1;
			repository.putTimestamp();
		},
	},
	{
		row: 7,
		name: 'a version of the timestamp below one that was raised by a thief, before the key is rotated',
		code: 'rollback',
		stimulus: ({ repository }) => {
			repository.snapshot.version = 1;
			repository.putSnapshot();
			repository.publishTimestamp();
		},
	},
	{
		row: 8,
		name: 'targets of another snapshot',
		code: 'mix-and-match',
		stimulus: ({ repository, server }) => {
			const { version } = repository.role('targets');
			const old = repository.files.get(`metadata/${version}.targets.json`);
			repository.publish();
			server.behave(new RegExp(`${version + 1}\\.targets`), (_request, response) => response.end(old));
		},
	},
	{
		row: 12,
		name: 'one key where two must sign',
		code: 'below-threshold',
		stimulus: ({ repository }) => {
			repository.addKey('targets');
			repository.root.roles.targets.threshold = 2;
			repository.publishRoot();
			repository.signers.set('targets', (repository.signers.get('targets') ?? []).slice(0, 1));
			repository.publish();
		},
	},
	{
		row: 13,
		name: 'new targets by who has the keys of timestamp and snapshot alone',
		code: 'arbitrary-metadata',
		stimulus: ({ repository }) => {
			repository.signers.set('targets', [newKey()]);
			repository.publish();
		},
	},
];

for (const which of ['director', 'image'] as const) {
	for (const { row, name, code, settings, stimulus } of onMetadata) {
		test(`attack ${row}: ${name} of the ${which} repository does not reach SWUpdate`, () =>
			withAttackWorld(async (world) => {
				world.releaseAndOrder('1.swu', 'one');
				await world.assertInstalled(['one']);
				world.releaseAndOrder('2.swu', 'two');
				const side = { repository: world[which], server: world[`${which}Server`] };
				stimulus(side, world);
				await world.assertRefused(code, settings);
			}));
	}
}

const onTargets: readonly (Omit<Row, 'stimulus'> & { readonly behaviour: Parameters<FileServer['behave']>[1] })[] = [
	{
		row: 1,
		name: 'an altered file',
		code: 'wrong-target',
		behaviour: (_request, response) => response.end('evi'),
	},
	{ row: 3, name: 'an endless file', code: 'endless-data', behaviour: endless },
	{
		row: 4,
		name: 'a drip of a file',
		code: 'slow-retrieval',
		settings: { policy: { minimumRate: 1000, paceWindow: 100 } },
		behaviour: drip,
	},
	{
		row: 11,
		name: 'a file that the only mirror withholds',
		code: 'withheld',
		behaviour: (_request, response) => response.writeHead(404).end(),
	},
];

for (const { row, name, code, settings, behaviour } of onTargets) {
	test(`attack ${row}: ${name} does not reach SWUpdate`, () =>
		withAttackWorld(async (world) => {
			world.releaseAndOrder('1.swu', 'one'.repeat(1000));
			world.imageServer.behave(/^targets\//, behaviour);
			await world.assertRefused(code, settings);
			world.imageServer.calm();
			await world.assertInstalled(['one'.repeat(1000)]);
		}));
}

test('attack 7: after the keys of a director whose versions were raised are rotated, its orders reach SWUpdate again', () =>
	withAttackWorld(async (world) => {
		const { director } = world;
		director.timestamp.version = Number.MAX_SAFE_INTEGER;
		director.putTimestamp();
		await world.assertInstalled([]);
		director.timestamp.version = 5;
		world.releaseAndOrder('1.swu', 'one');
		await world.assertRefused('rollback');
		director.rotateKeys('timestamp');
		director.publishRoot();
		director.putTimestamp();
		await world.assertInstalled(['one']);
	}));

test('attack 11: where one mirror spoils a file, the next one is asked, and SWUpdate gets the genuine one', () =>
	withAttackWorld(async (world) => {
		world.releaseAndOrder('1.swu', 'one');
		let asked = 0;
		world.imageServer.behave(/^targets\//, (_request, response) => (asked++ === 0 ? response.end('evi') : false));
		const { url } = world.imageServer;
		await world.assertInstalled(['one'], { targetUrls: [`${url}/targets`, `${url}/./targets/`] });
	}));

test('attack 21: a role that two delegate with different keys is trusted only for the one whose keys signed it', () =>
	withAttackWorld(async (world) => {
		const { image } = world;
		image.delegate('targets', { name: 'A', paths: ['a/*'] });
		image.delegate('targets', { name: 'B', paths: ['b/*'] });
		image.delegate('A', { name: 'shared', paths: ['*/*'] });
		const ofA = image.signers.get('shared') ?? [];
		const other = newKey();
		image.delegate('B', { name: 'shared', paths: ['*/*'], keyids: [other.keyid], threshold: 1 });
		const { delegations } = image.role('B');
		if (delegations !== undefined) delegations.keys[other.keyid] = { ...other.key, keyval: { ...other.key.keyval } };
		image.signers.set('shared', ofA);
		const custom = { hardware_ids: ['board-a'], release_counter: 1 };
		for (const name of ['a/x', 'b/x']) image.addTarget('shared', name, name, custom);
		image.publish('A', 'B', 'shared', 'targets');
		const orderOf = (path: string) => {
			const { length, hashes } = image.role('shared').targets[path] ?? { length: 0, hashes: {} };
			return world.orderOf(path, 'main', { length, hashes });
		};
		world.order([orderOf('b/x')]);
		await world.assertRefused('arbitrary-metadata');
		world.order([orderOf('a/x')]);
		await world.assertInstalled(['a/x']);
	}));
