// What the director's database promises: whole transactions, versions of documents, bounded manifests, no foreign files.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DirectorStore, StoredDevice, StoredManifest } from '../../trust/director-store.ts';
import { openDirectorStore } from './open.ts';

function withStore(use: (store: DirectorStore, file: string) => void): void {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-director-store-'));
	const file = join(folder, 'director.db');
	const store = openDirectorStore(file);
	try {
		use(store, file);
	} finally {
		store.close();
		rmSync(folder, { recursive: true });
	}
}

const device = (name: string, counter = 0): StoredDevice => ({
	...{ inventory: { device: name, components: [] }, orders: [], revision: 1, signed: 0, counter },
});

test('a step that throws leaves nothing, one that returns is there for the next opening', () =>
	withStore((store, file) => {
		const failing = () =>
			store.commit((unit) => {
				unit.putDevice(device('a'));
				throw new Error('stop');
			});
		assert.throws(failing, /stop/);
		assert.deepEqual(
			store.commit((unit) => unit.devices()),
			[],
		);
		store.commit((unit) => unit.putDevice(device('b')));
		store.commit((unit) => unit.putDevice(device('a', 2)));
		const other = openDirectorStore(file);
		assert.deepEqual(
			other.commit((unit) => unit.devices()),
			[device('a', 2), device('b')],
		);
		assert.equal(
			other.commit((unit) => unit.device('c')),
			undefined,
		);
		other.close();
	}));

test('the last document is the highest version, a version is written once, and old ones go', () =>
	withStore((store) => {
		const document = (version: number, name = 'a') =>
			({ device: name, role: 'targets', version, expires: 1000 + version, body: `v${version}` }) as const;
		for (let version = 1; version <= 12; version++) store.commit((unit) => unit.putDocument(document(version)));
		store.commit((unit) => unit.putDocument(document(1, 'b')));
		store.commit((unit) => {
			assert.deepEqual(unit.document('a', 'targets'), document(12));
			assert.deepEqual(unit.document('a', 'targets', 8), document(8));
			assert.equal(unit.document('a', 'targets', 7), undefined);
			assert.equal(unit.document('a', 'snapshot'), undefined);
			assert.deepEqual(unit.document('b', 'targets'), document(1, 'b'));
		});
		assert.throws(() => store.commit((unit) => unit.putDocument(document(12))), { code: 'internal' });
	}));

test('manifests are newest first, a hundred of each kind; only accepted ones use up a nonce', () =>
	withStore((store) => {
		const manifest = (received: number, dropped: boolean): StoredManifest => ({
			...{ device: 'a', received, nonce: `n${received}`, body: '{}' },
			findings: dropped ? [{ code: 'nonce-used', detail: 'again' }] : [],
		});
		store.commit((unit) => {
			unit.addManifest(manifest(1, false));
			for (let received = 2; received < 152; received++) unit.addManifest(manifest(received, true));
		});
		store.commit((unit) => {
			const kept = unit.manifests('a', 1000);
			assert.equal(kept.length, 101);
			assert.deepEqual(kept[0], manifest(151, true));
			assert.deepEqual(kept.at(-1), manifest(1, false), 'what was dropped pushes out nothing that was accepted');
			assert.equal(unit.nonceUsed('a', 'n1'), true);
			assert.equal(unit.nonceUsed('a', 'n151'), false);
			assert.equal(unit.nonceUsed('b', 'n1'), false);
		});
	}));

test('a file that is something else is refused and stays as it is', () =>
	withStore((_store, file) => {
		const other = `${file}.other`;
		writeFileSync(other, 'no database, but text that somebody may need'.repeat(100));
		const before = readFileSync(other);
		assert.throws(() => openDirectorStore(other), { code: 'storage-damaged' });
		assert.deepEqual(readFileSync(other), before);
	}));
