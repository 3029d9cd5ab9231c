// The pauses of a listener whose database is away, in a clock of the test's own, and what listeners hear.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { type TestContext, test } from 'node:test';
import type pg from 'pg';
import { WakeUp } from './wake-up.ts';

/** Lets `ms` pass in steps short enough for every timer, and promises settle in between. */
async function pass(context: TestContext, ms: number): Promise<void> {
	const settle = async () => {
		for (let turn = 0; turn < 10; turn++) await Promise.resolve();
	};
	await settle();
	for (let at = 0; at < ms; at += 50) {
		context.mock.timers.tick(50);
		await settle();
	}
}

test('a connection that cannot be opened is tried once after each pause, however often its loss is told', async (context) => {
	context.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
	let tries = 0;
	const open = async (lost: () => void): Promise<pg.Client> => {
		tries++;
		lost();
		queueMicrotask(lost);
		throw new Error('away');
	};
	const wakeUp = new WakeUp({ open, last: async () => 0, schema: 'public' }, 0);
	// At once, then after 100, 200, 400, 800, 1600, 3200 and from then on 5000 ms.
	await pass(context, 100);
	assert.equal(tries, 2);
	await pass(context, 3000);
	assert.equal(tries, 6);
	await pass(context, 3200);
	assert.equal(tries, 7);
	await pass(context, 50_000);
	assert.equal(tries, 17);
	await wakeUp.close();
	await pass(context, 50_000);
	assert.equal(tries, 17, 'not after it was closed');
});

test('a connection that breaks is opened again once, and listeners are told to look', async (context) => {
	context.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
	const clients: EventEmitter[] = [];
	const losses: (() => void)[] = [];
	const open = async (lost: () => void): Promise<pg.Client> => {
		const client = Object.assign(new EventEmitter(), { query: async () => ({}), end: async () => {} });
		clients.push(client);
		losses.push(lost);
		return client as unknown as pg.Client;
	};
	const wakeUp = new WakeUp({ open, last: async () => 0, schema: 'public' }, 0);
	await pass(context, 50);
	let told = 0;
	wakeUp.add(() => told++);
	losses[0]?.();
	losses[0]?.();
	await pass(context, 10_000);
	assert.equal(clients.length, 2);
	assert.equal(told, 1);
	clients[1]?.emit('notification', { payload: 'other 5' });
	clients[1]?.emit('notification', { payload: 'public 5' });
	clients[1]?.emit('notification', { payload: 'public 5' });
	clients[1]?.emit('notification', { payload: 'public 4' });
	await pass(context, 50);
	assert.equal(told, 2, 'once for each id, and only of its own schema');
	await wakeUp.close();
});

test('a connection that is still being set up when it is closed is ended too', async () => {
	let ended = 0;
	const { promise: listening, resolve: listen } = Promise.withResolvers<void>();
	const client = Object.assign(new EventEmitter(), {
		query: () => listening,
		end: async () => {
			ended++;
		},
	});
	const open = async () => client as unknown as pg.Client;
	const wakeUp = new WakeUp({ open, last: async () => 0, schema: 'public' }, 0);
	// Let it get as far as waiting for the answer to LISTEN.
	await new Promise((resolve) => setImmediate(resolve));
	await wakeUp.close();
	listen();
	await new Promise((resolve) => setImmediate(resolve));
	assert.equal(ended, 1);
});
