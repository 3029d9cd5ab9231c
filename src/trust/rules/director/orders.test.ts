// Inventories, orders and the match of both repositories, as values.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TargetFile, TargetsSigned } from '../metadata/model.ts';
import { type Inventory, readInventory } from './inventory.ts';
import { orderFinding } from './match.ts';
import { makeDeviceTargets, type Order, readOrders, releaseFacts } from './orders.ts';

const keyOf = (digit: string) => ({ keytype: 'ed25519', scheme: 'ed25519', keyval: { public: digit.repeat(64) } });
const main = { id: 'main', hardware: 'board-a', primary: true, key: keyOf('a') };
const radio = { id: 'radio', hardware: 'radio-1', key: keyOf('b') };
const inventory: Inventory = readInventory({ device: 'pump-7', components: [main, radio] });

const order: Order = {
	...{ component: 'main', path: 'releases/7.swu', length: 5, hashes: { sha256: '1'.repeat(64) } },
	...{ hardwareIds: ['board-b', 'board-a'], releaseCounter: 7 },
};
const dated = { version: 3, expires: '2030-01-01T00:00:00Z' };

test('an inventory names its fault: the field, and the rule', () => {
	const refused = (components: readonly unknown[], words: RegExp, device: unknown = 'pump-7') =>
		assert.throws(() => readInventory({ device, components }), { code: 'director-inventory-refused', message: words });
	refused([], /at least one component/);
	refused([radio], /exactly one component is the primary/);
	refused([main, { ...radio, primary: true }], /exactly one/);
	refused([main, { ...radio, id: 'main' }], /"main" is there twice/);
	refused([main, { ...radio, key: main.key }], /"radio" has the key of another/);
	refused([main, { ...radio, key: { ...radio.key, scheme: 'x' } }], /components\[1\]\.key: keys of this type/);
	refused([{ ...main, id: '../x' }], /components\[0\]\.id: letters/);
	refused([main], /device: a string is due/, 7);
	refused([{ ...main, primary: 'yes' }], /primary: true or false/);
});

test('orders become targets that the device reads back as they were given', () => {
	const shared = { ...order, component: 'radio', hardwareIds: ['radio-1'], path: 'releases/radio.swu' };
	const signed = makeDeviceTargets(inventory, [order, shared], dated);
	const read = readOrders(signed, inventory);
	assert.ok(!('code' in read));
	const sorted = [{ ...order, hardwareIds: ['board-a', 'board-b'] }, shared];
	assert.deepEqual(JSON.parse(JSON.stringify(read)), sorted);
	assert.equal(signed.version, 3);
});

test('one file for two components is one entry', () => {
	const both = { ...order, hardwareIds: ['board-a', 'radio-1'] };
	const signed = makeDeviceTargets(inventory, [both, { ...both, component: 'radio' }], dated);
	assert.deepEqual(Object.keys(signed.targets), ['releases/7.swu']);
	const read = readOrders(signed, inventory);
	assert.deepEqual('code' in read ? read : read.map(({ component }) => component), ['main', 'radio']);
	const other = { ...both, component: 'radio', length: 6 };
	assert.throws(() => makeDeviceTargets(inventory, [both, other], dated), /different things/);
	assert.throws(() => makeDeviceTargets(inventory, [both, both], dated), /two orders/);
});

test('orders that a device may not follow are a finding, and none of them counts', () => {
	const signed = makeDeviceTargets(inventory, [order], dated);
	const entry = signed.targets[order.path] as TargetFile;
	const found = (changes: object) => {
		const read = readOrders({ ...signed, ...changes } as TargetsSigned, inventory);
		return 'code' in read ? read.code : read.length;
	};
	assert.equal(found({}), 1);
	assert.equal(found({ targets: {} }), 0);
	assert.equal(found({ 'x-caisson-device': 'pump-8' }), 'wrong-device');
	assert.equal(found({ 'x-caisson-device': undefined, targets: {} }), 'wrong-device');
	assert.equal(found({ delegations: { keys: {}, roles: [] } }), 'order-malformed');
	assert.equal(found({ targets: { a: entry, b: entry } }), 'wrong-component');
	const custom = (changes: object) => ({
		targets: { a: { ...entry, custom: { ...(entry.custom as object), ...changes } } },
	});
	assert.equal(found(custom({ components: ['other'] })), 'wrong-component');
	assert.equal(found(custom({ components: [] })), 'order-malformed');
	assert.equal(found(custom({ components: ['main', 'main'] })), 'order-malformed');
	assert.equal(found(custom({ release_counter: -1 })), 'order-malformed');
	assert.equal(found(custom({ release_counter: '7' })), 'order-malformed');
	assert.equal(found(custom({ hardware_ids: 'board-a' })), 'order-malformed');
	assert.equal(found({ targets: { a: { ...entry, custom: undefined } } }), 'order-malformed');
});

test('both repositories must say the same of everything that counts', () => {
	const image: TargetFile = {
		...{ length: 5, hashes: order.hashes },
		custom: { hardware_ids: ['board-a', 'board-b'], release_counter: 7, notes: 'beside' },
	};
	const component = { id: 'main', hardware: 'board-a', releaseCounter: 7 };
	const code = (file: TargetFile | undefined, state = component) => orderFinding(order, file, state)?.code;
	assert.equal(code(image), undefined);
	assert.equal(code(undefined), 'not-genuine');
	assert.equal(code({ ...image, length: 6 }), 'repositories-disagree');
	assert.equal(code({ ...image, hashes: { ...order.hashes, sha512: '2' } }), 'repositories-disagree');
	assert.equal(code({ ...image, hashes: { sha512: '1'.repeat(64) } }), 'repositories-disagree');
	const custom = (changes: object) => ({ ...image, custom: { ...(image.custom as object), ...changes } });
	assert.equal(code(custom({ hardware_ids: ['board-a'] })), 'repositories-disagree');
	assert.equal(code(custom({ release_counter: 8 })), 'repositories-disagree');
	assert.equal(code(custom({ release_counter: 0.5 })), 'order-malformed');
	assert.equal(code(image, { ...component, hardware: 'board-c' }), 'wrong-hardware');
	assert.equal(code(image, { ...component, releaseCounter: 8 }), 'release-rollback');
	assert.match(String(releaseFacts({ ...image, custom: null })), /custom: an object is due/);
});
