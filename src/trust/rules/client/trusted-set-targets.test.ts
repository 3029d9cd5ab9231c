// The snapshot, the targets and the delegated roles of the client workflow, clauses 5.5 and 5.6, and a repository that
// python-tuf made (testdata/trust/metadata).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { trustHash, trustSha256 } from '../../../../src/outside/signer/trust-verify.ts';
import {
	expired,
	failsWith,
	keysOf,
	roleOf,
	snapshotBytes,
	targetsBytes,
	testKeys,
	testTrustedSet,
	timestampBytes,
} from '../../../../testing/tuf-documents/documents.ts';
import { canonicalText } from '../metadata/canonical.ts';
import { searchTarget } from '../metadata/delegation.ts';
import { TrustFailure } from '../metadata/failure.ts';
import { metaFile } from '../metadata/make.ts';
import type { DelegatedRole, MetaFile } from '../metadata/model.ts';
import type { TrustedSet } from './trusted-set.ts';

const { root1, targets, other } = testKeys;

function setWithSnapshot(meta: Readonly<Record<string, MetaFile>> = { 'targets.json': { version: 1 } }): TrustedSet {
	const set = testTrustedSet();
	set.updateTimestamp(timestampBytes());
	set.updateSnapshot(snapshotBytes({ meta }));
	return set;
}

describe('the snapshot (5.5)', () => {
	it('must be the file that the timestamp names, by length and every hash (5.5.2)', () => {
		const bytes = snapshotBytes();
		const named = metaFile(1, bytes, trustHash);
		const set = testTrustedSet();
		set.updateTimestamp(timestampBytes({ snapshot: named }));
		const longer = Buffer.concat([bytes, Buffer.from('\n')]);
		assert.throws(() => set.updateSnapshot(longer), failsWith('trust-metadata-mismatch', { role: 'snapshot' }));
		assert.equal(set.updateSnapshot(bytes).version, 1);
		for (const hashes of [{ sha256: named.hashes?.sha256 ?? '', sha512: 'aa' }, { md5: 'aa' }, { sha256: 'aa' }]) {
			const strict = testTrustedSet();
			strict.updateTimestamp(timestampBytes({ snapshot: { version: 1, hashes } }));
			assert.throws(() => strict.updateSnapshot(bytes), failsWith('trust-metadata-mismatch'));
		}
	});

	it('must have the version that the timestamp names (5.5.4)', () => {
		const set = testTrustedSet();
		set.updateTimestamp(timestampBytes({ snapshot: { version: 2 } }));
		for (const version of [1, 3]) {
			assert.throws(
				() => set.updateSnapshot(snapshotBytes({ version })),
				failsWith('trust-metadata-mismatch', { expectedVersion: 2, offeredVersion: version }),
			);
		}
		assert.equal(set.snapshot, undefined);
	});

	it('must not lower or drop a file that the stored one lists (5.5.5)', () => {
		const stored = snapshotBytes({ meta: { 'targets.json': { version: 3 }, 'a.json': { version: 2 } } });
		const load = () => {
			const set = testTrustedSet();
			set.updateTimestamp(timestampBytes({ version: 2, snapshot: { version: 2 } }));
			assert.equal(set.loadStoredSnapshot(stored), false);
			return set;
		};
		const offer = (meta: Readonly<Record<string, MetaFile>>) =>
			load().updateSnapshot(snapshotBytes({ version: 2, meta }));
		assert.throws(
			() => offer({ 'targets.json': { version: 2 }, 'a.json': { version: 2 } }),
			failsWith('trust-rollback', { file: 'targets.json', expectedVersion: 3, offeredVersion: 2 }),
		);
		assert.throws(() => offer({ 'targets.json': { version: 3 } }), failsWith('trust-rollback', { file: 'a.json' }));
		assert.equal(
			offer({ 'targets.json': { version: 3 }, 'a.json': { version: 2 }, 'b.json': { version: 1 } }).version,
			2,
		);
	});

	it('must not have expired (5.5.6)', () => {
		const set = testTrustedSet();
		set.updateTimestamp(timestampBytes());
		assert.throws(
			() => set.updateSnapshot(snapshotBytes({ expires: expired })),
			failsWith('trust-expired', { role: 'snapshot' }),
		);
	});

	it('that is stored and current needs no other; one that has expired or another hash does', () => {
		const bytes = snapshotBytes();
		const load = (snapshot: MetaFile, stored: Uint8Array) => {
			const set = testTrustedSet();
			set.updateTimestamp(timestampBytes({ snapshot }));
			return set.loadStoredSnapshot(stored);
		};
		assert.equal(load(metaFile(1, bytes, trustHash), bytes), true);
		assert.equal(load({ version: 1, hashes: { sha256: 'aa' } }, bytes), false);
		assert.equal(load({ version: 1 }, snapshotBytes({ expires: expired })), false);
	});

	it('that is stored and stale lets no targets be loaded', () => {
		const set = testTrustedSet();
		set.updateTimestamp(timestampBytes({ snapshot: { version: 2 } }));
		set.loadStoredSnapshot(snapshotBytes());
		assert.throws(() => set.updateTargets(targetsBytes()), failsWith('trust-metadata-mismatch', { role: 'snapshot' }));
	});
});

describe('targets and delegated roles (5.6)', () => {
	it('must be listed, the right file, signed, of the right version and current (5.6.2 to 5.6.5)', () => {
		assert.throws(() => setWithSnapshot({}).updateTargets(targetsBytes()), failsWith('trust-metadata-mismatch'));
		const bytes = targetsBytes();
		const hashed = setWithSnapshot({ 'targets.json': metaFile(1, bytes, trustHash) });
		assert.throws(() => hashed.updateTargets(targetsBytes({ version: 2 })), failsWith('trust-metadata-mismatch'));
		assert.equal(hashed.updateTargets(bytes).version, 1);
		assert.throws(
			() => setWithSnapshot().updateTargets(targetsBytes({}, other)),
			failsWith('trust-signature-threshold', { role: 'targets' }),
		);
		assert.throws(
			() => setWithSnapshot().updateTargets(targetsBytes({ version: 2 })),
			failsWith('trust-metadata-mismatch', { expectedVersion: 1, offeredVersion: 2 }),
		);
		assert.throws(
			() => setWithSnapshot().updateTargets(targetsBytes({ expires: expired })),
			failsWith('trust-expired', { role: 'targets' }),
		);
	});

	const delegate = (name: string, key: typeof root1): DelegatedRole => ({
		name,
		...roleOf(1, key),
		terminating: false,
		paths: ['*'],
	});
	const all = {
		'targets.json': { version: 1 },
		'a.json': { version: 1 },
		'b.json': { version: 1 },
		'c.json': { version: 1 },
	};

	it('are verified by the keys of the delegator, which must delegate to them', () => {
		const set = setWithSnapshot(all);
		set.updateTargets(targetsBytes({ delegations: { keys: keysOf(other), roles: [delegate('a', other)] } }));
		assert.throws(
			() => set.updateTargets(targetsBytes(), 'a', 'targets'),
			failsWith('trust-signature-threshold', { role: 'a' }),
		);
		assert.throws(
			() => set.updateTargets(targetsBytes({}, other), 'b', 'targets'),
			failsWith('trust-metadata-mismatch'),
		);
		assert.equal(set.updateTargets(targetsBytes({}, other), 'a', 'targets').version, 1);
	});

	it('that two roles delegate are verified for each of them', () => {
		const set = setWithSnapshot(all);
		set.updateTargets(
			targetsBytes({
				delegations: { keys: keysOf(other, root1), roles: [delegate('a', other), delegate('b', other)] },
			}),
		);
		set.updateTargets(
			targetsBytes({ delegations: { keys: keysOf(root1), roles: [delegate('c', root1)] } }, other),
			'a',
			'targets',
		);
		set.updateTargets(
			targetsBytes({ delegations: { keys: keysOf(targets), roles: [delegate('c', targets)] } }, other),
			'b',
			'targets',
		);
		set.updateTargets(targetsBytes({}, root1), 'c', 'a');
		assert.equal(set.targets('c', 'a')?.version, 1);
		assert.throws(() => set.targets('c', 'b'), failsWith('trust-signature-threshold', { role: 'c', signed: 0 }));
		assert.equal(set.targets('d', 'b'), undefined);
	});
});

describe('a repository that python-tuf made', () => {
	const read = (name: string) =>
		readFileSync(join(import.meta.dirname, '../../../../testdata/trust/metadata/repository', name));

	function loaded(): TrustedSet {
		const set = testTrustedSet(read('1.root.json'));
		set.updateRoot(read('2.root.json'));
		set.updateRoot(read('3.root.json'));
		set.updateTimestamp(read('timestamp.json'));
		set.updateSnapshot(read('1.snapshot.json'));
		return set;
	}

	function find(path: string, set = loaded()) {
		const search = searchTarget(path, 32, trustSha256);
		const asked: string[] = [];
		for (let step = search.next(); ; ) {
			if (step.done) return { ...step.value, asked };
			const { role, delegator } = step.value;
			asked.push(role);
			const { version } = set.targetsMeta(role);
			step = search.next(
				set.targets(role, delegator) ?? set.updateTargets(read(`${version}.${role}.json`), role, delegator),
			);
		}
	}

	it('is trusted through three roots, with all kinds of keys and unknown fields', () => {
		const set = loaded();
		assert.equal(set.root.version, 3);
		assert.equal(set.mustForgetTimestampAndSnapshot, true);
		assert.equal(find('top.txt').file.length, 3);
	});

	it('gives targets of nested roles and of succinct bins, with what is custom', () => {
		const release = find('releases/1.swu');
		assert.equal(release.role, 'releases');
		assert.equal(JSON.stringify(release.file.custom), '{"hardware":["a"],"release":7}');
		const set = loaded();
		for (let i = 0; i < 8; i++) assert.match(find(`chunks/${i}`, set).role, /^bin-[0-3]$/);
	});

	it('is not trusted with a byte changed, unless what is signed stays the same', () => {
		let kept = 0;
		for (const [name, load] of [
			['2.root.json', (bytes: Uint8Array) => testTrustedSet(read('1.root.json')).updateRoot(bytes)],
			['timestamp.json', (bytes: Uint8Array) => testTrustedSet(read('3.root.json')).loadStoredTimestamp(bytes)],
		] as const) {
			const good = read(name);
			const payload = canonicalText(load(good));
			for (let i = 0; i < good.length; i += 7) {
				const bytes = Uint8Array.from(good);
				bytes[i] = (bytes[i] as number) ^ (1 << (i % 8));
				try {
					assert.equal(canonicalText(load(bytes)), payload);
					kept++;
				} catch (error) {
					assert.ok(error instanceof TrustFailure, String(error));
				}
			}
		}
		// White space, the envelope's own fields and signatures beyond the threshold are not signed.
		assert.ok(kept > 0 && kept < 200, `${kept} changes did not matter`);
	});

	it('ends a search in a terminating role', () => {
		assert.throws(() => find('releases/2.swu'), failsWith('trust-target-unknown', { target: 'releases/2.swu' }));
	});
});
