// Contract: the audit chain. Rows come back as they are stored, seals as they were appended, and of two that seal at
// once one loses.

import assert from 'node:assert/strict';
import { type OpenStore, storeTest, withCode } from './stores.ts';

const row = (subject: string, detail?: Record<string, unknown>) => ({
	...{ time: 1000, actor: 'operator', action: 'job.create', subject },
	...(detail === undefined ? {} : { detail }),
});

export function sealContract(open: OpenStore): void {
	storeTest('the chain reads rows as they are stored, upwards and downwards, in pages', open, async (storage) => {
		await storage.commit((unit) => unit.audit.append(row('ä "a"', { z: [1.5, null], a: { 2: 'ü', 1: '\n' } })));
		await storage.commit((unit) => unit.audit.append(row('b')));
		const rows = await storage.chain.rows(0, 10);
		assert.deepEqual(
			rows.map(({ id, ...rest }) => rest),
			[
				{ ...row('ä "a"'), detail: '{"z":[1.5,null],"a":{"1":"\\n","2":"ü"}}' },
				{ ...row('b'), detail: null },
			],
		);
		const [first, second] = rows.map(({ id }) => id);
		assert.ok(first !== undefined && second !== undefined && first < second);
		assert.deepEqual(await storage.chain.rows(first, 10), rows.slice(1));
		assert.deepEqual(await storage.chain.rows(0, 1), rows.slice(0, 1));
		assert.deepEqual(await storage.chain.rowsBefore(Number.MAX_SAFE_INTEGER, 10), rows.toReversed());
		assert.deepEqual(await storage.chain.rowsBefore(second, 10), rows.slice(0, 1));
		assert.deepEqual(await storage.chain.rowsBefore(first, 10), []);
	});

	storeTest('seals come back as they were appended', open, async (storage, store) => {
		assert.equal(await storage.chain.lastSeal(), undefined);
		const seals = [1, 2, 3].map((number) => ({ number, body: `{"seal":${number},"ü":"x"}` }));
		for (const seal of seals) await storage.commit((unit) => unit.seals.append(seal));
		assert.deepEqual(await storage.chain.seals(0, 10), seals);
		assert.deepEqual(await storage.chain.seals(1, 1), seals.slice(1, 2));
		assert.deepEqual(await storage.chain.lastSeal(), seals[2]);
		const again = await store.reopen();
		assert.deepEqual(await again.commit((unit) => unit.seals.last()), seals[2]);
	});

	storeTest('a unit sees its own seal, others only a committed one', open, async (storage) => {
		await storage.commit(async (unit) => {
			assert.equal(await unit.seals.last(), undefined);
			await unit.seals.append({ number: 1, body: 'one' });
			assert.deepEqual(await unit.seals.last(), { number: 1, body: 'one' });
			assert.equal(await storage.chain.lastSeal(), undefined);
		});
		const failed = storage.commit(async (unit) => {
			await unit.seals.append({ number: 2, body: 'two' });
			throw new Error('not so');
		});
		await assert.rejects(failed, /not so/);
		assert.deepEqual(await storage.chain.lastSeal(), { number: 1, body: 'one' });
	});

	storeTest('ten that seal at once read the last seal one after the other', open, async (storage) => {
		await Promise.all(
			Array.from({ length: 10 }, (_, index) =>
				storage.commit(async (unit) => {
					const number = ((await unit.seals.last())?.number ?? 0) + 1;
					await unit.seals.append({ number, body: `by ${index}` });
				}),
			),
		);
		const seals = await storage.chain.seals(0, 100);
		assert.deepEqual(
			seals.map(({ number }) => number),
			[1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
		);
		assert.equal(new Set(seals.map(({ body }) => body)).size, 10);
	});

	storeTest('a seal that does not follow the last one is refused', open, async (storage) => {
		await storage.commit((unit) => unit.seals.append({ number: 1, body: 'one' }));
		for (const number of [1, 3]) {
			const wrong = storage.commit((unit) => unit.seals.append({ number, body: 'wrong' }));
			await assert.rejects(wrong, withCode('internal'));
		}
		assert.deepEqual(await storage.chain.seals(0, 9), [{ number: 1, body: 'one' }]);
	});
}
