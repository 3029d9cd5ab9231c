// The root and timestamp of the client workflow, clauses 5.2 to 5.4, with every way in which they fail.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
	expired,
	failsWith,
	keysOf,
	notExpired,
	roleOf,
	rootBytes,
	signedBytes,
	snapshotBytes,
	targetsBytes,
	testKeys,
	testNow,
	testRoot,
	testTrustedSet,
	timestampBytes,
} from '../../../../testing/tuf-documents/documents.ts';
import { canonicalText } from '../metadata/canonical.ts';

const { root1, root2, timestamp, targets, other } = testKeys;

/** The keys and roles of a root whose `role` has other keys. */
function withKeys(role: 'root' | 'timestamp' | 'snapshot' | 'targets', ...keys: (typeof root1)[]) {
	const base = testRoot();
	return {
		keys: { ...base.keys, ...keysOf(...keys) },
		roles: { ...base.roles, [role]: roleOf(base.roles[role].threshold, ...keys) },
	};
}

describe('the root that trust begins with (5.2)', () => {
	it('is trusted though it has expired', () => {
		assert.equal(testTrustedSet(rootBytes({ expires: expired })).root.version, 1);
	});

	it('is refused where it does not sign itself', () => {
		const bytes = signedBytes(testRoot(), root1);
		assert.throws(
			() => testTrustedSet(bytes),
			failsWith('trust-signature-threshold', { role: 'root', signed: 1, threshold: 2 }),
		);
	});

	it('is refused where it is another role', () => {
		assert.throws(() => testTrustedSet(timestampBytes()), failsWith('trust-metadata-malformed', { role: 'root' }));
	});
});

describe('the next root (5.3)', () => {
	it('takes over when old and new keys have signed (5.3.4)', () => {
		const set = testTrustedSet();
		const next = testRoot({ version: 2, ...withKeys('root', root2, other) });
		set.updateRoot(signedBytes(next, root1, root2, other));
		assert.equal(set.root.version, 2);
		assert.equal(canonicalText(set.root), canonicalText(next));
	});

	it('needs a threshold of the old keys (5.3.4)', () => {
		const set = testTrustedSet();
		const next = testRoot({ version: 2, ...withKeys('root', root2, other) });
		assert.throws(
			() => set.updateRoot(signedBytes(next, root2, other)),
			failsWith('trust-signature-threshold', { signed: 1 }),
		);
		assert.equal(set.root.version, 1);
	});

	it('needs a threshold of the new keys (5.3.4)', () => {
		const set = testTrustedSet();
		const next = testRoot({ version: 2, ...withKeys('root', root2, other) });
		assert.throws(
			() => set.updateRoot(signedBytes(next, root1, root2)),
			failsWith('trust-signature-threshold', { signed: 1 }),
		);
	});

	it('must have precisely the next version: not the same, a lower or a later one (5.3.5)', () => {
		const set = testTrustedSet();
		set.updateRoot(rootBytes({ version: 2 }));
		assert.throws(() => set.updateRoot(rootBytes({ version: 2 })), failsWith('trust-rollback', { offeredVersion: 2 }));
		assert.throws(() => set.updateRoot(rootBytes({ version: 1 })), failsWith('trust-rollback', { offeredVersion: 1 }));
		assert.throws(
			() => set.updateRoot(rootBytes({ version: 4 })),
			failsWith('trust-metadata-mismatch', { expectedVersion: 3, offeredVersion: 4 }),
		);
		assert.equal(set.root.version, 2);
	});

	it('may have expired on the way, and must not have at the end (5.3.6, 5.3.10)', () => {
		const set = testTrustedSet();
		set.updateRoot(rootBytes({ version: 2, expires: expired }));
		assert.throws(
			() => set.updateTimestamp(timestampBytes()),
			failsWith('trust-expired', { role: 'root', expires: expired }),
		);
		set.updateRoot(rootBytes({ version: 3 }));
		assert.equal(set.updateTimestamp(timestampBytes()), 'updated');
	});

	it('cannot be loaded after a timestamp: that is a mistake of the program', () => {
		const set = testTrustedSet();
		set.updateTimestamp(timestampBytes());
		assert.throws(() => set.updateRoot(rootBytes({ version: 2 })), /cannot be loaded with timestamp loaded/);
	});
});

describe('rotated keys of timestamp and snapshot (5.3.11)', () => {
	for (const role of ['timestamp', 'snapshot'] as const) {
		it(`make the client forget both when those of ${role} change, so that raised versions are left behind`, () => {
			const raised = timestampBytes({ version: 1_000_000, snapshot: { version: 1_000_000 } });
			const set = testTrustedSet();
			set.updateRoot(signedBytes(testRoot({ version: 2, ...withKeys(role, other) }), root1, root2));
			assert.equal(set.mustForgetTimestampAndSnapshot, true);
			assert.throws(() => set.loadStoredTimestamp(raised), failsWith('trust-metadata-mismatch', { role: 'timestamp' }));
		});
	}

	it('are noticed though a later root goes back to the old keys', () => {
		const set = testTrustedSet();
		set.updateRoot(signedBytes(testRoot({ version: 2, ...withKeys('timestamp', other) }), root1, root2));
		set.updateRoot(rootBytes({ version: 3 }));
		assert.equal(set.mustForgetTimestampAndSnapshot, true);
	});

	it('are not seen in new keys of targets, in new ids of the same keys, or in no change', () => {
		const set = testTrustedSet();
		set.updateRoot(signedBytes(testRoot({ version: 2, ...withKeys('targets', other) }), root1, root2));
		const base = testRoot();
		const renamed = {
			keys: { ...base.keys, 'new-name': timestamp.key },
			roles: { ...base.roles, timestamp: { keyids: ['new-name'], threshold: 1 } },
		};
		set.updateRoot(rootBytes({ version: 3, ...renamed }));
		assert.equal(set.mustForgetTimestampAndSnapshot, false);
	});
});

describe('the timestamp (5.4)', () => {
	it('must be signed by the keys of the root (5.4.2)', () => {
		const rotated = testTrustedSet(rootBytes(withKeys('timestamp', other)));
		assert.throws(
			() => rotated.updateTimestamp(timestampBytes()),
			failsWith('trust-signature-threshold', { role: 'timestamp', signed: 0 }),
		);
		assert.equal(rotated.timestamp, undefined);
	});

	it('must not be older than the trusted one (5.4.3.1)', () => {
		const set = testTrustedSet();
		set.loadStoredTimestamp(timestampBytes({ version: 5 }));
		assert.throws(
			() => set.updateTimestamp(timestampBytes({ version: 4 })),
			failsWith('trust-rollback', { role: 'timestamp', expectedVersion: 5, offeredVersion: 4 }),
		);
		assert.equal(set.timestamp?.version, 5);
	});

	it('with the version that is trusted changes nothing, whatever else it says (5.4.3.1)', () => {
		const set = testTrustedSet();
		set.loadStoredTimestamp(timestampBytes({ version: 5 }));
		assert.equal(set.updateTimestamp(timestampBytes({ version: 5, snapshot: { version: 9 } })), 'unchanged');
		assert.equal(set.timestamp?.meta['snapshot.json'].version, 1);
	});

	it('must not name an older snapshot (5.4.3.2)', () => {
		const set = testTrustedSet();
		set.loadStoredTimestamp(timestampBytes({ snapshot: { version: 7 } }));
		assert.throws(
			() => set.updateTimestamp(timestampBytes({ version: 2, snapshot: { version: 6 } })),
			failsWith('trust-rollback', { file: 'snapshot.json', expectedVersion: 7, offeredVersion: 6 }),
		);
	});

	it('must not have expired, and is then not trusted (5.4.4)', () => {
		const set = testTrustedSet();
		assert.throws(
			() => set.updateTimestamp(timestampBytes({ expires: expired })),
			failsWith('trust-expired', { role: 'timestamp', expires: expired }),
		);
		assert.equal(set.timestamp, undefined);
	});

	it('expires at the very second that it names (5.4.4)', () => {
		const at = Date.parse(notExpired);
		testTrustedSet(rootBytes({ expires: '2027-01-01T00:00:00Z' }), at - 1).updateTimestamp(timestampBytes());
		const late = testTrustedSet(rootBytes({ expires: '2027-01-01T00:00:00Z' }), at);
		assert.throws(() => late.updateTimestamp(timestampBytes()), failsWith('trust-expired'));
	});

	it('that was stored and has expired still keeps an older one out, and is not good enough itself', () => {
		const set = testTrustedSet();
		set.loadStoredTimestamp(timestampBytes({ version: 5, expires: expired }));
		assert.throws(() => set.updateTimestamp(timestampBytes({ version: 4 })), failsWith('trust-rollback'));
		assert.throws(() => set.updateTimestamp(timestampBytes({ version: 5 })), failsWith('trust-expired'));
		assert.throws(() => set.updateSnapshot(snapshotBytes()), failsWith('trust-expired', { role: 'timestamp' }));
		assert.equal(set.updateTimestamp(timestampBytes({ version: 6 })), 'updated');
	});

	it('cannot be updated once a snapshot is loaded', () => {
		const set = testTrustedSet();
		set.updateTimestamp(timestampBytes());
		set.updateSnapshot(snapshotBytes());
		assert.throws(() => set.updateTimestamp(timestampBytes({ version: 2 })), /cannot be loaded with snapshot loaded/);
	});
});

describe('the order of the roles', () => {
	it('is kept: nothing is loaded before what it depends on', () => {
		const set = testTrustedSet(rootBytes(), testNow);
		assert.throws(() => set.updateSnapshot(snapshotBytes()), /no timestamp/);
		assert.throws(() => set.loadStoredSnapshot(snapshotBytes()), /no timestamp/);
		assert.throws(() => set.updateTargets(targetsBytes()), /no snapshot/);
		set.updateTimestamp(timestampBytes());
		set.updateSnapshot(snapshotBytes());
		assert.throws(
			() => set.updateTargets(targetsBytes(), 'a', 'targets'),
			failsWith('trust-metadata-mismatch', { role: 'a' }),
		);
		set.updateTargets(targetsBytes());
		assert.throws(() => set.updateSnapshot(snapshotBytes()), /cannot be loaded with targets loaded/);
	});

	it('does not help keys of another role: each role has its own', () => {
		const set = testTrustedSet(rootBytes(withKeys('snapshot', targets)));
		set.updateTimestamp(timestampBytes());
		assert.throws(
			() => set.updateSnapshot(snapshotBytes()),
			failsWith('trust-signature-threshold', { role: 'snapshot' }),
		);
	});
});
