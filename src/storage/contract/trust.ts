// Contract: the tables of trust. Targets wait until a document says them, documents are committed in order and never
// from a state that has passed, and units of several servers are one after the other.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NewDocument, TargetChange, TrustUnit } from '../../trust/store.ts';
import type { Storage } from '../store.ts';
import { type OpenStore, type SharedStore, storeTest, withCode } from './stores.ts';

const role = (name: string, kind: 'bin' | 'delegated' = 'bin') => ({ name, kind, delegator: 'bins', settings: '{}' });

const change = (
	path: string,
	wanted: string | null = '{"length":1}',
	words: Partial<TargetChange> = {},
): TargetChange => ({
	path,
	role: 'bin-0',
	wanted,
	held: false,
	...words,
});

const document = (version: number, built: number, words: Partial<NewDocument> = {}): NewDocument => ({
	role: 'bin-0',
	version,
	body: `{"version":${version}}`,
	length: 13,
	sha256: 'ab',
	committed: 1000 + version,
	expires: 5000,
	built,
	...words,
});

const change1 = (storage: Storage, step: (trust: TrustUnit['trust']) => Promise<void>) =>
	storage.commitTrust((unit) => step(unit.trust));

const dirty = async (storage: Storage) => (await storage.trust.roles({ dirty: true })).map(({ name }) => name);

const paths = async (storage: Storage, ...words: Parameters<Storage['trust']['targets']>) =>
	(await storage.trust.targets(...words)).map(({ path }) => path);

export function trustContract(open: OpenStore): void {
	storeTest('trust: settings, roles and what is pending come back as they were put', open, async (storage, store) => {
		assert.equal(await storage.trust.setting('a'), undefined);
		const pending = { role: 'root', version: 2, body: '{"ü":1}', started: 5, startedBy: 'ü' };
		await change1(storage, async (trust) => {
			await trust.putSetting('a', '1');
			await trust.putSetting('a', '2');
			await trust.putRoles([role('bin-1'), role('bin-0'), { ...role('releases', 'delegated'), settings: '{"a":1}' }]);
			await trust.putPending({ ...pending, version: 1 });
			await trust.putPending(pending);
		});
		const { trust } = await store.reopen();
		assert.equal(await trust.setting('a'), '2');
		assert.deepEqual(
			(await trust.roles()).map(({ name, kind, version, revision, settings }) => [
				name,
				kind,
				version,
				revision,
				settings,
			]),
			[
				['bin-0', 'bin', 0, 0, '{}'],
				['bin-1', 'bin', 0, 0, '{}'],
				['releases', 'delegated', 0, 0, '{"a":1}'],
			],
		);
		assert.deepEqual(
			(await trust.roles({ kind: 'delegated' })).map(({ name }) => name),
			['releases'],
		);
		assert.deepEqual(await trust.pending(), [pending]);
		assert.equal(await trust.role('x\0'), undefined);
	});

	storeTest('trust: a target waits until a document of its role is committed', open, async (storage) => {
		await change1(storage, async (trust) => {
			await trust.putRoles([role('bin-0'), role('bin-1')]);
			await trust.putTargets([change('b'), change('a'), change('a', '{"length":2}')]);
		});
		assert.deepEqual(await dirty(storage), ['bin-0']);
		assert.deepEqual(await storage.trust.target('a'), {
			...{ path: 'a', role: 'bin-0', wanted: '{"length":2}', published: null, held: false },
		});
		const { revision = 0 } = (await storage.trust.role('bin-0')) ?? {};
		await change1(storage, (trust) => trust.putDocuments([document(1, revision)]));
		assert.deepEqual(await dirty(storage), []);
		assert.equal((await storage.trust.target('a'))?.published, '{"length":2}');
		assert.deepEqual(await paths(storage, { waiting: true }, '', 9), []);
		await change1(storage, (trust) => trust.putTargets([change('a', null), change('unknown', null)]));
		assert.deepEqual(await paths(storage, { waiting: true }, '', 9), ['a']);
		const next = (await storage.trust.role('bin-0'))?.revision ?? 0;
		await change1(storage, (trust) => trust.putDocuments([document(2, next)]));
		assert.deepEqual(await paths(storage, {}, '', 9), ['b']);
	});

	storeTest('trust: what is held back makes no role dirty and is not counted as published', open, async (storage) => {
		await change1(storage, async (trust) => {
			await trust.putRoles([role('bin-0')]);
			await trust.putTargets([
				change('a', '{"length":1}', { held: true }),
				change('b', '{"length":1}', { held: true }),
			]);
		});
		assert.deepEqual(await dirty(storage), []);
		const { revision = 0 } = (await storage.trust.role('bin-0')) ?? {};
		await change1(storage, (trust) => trust.putDocuments([document(1, revision)]));
		assert.equal((await storage.trust.target('a'))?.published, null);
		assert.equal(await storage.commitTrust(({ trust }) => trust.releaseTargets(['a', 'x'])), 1);
		assert.deepEqual(await dirty(storage), ['bin-0']);
		assert.equal(await storage.commitTrust(({ trust }) => trust.releaseTargets()), 1);
		assert.equal(await storage.commitTrust(({ trust }) => trust.releaseTargets()), 0);
	});

	storeTest('trust: a path that moves makes both roles dirty', open, async (storage) => {
		await change1(storage, async (trust) => {
			await trust.putRoles([role('bin-0'), role('bin-1')]);
			await trust.putTargets([change('a'), change('b')]);
			await trust.putDocuments([document(1, 1)]);
		});
		await change1(storage, (trust) => trust.putTargets([change('a', '{"length":1}', { role: 'bin-1' })]));
		assert.deepEqual(await dirty(storage), ['bin-0', 'bin-1']);
		assert.equal((await storage.trust.target('a'))?.published, null);
		assert.deepEqual(await paths(storage, { role: 'bin-0' }, '', 9), ['b']);
	});

	storeTest('trust: a document from a state that has passed is refused, with its unit', open, async (storage) => {
		await change1(storage, async (trust) => {
			await trust.putRoles([role('bin-0'), role('bin-1')]);
			await trust.putTargets([change('a')]);
		});
		const stale = change1(storage, async (trust) => {
			await trust.putSetting('a', '1');
			await trust.putDocuments([document(1, 0, { role: 'bin-1' }), document(1, 0)]);
		});
		await assert.rejects(stale, withCode('trust-conflict'));
		assert.equal(await storage.trust.setting('a'), undefined);
		assert.equal((await storage.trust.role('bin-1'))?.version, 0);
		await change1(storage, (trust) => trust.putDocuments([document(1, 1)]));
		await assert.rejects(
			change1(storage, (trust) => trust.putDocuments([document(1, 1)])),
			withCode('trust-conflict'),
		);
	});

	storeTest(
		'trust: a document that lists its targets counts these as published, not what is wanted by now',
		open,
		async (storage) => {
			await change1(storage, async (trust) => {
				await trust.putRoles([role('bin-0'), role('bin-1')]);
				await trust.putTargets([
					change('a'),
					change('b'),
					change('gone', null),
					change('later'),
					change('x', '1', { role: 'bin-1' }),
				]);
				const listed = ['a', 'new', 'x'].map((path) => ({ path, body: '{"length":1}' }));
				await trust.putDocuments([document(1, 0, { listed: [...listed, { path: 'b', body: '{"length":9}' }] })]);
			});
			const shown = (await storage.trust.targets({}, '', 9)).map((row) => [
				row.path,
				row.role,
				row.wanted,
				row.published,
			]);
			assert.deepEqual(shown, [
				['a', 'bin-0', '{"length":1}', '{"length":1}'],
				['b', 'bin-0', '{"length":1}', '{"length":9}'],
				['later', 'bin-0', '{"length":1}', null],
				['new', 'bin-0', '{"length":1}', '{"length":1}'],
				['x', 'bin-1', '1', null],
			]);
			assert.deepEqual(await paths(storage, { waiting: true }, '', 9), ['b', 'later', 'x']);
			const { revision, built } = (await storage.trust.role('bin-0')) ?? {};
			assert.equal(built, revision);
		},
	);

	storeTest('trust: documents go to the outbox in their order and can be forgotten after it', open, async (storage) => {
		const roots = [1, 2, 3].map((version) => document(version, 0, { role: 'root' }));
		await change1(storage, async (trust) => {
			await trust.putRoles([{ ...role('root'), kind: 'root', delegator: '' }, role('bin-0')]);
			await trust.putDocuments([...roots, document(7, 0)]);
		});
		assert.equal((await storage.trust.document('root'))?.version, 3);
		assert.deepEqual(await storage.trust.document('root', 2), {
			...{ role: 'root', version: 2, body: '{"version":2}', committed: 1002 },
		});
		assert.equal(await storage.trust.document('root', 4), undefined);
		const outbox = await storage.trust.outbox(9);
		const shown = outbox.filter((entry) => entry.role === 'root').map(({ version }) => version);
		assert.deepEqual(shown, [1, 2, 3]);
		assert.equal(outbox.length, 4);
		assert.equal(await storage.commitTrust(({ trust }) => trust.pruneDocuments('root', 3)), 0);
		await change1(storage, (trust) => trust.clearOutbox(outbox.map(({ number }) => number)));
		assert.equal(await storage.commitTrust(({ trust }) => trust.pruneDocuments('root', 3)), 2);
		assert.deepEqual(await storage.trust.versions('root', 9), [{ version: 3, committed: 1003 }]);
		assert.deepEqual(await storage.trust.outbox(9), []);
	});

	storeTest('trust: documents are outdated once enough later ones are old enough', open, async (storage) => {
		const roots = [1, 2, 3].map((version) => document(version, 0, { role: 'root' }));
		await change1(storage, async (trust) => {
			await trust.putRoles([{ ...role('root'), kind: 'root', delegator: '' }, role('bin-0'), role('bin-1')]);
			await trust.putDocuments([...roots, ...[1, 2, 3, 4].map((version) => document(version, 0))]);
			await trust.putDocuments([document(1, 0, { role: 'bin-1' })]);
		});
		const versions = async (kept: number, before: number, limit = 9) =>
			(await storage.trust.outdated(kept, before, limit)).map((one) => `${one.role} ${one.version}`);
		assert.deepEqual(await versions(2, 9999), ['bin-0 1', 'bin-0 2']);
		assert.deepEqual(await versions(2, 1004), ['bin-0 1']);
		assert.deepEqual(await versions(1, 9999, 2), ['bin-0 1', 'bin-0 2']);
		assert.deepEqual(await versions(4, 9999), []);
	});

	storeTest('trust: changes that wait are counted by role, those held back apart', open, async (storage) => {
		await change1(storage, async (trust) => {
			await trust.putRoles([role('bin-0'), role('bin-1')]);
			await trust.putTargets([change('a'), change('b'), change('c', '1', { held: true })]);
			await trust.putTargets([change('d', '1', { role: 'bin-1' })]);
		});
		assert.deepEqual(await storage.trust.waitingTargets(), [
			{ role: 'bin-0', held: false, count: 2 },
			{ role: 'bin-0', held: true, count: 1 },
			{ role: 'bin-1', held: false, count: 1 },
		]);
	});

	storeTest('trust: targets are listed by prefix in pages, in the order of code points', open, async (storage) => {
		const all = ['a/1', 'a/2', 'a/ü', 'a/\u{1F600}', 'b/1'];
		await change1(storage, async (trust) => {
			await trust.putRoles([role('bin-0')]);
			await trust.putTargets(all.toReversed().map((path) => change(path)));
		});
		assert.deepEqual(await paths(storage, {}, '', 9), all);
		assert.deepEqual(await paths(storage, { prefix: 'a/' }, 'a/1', 2), ['a/2', 'a/ü']);
		assert.deepEqual(await paths(storage, { prefix: 'a/', role: 'bin-1' }, '', 9), []);
	});

	storeTest(
		'trust: thousands of rows of one change arrive, and a removed role takes its documents',
		open,
		async (storage) => {
			const many = Array.from({ length: 5000 }, (_, index) => change(`t/${String(index).padStart(5, '0')}`));
			await change1(storage, async (trust) => {
				await trust.putRoles([role('bin-0'), role('bin-1')]);
				await trust.putTargets(many);
				await trust.putDocuments([document(1, 0, { role: 'bin-1' })]);
			});
			assert.equal((await storage.trust.targets({ role: 'bin-0' }, '', 9999)).length, 5000);
			await change1(storage, (trust) => trust.removeRoles(['bin-1']));
			assert.equal(await storage.trust.document('bin-1'), undefined);
			assert.deepEqual(await storage.trust.outbox(9), []);
		},
	);

	storeTest('trust: a unit and its audit row stand or fall together', open, async (storage) => {
		const row = { time: 1, actor: 'ü', action: 'trust.publish', subject: 'bin-0' };
		const failed = storage.commitTrust(async ({ trust, audit }) => {
			await trust.putSetting('a', '1');
			await audit.append(row);
			throw new Error('changed its mind');
		});
		await assert.rejects(failed, /changed its mind/);
		assert.equal(await storage.trust.setting('a'), undefined);
		const before = (await storage.audit.read(0, 99)).length;
		await storage.commitTrust(async ({ trust, audit }) => {
			await trust.putSetting('a', '1');
			await audit.append(row);
		});
		const rows = await storage.audit.read(0, 99);
		assert.equal(rows.length, before + 1);
		assert.equal(rows.at(-1)?.actor, 'ü');
	});
}

/** Units of two servers count one setting up: none of their changes is lost. */
export function trustServerContract(share: () => Promise<SharedStore>): void {
	test('trust: units of two servers are one after the other', async () => {
		const store = await share();
		try {
			const other = await store.another();
			const count = (storage: Storage) =>
				storage.commitTrust(async ({ trust, audit }) => {
					const now = Number((await trust.setting('n')) ?? 0);
					await trust.putSetting('n', String(now + 1));
					await audit.append({ time: 1, actor: 'a', action: 'trust.publish', subject: String(now) });
				});
			await Promise.all(Array.from({ length: 40 }, (_, index) => count(index % 2 === 0 ? store.storage : other)));
			assert.equal(await store.storage.trust.setting('n'), '40');
		} finally {
			await store.destroy();
		}
	});
}
