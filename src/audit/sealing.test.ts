// Sealing: what it does when another was quicker, and when the newest seal cannot be read.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openTemporary } from '../../testing/database/temporary-database.ts';
import { readSeal, rowsPerSeal, type Seal } from './rules/seal.ts';
import { chainHead, sealCommitted } from './sealing.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function withRows(
	count: number,
	body: (
		world: Parameters<typeof sealCommitted>[0],
		database: Awaited<ReturnType<typeof openTemporary>>,
	) => Promise<void>,
): Promise<void> {
	const database = await openTemporary();
	try {
		const { storage } = database;
		await storage.commit(async (unit) => {
			for (let number = 1; number <= count; number++) {
				await unit.audit.append({ time: number, actor: 'a', action: 'b.c', subject: String(number) });
			}
		});
		await body({ chain: storage.chain, commit: storage.commit, now: () => 7, sha256 }, database);
	} finally {
		await database.destroy();
	}
}

test('nothing is sealed where there are no rows, and nothing twice', () =>
	withRows(0, async (world, { storage }) => {
		assert.equal(await sealCommitted(world), undefined);
		await storage.commit((unit) => unit.audit.append({ time: 1, actor: 'a', action: 'b.c', subject: 'd' }));
		const head = await sealCommitted(world);
		assert.deepEqual(head, await sealCommitted(world));
		assert.deepEqual(head, await chainHead(world.chain, sha256));
		assert.equal((await world.chain.seals(0, 9)).length, 1);
	}));

test('a long backlog becomes several seals, each of bounded length', () =>
	withRows(2 * rowsPerSeal + 5, async (world) => {
		assert.equal((await sealCommitted(world))?.seal, 3);
		const seals = (await world.chain.seals(0, 9)).map(({ body }) => readSeal(body, sha256) as Seal);
		assert.deepEqual(
			seals.map(({ rows }) => rows.length),
			[rowsPerSeal, rowsPerSeal, 5],
		);
	}));

test('who finds that another sealed meanwhile goes on from that seal', () =>
	withRows(10, async (world) => {
		let raced = false;
		const commit: typeof world.commit = async (step) => {
			if (!raced) {
				raced = true;
				await sealCommitted(world);
			}
			return world.commit(step);
		};
		const head = await sealCommitted({ ...world, commit });
		assert.deepEqual([head?.seal, head?.through], [1, 10]);
		assert.equal((await world.chain.seals(0, 9)).length, 1);
	}));

test('behind a seal that cannot be read nothing is sealed, and the error names it', () =>
	withRows(3, async (world, { file, storage }) => {
		await sealCommitted(world);
		const database = new DatabaseSync(file);
		database.exec(`update audit_seal set body = replace(body, '"time":7', '"time":8')`);
		database.close();
		await storage.commit((unit) => unit.audit.append({ time: 1, actor: 'a', action: 'b.c', subject: 'd' }));
		const expected = { code: 'storage-damaged', message: /^Seal 1 of the audit trail cannot be used: its hash/ };
		await assert.rejects(sealCommitted(world), expected);
		await assert.rejects(chainHead(world.chain, sha256), expected);
	}));
