// Contract: tokens are made, found by their hash, listed in pages, revoked and used, and never deleted.

import assert from 'node:assert/strict';
import type { NewToken } from '../../access/store.ts';
import { type OpenStore, storeTest } from './stores.ts';

const token = (id: string, changes: Partial<NewToken> = {}): NewToken => ({
	id,
	kind: 'operator',
	name: `name of ${id}`,
	roles: ['viewer', 'auditor'],
	created: 1000,
	createdBy: 'operator',
	...changes,
});

export function tokenContract(open: OpenStore): void {
	storeTest('a token comes back by its hash and by its id as it was inserted', open, async (storage, store) => {
		const device = token('d', { kind: 'device', clientId: 'dev-ü', roles: [], expires: 2000 });
		await storage.commit(async (unit) => {
			await unit.tokens.insert(token('a'), 'hash-a');
			await unit.tokens.insert(device, 'hash-d');
		});
		const again = await store.reopen();
		const { number, ...found } = (await again.tokens.findByHash('hash-d')) ?? { number: 0 };
		assert.deepEqual(found, device);
		assert.ok(number > ((await again.tokens.find('a'))?.number ?? Number.POSITIVE_INFINITY));
		assert.equal(await again.tokens.findByHash('hash-x'), undefined);
		assert.equal(await again.tokens.findByHash('a'), undefined);
		assert.equal(await again.tokens.find('x\0'), undefined);
	});

	storeTest('tokens are listed by kind and client in the order of creation, in pages', open, async (storage) => {
		for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) {
			const kind = index === 0 ? 'operator' : 'device';
			const made = token(id, kind === 'device' ? { kind, clientId: id === 'c' ? 'two' : 'one' } : { kind });
			await storage.commit((unit) => unit.tokens.insert(made, `hash-${id}`));
		}
		const ids = async (...words: Parameters<typeof storage.tokens.list>) =>
			(await storage.tokens.list(...words)).map(({ id }) => id);
		assert.deepEqual(await ids({ kinds: ['operator', 'device'] }, 0, 9), ['a', 'b', 'c', 'd']);
		assert.deepEqual(await ids({ kinds: ['device'] }, 0, 2), ['b', 'c']);
		const after = (await storage.tokens.find('c'))?.number ?? 0;
		assert.deepEqual(await ids({ kinds: ['device'] }, after, 2), ['d']);
		assert.deepEqual(await ids({ kinds: ['device'], clientId: 'one' }, 0, 9), ['b', 'd']);
		assert.deepEqual(await ids({ kinds: ['operator'], clientId: 'one' }, 0, 9), []);
		assert.deepEqual(await ids({ kinds: ['session'] }, 0, 9), []);
	});

	storeTest(
		'a revoked token keeps the time of its first revocation; an unknown one is passed over',
		open,
		async (storage) => {
			await storage.commit((unit) => unit.tokens.insert(token('a'), 'hash-a'));
			assert.equal((await storage.tokens.find('a'))?.revoked, undefined);
			await storage.commit((unit) => unit.tokens.revoke('a', 5000));
			await storage.commit((unit) => unit.tokens.revoke('a', 6000));
			await storage.commit((unit) => unit.tokens.revoke('x', 6000));
			assert.equal((await storage.tokens.findByHash('hash-a'))?.revoked, 5000);
		},
	);

	storeTest('the last use of tokens moves forward only', open, async (storage) => {
		await storage.commit(async (unit) => {
			await unit.tokens.insert(token('a'), 'hash-a');
			await unit.tokens.insert(token('b'), 'hash-b');
		});
		const uses = (...times: readonly [string, number][]) =>
			storage.commit((unit) => unit.tokens.used(times.map(([id, time]) => ({ id, time }))));
		await uses(['a', 3000], ['b', 3100], ['x', 3200]);
		await uses(['a', 2000], ['b', 4000]);
		const used = async (id: string) => (await storage.tokens.find(id))?.lastUsed;
		assert.deepEqual([await used('a'), await used('b')], [3000, 4000]);
	});

	storeTest('a token of a unit that failed does not exist', open, async (storage) => {
		const failed = storage.commit(async (unit) => {
			await unit.tokens.insert(token('a'), 'hash-a');
			throw new Error('changed its mind');
		});
		await assert.rejects(failed, /changed its mind/);
		assert.equal(await storage.tokens.findByHash('hash-a'), undefined);
		await storage.commit((unit) => unit.tokens.insert(token('a'), 'hash-a'));
		assert.equal((await storage.tokens.findByHash('hash-a'))?.id, 'a');
	});
}
