// The lock of a state folder: one process at a time, whoever finds it finds its holder, and a dead one's is taken over.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lockFolder } from './lock.ts';

function folder(t: TestContext): string {
	const path = mkdtempSync(join(tmpdir(), 'caisson-lock-'));
	t.after(() => rmSync(path, { recursive: true }));
	return path;
}

const isBusy = (error: unknown) => (error as { code?: string }).code === 'trust-state-busy';

test('of many at once one gets the lock, and leaves nothing behind', async (t) => {
	const path = folder(t);
	const results = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(path)));
	const held = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
	assert.equal(held.length, 1);
	assert.ok(results.every((result) => result.status === 'fulfilled' || isBusy(result.reason)));
	assert.deepEqual(readdirSync(path), ['lock']);
	assert.match(readFileSync(join(path, 'lock'), 'utf8'), new RegExp(`^${process.pid} `));
	await held[0]?.();
	assert.deepEqual(readdirSync(path), []);
});

test('a lock that a dead process left is taken over', async (t) => {
	const path = folder(t);
	writeFileSync(join(path, 'lock'), '4194304 1 boot');
	const release = await lockFolder(path);
	await assert.rejects(lockFolder(path), isBusy);
	await release();
});

test('the end of a holder leaves a lock that is not its own', async (t) => {
	const path = folder(t);
	const release = await lockFolder(path);
	writeFileSync(join(path, 'lock'), 'somebody else');
	await release();
	assert.equal(readFileSync(join(path, 'lock'), 'utf8'), 'somebody else');
});
