// The rows of the attack table that need both repositories: each is a stimulus, what the device finds, and that SWUpdate
// was not contacted. What TUF alone answers stands in tuf.test.ts, manifests in manifests.test.ts.

import assert from 'node:assert/strict';
import { createCipheriv, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { deviceField } from '../../src/trust/rules/director/orders.ts';
import { newKey } from '../tuf-repository/keys.ts';
import { newComponent, withAttackWorld } from './world.ts';

const day = 86_400_000;

test('what both repositories agree on is handed to SWUpdate once, and is current after that', () =>
	withAttackWorld(async (world) => {
		await world.assertInstalled([]);
		world.releaseAndOrder('releases/1.swu', 'one');
		await world.assertInstalled(['one']);
		await world.assertInstalled([]);
		assert.equal(world.installer.contacted, 1);
		assert.equal((await world.manifest()).signed.reports.main?.signed.installed?.path, 'releases/1.swu');
	}));

test('attack 5: with the clock set back, the time that the director signed holds for the image repository too', () =>
	withAttackWorld(async (world) => {
		const { director, image } = world;
		world.releaseAndOrder('1.swu', 'one');
		for (const repository of [director, image]) {
			repository.root.expires = repository.inDays(400);
			repository.publishRoot();
		}
		const expires = director.inDays(60);
		Object.assign(director.timestamp, { 'x-caisson-signed-at': director.inDays(35), expires });
		director.snapshot.expires = expires;
		director.role('targets').expires = expires;
		director.publish();
		// The metadata of the image repository expires after 30 days; the clock says the first day.
		const attack = await world.assertRefused('freeze', { clock: () => director.now });
		assert.equal(attack.repository, 'image');
		await world.assertRefused('freeze', { clock: () => director.now + 61 * day });
	}));

test('attack 6: an older release counter is refused although both repositories agree on it', () =>
	withAttackWorld(async (world) => {
		world.releaseAndOrder('2.swu', 'two', { releaseCounter: 2 });
		await world.assertInstalled(['two']);
		world.releaseAndOrder('1.swu', 'one', { releaseCounter: 1 });
		await world.assertRefused('release-rollback');
		world.releaseAndOrder('3.swu', 'three', { releaseCounter: 2 });
		await world.assertInstalled(['three']);
	}));

test('attack 8: a director and an image repository of different times do not make an update', () =>
	withAttackWorld(async (world) => {
		world.release('1.swu', 'old');
		const old = world.orderOf('1.swu');
		world.release('1.swu', 'a newer file of the same name');
		world.order([old]);
		await world.assertRefused('repositories-disagree');
		world.order([world.orderOf('1.swu')]);
		await world.assertInstalled(['a newer file of the same name']);
	}));

test('attack 9: a component that is not in the device is not fetched, and neither is what stands beside it', () =>
	withAttackWorld(async (world) => {
		world.release('1.swu', 'one');
		world.release('extra.swu', 'extra');
		const inventory = { ...world.inventory, components: [...world.components, newComponent('extra', 'board-a')] };
		world.order([world.orderOf('1.swu'), world.orderOf('extra.swu', 'extra')], inventory);
		await world.assertRefused('wrong-component');
		assert.deepEqual(world.imageServer.requests, []);
	}));

test('attack 10: genuine software for other hardware is refused, and so is the right file under another name', () =>
	withAttackWorld(async (world) => {
		world.release('b.swu', 'for b', { hardwareIds: ['board-b'] });
		const asB = { ...world.inventory, components: world.components.map((one) => ({ ...one, hardware: 'board-b' })) };
		world.order([world.orderOf('b.swu')], asB);
		await world.assertRefused('wrong-hardware');
		world.release('a.swu', 'for a');
		world.order([world.orderOf('a.swu', 'main', { path: 'other.swu' })]);
		await world.assertRefused('not-genuine');
		assert.ok(!world.imageServer.requests.some((path) => path.startsWith('targets/')));
	}));

test('attack 10: a component is not given what is ordered for another one of the device', () =>
	withAttackWorld(
		async (world) => {
			world.release('radio.swu', 'radio', { hardwareIds: ['radio-1'] });
			const swapped = {
				...world.inventory,
				components: world.components.map((one) => ({ ...one, hardware: 'radio-1' })),
			};
			world.order([world.orderOf('radio.swu', 'main')], swapped);
			await world.assertRefused('wrong-hardware');
			world.order([world.orderOf('radio.swu', 'radio')]);
			await world.assertInstalled(['radio']);
		},
		{ components: [newComponent('main', 'board-a', true), newComponent('radio', 'radio-1')] },
	));

test('attack 14: a stolen director can order neither what is not signed, nor an older release, nor for other hardware', () =>
	withAttackWorld(async (world) => {
		world.releaseAndOrder('2.swu', 'two', { releaseCounter: 2 });
		await world.assertInstalled(['two']);
		const genuine = world.orderOf('2.swu');
		const evil = { ...genuine, path: 'evil.swu' };
		world.order([evil]);
		await world.assertRefused('not-genuine');
		world.order([{ ...genuine, hashes: { sha256: '0'.repeat(64) } }]);
		await world.assertRefused('repositories-disagree');
		world.order([{ ...genuine, releaseCounter: 3 }]);
		await world.assertRefused('repositories-disagree');
		world.release('1.swu', 'one', { releaseCounter: 1 });
		world.order([world.orderOf('1.swu')]);
		await world.assertRefused('release-rollback');
		world.release('b.swu', 'for b', { hardwareIds: ['board-b'], releaseCounter: 2 });
		world.order([world.orderOf('b.swu', 'main', { hardwareIds: ['board-a', 'board-b'] })]);
		await world.assertRefused('repositories-disagree');
		// What is installed may be ordered: it is what a stolen director can do at worst, with what else is genuine.
		world.order([genuine]);
		await world.assertInstalled([]);
	}));

test('attack 14: the director may not hand its targets on to other keys', () =>
	withAttackWorld(async (world) => {
		world.director.delegate('targets', { name: 'evil' });
		world.director.publish('evil', 'targets');
		await world.assertRefused('order-malformed');
	}));

test('attack 15: what a stolen image repository publishes is not installed while the director does not order it', () =>
	withAttackWorld(async (world) => {
		world.releaseAndOrder('1.swu', 'one');
		await world.assertInstalled(['one']);
		world.release('2.swu', 'evil', { releaseCounter: 9 });
		await world.assertInstalled([]);
		// The same name with other bytes is no longer what was ordered.
		world.release('1.swu', 'evil', { releaseCounter: 9 });
		await world.assertRefused('repositories-disagree');
		assert.equal(world.installer.contacted, 1);
	}));

test('attack 16: orders for another device are refused by the device that they name, empty ones too', () =>
	withAttackWorld(async (world) => {
		world.release('1.swu', 'one');
		const other = { ...world.inventory, device: 'pump-8' };
		world.order([world.orderOf('1.swu')], other);
		await world.assertRefused('wrong-device');
		world.order([], other);
		await world.assertRefused('wrong-device');
		Object.assign(world.director.role('targets'), { [deviceField]: undefined });
		delete (world.director.role('targets') as unknown as Record<string, unknown>)[deviceField];
		world.director.publish();
		await world.assertRefused('wrong-device');
		assert.deepEqual(world.imageServer.requests, []);
		world.order([world.orderOf('1.swu')]);
		await world.assertInstalled(['one']);
	}));

test('attack 16: what was signed for another device is not kept, so its higher versions bar nothing', () =>
	withAttackWorld(async (world) => {
		world.releaseAndOrder('1.swu', 'one');
		const own = new Map(world.director.files);
		world.order([], { ...world.inventory, device: 'pump-8' });
		await world.assertRefused('wrong-device');
		for (const [path, bytes] of own) world.director.files.set(path, bytes);
		await world.assertInstalled(['one']);
	}));

const pair = () => ({ components: [newComponent('main', 'board-a', true), newComponent('radio', 'radio-1')] });

test('attack 18: of two orders one is withheld: nothing is installed, and it is reported as incomplete', () =>
	withAttackWorld(async (world) => {
		world.release('main.swu', 'main');
		world.release('radio.swu', 'radio', { hardwareIds: ['radio-1'] });
		world.order([world.orderOf('main.swu'), world.orderOf('radio.swu', 'radio')]);
		const blocked = /^targets\/.*radio/;
		world.imageServer.behave(blocked, (_request, response) => response.writeHead(404).end());
		const attack = await world.assertRefused('incomplete');
		assert.equal('component' in attack ? attack.component : undefined, 'radio');
		world.imageServer.calm();
		await world.assertInstalled(['main', 'radio']);
	}, pair()));

test('attack 18: a policy may install the rest; what is left out is reported all the same', () =>
	withAttackWorld(async (world) => {
		world.release('main.swu', 'main');
		world.release('radio.swu', 'radio', { hardwareIds: ['radio-1'] });
		world.order([world.orderOf('main.swu'), world.orderOf('radio.swu', 'radio')]);
		world.imageServer.behave(/^targets\/.*radio/, (_request, response) => response.writeHead(404).end());
		await world.assertInstalled(['main'], { incomplete: 'install-rest' });
		const { signed } = await world.manifest();
		assert.equal(signed.reports.main?.signed.attack?.code, 'incomplete');
		assert.equal(signed.reports.radio?.signed.installed, null);
	}, pair()));

test('attack 19: without a network nothing is installed, and the device says how stale it is', () =>
	withAttackWorld(async (world) => {
		world.releaseAndOrder('1.swu', 'one');
		await world.assertInstalled(['one']);
		const held = await world.verify();
		assert.equal(held.outcome, 'verified');
		const drop = (_request: unknown, response: { destroy(): unknown }) => response.destroy();
		world.directorServer.behave(/./, drop);
		world.imageServer.behave(/./, drop);
		world.releaseAndOrder('2.swu', 'two');
		await world.assertRefused('unreachable');
		const outcome = await world.verify();
		assert.ok(outcome.outcome === 'refused' && outcome.verified >= world.director.now, 'the last full verification');
	}));

test('attack 20: who listens reads an update unless its maker encrypted it; the device gets the encrypted bytes verified', () =>
	withAttackWorld(async (world) => {
		const cipher = createCipheriv('aes-256-cbc', randomBytes(32), randomBytes(16));
		const encrypted = Buffer.concat([cipher.update('secret settings'), cipher.final()]);
		world.release('open.swu', 'secret settings');
		world.release('encrypted.swu', encrypted);
		for (const [name, readable] of [
			['open.swu', true],
			['encrypted.swu', false],
		] as const) {
			const onTheWire: Buffer[] = [];
			world.imageServer.behave(/^targets\//, (_request, _response, file) => {
				onTheWire.push(Buffer.from(file ?? []));
				return false;
			});
			world.order([world.orderOf(name)]);
			await world.assertInstalled([String(readable ? 'secret settings' : encrypted)]);
			assert.equal(Buffer.concat(onTheWire).includes('secret'), readable);
			world.imageServer.calm();
		}
	}));

test('attack 22: a cut at any step of verifying and confirming leaves a state from which the update completes', () =>
	withAttackWorld(async (world) => {
		world.releaseAndOrder('1.swu', 'one', { releaseCounter: 4 });
		let steps = 0;
		for (let last = 1, done = false; !done; last++) {
			let step = 0;
			const outcome = await world
				.verify({
					step: () => {
						step++;
						if (step === last) throw new Error('cut');
					},
				})
				.catch((error: Error) => assert.match(error.message, /cut/));
			done = outcome?.outcome === 'verified';
			steps = step;
			const state = JSON.parse(await readFile(join(world.state, 'orders.json'), 'utf8'));
			assert.equal(state.format, 1);
		}
		assert.ok(steps > 3, String(steps));
		assert.equal(world.installer.contacted, 0);
		await world.assertInstalled(['one']);
		world.release('0.swu', 'zero', { releaseCounter: 3 });
		world.order([world.orderOf('0.swu')]);
		await world.assertRefused('release-rollback');
	}));

test('keys that sign for the director sign nothing for the image repository', () =>
	withAttackWorld(async (world) => {
		world.releaseAndOrder('1.swu', 'one');
		world.image.signers.set('targets', world.director.signers.get('targets') ?? [newKey()]);
		world.image.publish();
		const attack = await world.assertRefused('arbitrary-metadata');
		assert.equal(attack.repository, 'image');
	}));

test('attack 14: who has the keys of the director and the online keys of the image repository brings nothing new', () =>
	withAttackWorld(async (world) => {
		const { image } = world;
		image.delegate('targets', { name: 'releases', paths: ['releases/*'], terminating: true });
		image.delegate('targets', { name: 'bins', paths: ['*', '*/*'] });
		const custom = { hardware_ids: ['board-a'], release_counter: 1 };
		image.addTarget('releases', 'releases/1.swu', 'one', custom);
		for (const name of ['evil.swu', 'releases/evil.swu']) image.addTarget('bins', name, 'evil', custom);
		image.publish('releases', 'bins', 'targets');
		const entry = (role: string, path: string) => {
			const { length, hashes } = image.role(role).targets[path] ?? { length: 0, hashes: {} };
			return world.orderOf(path, 'main', { length, hashes });
		};
		const settings = { installable: ['releases/'] };
		for (const name of ['evil.swu', 'releases/evil.swu']) {
			world.order([entry('bins', name)]);
			await world.assertRefused('not-genuine', settings);
		}
		world.order([entry('releases', 'releases/1.swu')]);
		await world.assertInstalled(['one'], settings);
	}));
