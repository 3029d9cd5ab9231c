// What a client trusts, and what it may come to trust next: bytes in, a trusted document or a coded failure out, after
// clause 5 of the specification, as python-tuf's TrustedMetadataSet. It leaves out all input and output: which file is
// fetched next, how much of it is read, and what is written down when (client/updater.ts).
//
// The order is root (any number), timestamp, snapshot, targets, delegated roles. After a failure the set is as it was. What a client
// stored before is loaded with loadStored…: it is trusted as far as its signatures go, and holds the floor under which
// nothing newer may fall, even when it has expired.

import { canonicalJson } from '../metadata/canonical.ts';
import { delegatedKeys } from '../metadata/delegation.ts';
import { isExpired } from '../metadata/expiry.ts';
import { quoted, TrustFailure } from '../metadata/failure.ts';
import { fileFault } from '../metadata/file-check.ts';
import { metaKey } from '../metadata/file-names.ts';
import { defaultJsonLimits, type JsonLimits } from '../metadata/json.ts';
import { keyIdentity } from '../metadata/keys.ts';
import type {
	HashBytes,
	Keys,
	Metadata,
	MetaFile,
	RoleKeys,
	RootSigned,
	Signed,
	SnapshotSigned,
	TargetsSigned,
	TimestampSigned,
	VerifySignature,
} from '../metadata/model.ts';
import { readMetadata } from '../metadata/read.ts';
import { verifyThreshold } from '../metadata/threshold.ts';

export interface TrustedSetOptions {
	/** Milliseconds since 1970: the fixed time of this cycle (clause 5.1), never below the floor that the caller keeps. */
	readonly now: number;
	readonly verify: VerifySignature;
	readonly hash: HashBytes;
	readonly limits?: JsonLimits;
}

interface LoadedTargets {
	readonly metadata: Metadata<TargetsSigned>;
	/** The delegators whose keys signed it. */
	readonly delegators: Set<string>;
}

export class TrustedSet {
	private readonly options: TrustedSetOptions;
	private readonly limits: JsonLimits;
	private trustedRoot: Metadata<RootSigned>;
	private trustedTimestamp: Metadata<TimestampSigned> | undefined;
	private trustedSnapshot: Metadata<SnapshotSigned> | undefined;
	private readonly loaded = new Map<string, LoadedTargets>();
	private rotated = false;

	/**
	 * Clause 5.2: the root that was shipped or stored is where trust begins. That it signs itself is checked all the same,
	 * since a root that does not was damaged. Its expiry does not matter yet.
	 * @throws TrustFailure trust-metadata-malformed, trust-signature-threshold
	 */
	constructor(root: Uint8Array, options: TrustedSetOptions) {
		this.options = options;
		this.limits = options.limits ?? defaultJsonLimits;
		const metadata = readMetadata('root', root, this.limits);
		this.verifyByRoot(metadata, 'root', metadata.signed);
		this.trustedRoot = metadata;
	}

	get root(): RootSigned {
		return this.trustedRoot.signed;
	}

	get timestamp(): TimestampSigned | undefined {
		return this.trustedTimestamp?.signed;
	}

	get snapshot(): SnapshotSigned | undefined {
		return this.trustedSnapshot?.signed;
	}

	/**
	 * Clause 5.3.11: whether keys of the timestamp or snapshot role changed on the way from the first root to this one. Then
	 * the stored timestamp and snapshot must be deleted, not later than the new root is stored: they may hold versions
	 * that an attacker raised. The set refuses to load them.
	 */
	get mustForgetTimestampAndSnapshot(): boolean {
		return this.rotated;
	}

	/**
	 * The next root of the chain, clauses 5.3.4 to 5.3.7. It may have expired: the last one is checked by what follows.
	 * @throws TrustFailure trust-metadata-malformed, trust-signature-threshold, trust-rollback, trust-metadata-mismatch
	 */
	updateRoot(bytes: Uint8Array): RootSigned {
		if (this.trustedTimestamp !== undefined) wrongOrder('root', 'timestamp');
		const next = readMetadata('root', bytes, this.limits);
		const payload = canonicalJson(next.signed);
		// 5.3.4: signed by a threshold of keys of version N, and of version N+1.
		this.verifyByRoot(next, 'root', this.root, payload);
		this.verifyByRoot(next, 'root', next.signed, payload, 'the new root');
		// 5.3.5: precisely one version further.
		refuseLower('root', this.root.version + 1, next.signed.version, this.root.version);
		if (next.signed.version !== this.root.version + 1) {
			mismatch('root', this.root.version + 1, next.signed.version, 'the root after this one');
		}
		this.rotated ||=
			keysChanged(this.root, next.signed, 'timestamp') || keysChanged(this.root, next.signed, 'snapshot');
		this.trustedRoot = next;
		return next.signed;
	}

	/**
	 * The timestamp that was stored in an earlier cycle. It may have expired.
	 * @throws TrustFailure also where clause 5.3.11 demands that it be forgotten (trust-metadata-mismatch)
	 */
	loadStoredTimestamp(bytes: Uint8Array): TimestampSigned {
		if (this.trustedTimestamp !== undefined) wrongOrder('stored timestamp', 'timestamp');
		this.refuseForgotten('timestamp');
		this.trustedTimestamp = this.readTimestamp(bytes);
		return this.trustedTimestamp.signed;
	}

	/**
	 * The timestamp of the repository, clause 5.4. `unchanged`: it has the version that is trusted, which is kept.
	 * @throws TrustFailure trust-metadata-malformed, trust-signature-threshold, trust-rollback, trust-expired (also of the
	 * root, clause 5.3.10)
	 */
	updateTimestamp(bytes: Uint8Array, refuse?: (timestamp: TimestampSigned) => void): 'updated' | 'unchanged' {
		if (this.trustedSnapshot !== undefined) wrongOrder('timestamp', 'snapshot');
		const next = this.readTimestamp(bytes);
		// Before anything is compared with it or kept: its version says nothing about this device's.
		refuse?.(next.signed);
		const trusted = this.trustedTimestamp;
		if (trusted !== undefined) {
			// 5.4.3.1
			refuseLower('timestamp', trusted.signed.version, next.signed.version);
			if (next.signed.version === trusted.signed.version) {
				this.refuseExpired('timestamp', trusted.signed);
				return 'unchanged';
			}
			// 5.4.3.2
			const trustedSnapshot = trusted.signed.meta['snapshot.json'];
			refuseLower(
				'timestamp',
				trustedSnapshot.version,
				next.signed.meta['snapshot.json'].version,
				undefined,
				'snapshot.json',
			);
		}
		// 5.4.4
		this.refuseExpired('timestamp', next.signed);
		this.trustedTimestamp = next;
		return 'updated';
	}

	/**
	 * The snapshot that was stored in an earlier cycle; load it after the timestamp is updated. True: it is the one that the
	 * timestamp names, and is current, so none needs to be fetched. False: it only keeps newer ones from falling below.
	 * @throws TrustFailure
	 */
	loadStoredSnapshot(bytes: Uint8Array): boolean {
		if (this.trustedSnapshot !== undefined) wrongOrder('stored snapshot', 'snapshot');
		this.refuseForgotten('snapshot');
		const meta = this.currentSnapshotMeta();
		const stored = this.readSnapshot(bytes);
		this.trustedSnapshot = stored;
		return (
			stored.signed.version === meta.version &&
			fileFault(bytes, meta, this.options.hash) === undefined &&
			!isExpired(stored.signed, this.options.now)
		);
	}

	/**
	 * The snapshot of the repository, clause 5.5.
	 * @throws TrustFailure trust-metadata-mismatch, trust-metadata-malformed, trust-signature-threshold, trust-rollback, trust-expired
	 */
	updateSnapshot(bytes: Uint8Array): SnapshotSigned {
		if (this.loaded.size > 0) wrongOrder('snapshot', 'targets');
		const meta = this.currentSnapshotMeta();
		// 5.5.2: before the signatures; the hashes come from a role that is verified already.
		this.refuseOtherFile('snapshot', bytes, meta);
		const next = this.readSnapshot(bytes);
		// 5.5.4
		if (next.signed.version !== meta.version) {
			mismatch('snapshot', meta.version, next.signed.version, 'the snapshot that the timestamp names');
		}
		// 5.5.5
		if (this.trustedSnapshot !== undefined) refuseFallenFiles(this.trustedSnapshot.signed, next.signed);
		// 5.5.6
		this.refuseExpired('snapshot', next.signed);
		this.trustedSnapshot = next;
		return next.signed;
	}

	/**
	 * The metadata of `targets` (delegated by `root`) or of a delegated role, stored or fetched, clause 5.6. The delegator
	 * must be trusted in this set already.
	 * @throws TrustFailure trust-metadata-mismatch, trust-metadata-malformed, trust-signature-threshold, trust-expired
	 */
	updateTargets(bytes: Uint8Array, role = 'targets', delegator = 'root'): TargetsSigned {
		const meta = this.targetsMeta(role);
		const { keys, roleKeys } = this.delegation(role, delegator);
		// 5.6.2
		this.refuseOtherFile(role, bytes, meta);
		const next = readMetadata('targets', bytes, this.limits);
		// 5.6.3
		verifyThreshold(role, keys, roleKeys, next, this.options.verify, undefined, keysOf(delegator));
		// 5.6.4
		if (next.signed.version !== meta.version) {
			mismatch(role, meta.version, next.signed.version, 'the version that the snapshot names');
		}
		// 5.6.5
		this.refuseExpired(role, next.signed);
		this.loaded.set(role, { metadata: next, delegators: new Set([delegator]) });
		return next.signed;
	}

	/**
	 * The trusted metadata of a role, or undefined where it is not loaded. What was loaded for one delegator is verified
	 * anew for another: each trusts its own keys.
	 * @throws TrustFailure trust-signature-threshold
	 */
	targets(role = 'targets', delegator = 'root'): TargetsSigned | undefined {
		const loaded = this.loaded.get(role);
		if (loaded === undefined) return undefined;
		if (!loaded.delegators.has(delegator)) {
			const { keys, roleKeys } = this.delegation(role, delegator);
			verifyThreshold(role, keys, roleKeys, loaded.metadata, this.options.verify, undefined, keysOf(delegator));
			loaded.delegators.add(delegator);
		}
		return loaded.metadata.signed;
	}

	/**
	 * What the snapshot says of the metadata of a role: version for the file name, length for the cap.
	 * @throws TrustFailure trust-metadata-mismatch where it says nothing
	 */
	targetsMeta(role = 'targets'): MetaFile {
		const snapshot = this.currentSnapshot();
		const name = metaKey(role);
		const meta = Object.hasOwn(snapshot.meta, name) ? snapshot.meta[name] : undefined;
		if (meta === undefined) {
			throw new TrustFailure('trust-metadata-mismatch', `the snapshot does not list the role ${quoted(role)}`, {
				role,
			});
		}
		return meta;
	}

	/** Clause 5.4.2 and, before any timestamp, clause 5.3.10: the last root must not have expired. */
	private readTimestamp(bytes: Uint8Array): Metadata<TimestampSigned> {
		this.refuseExpired('root', this.root);
		const timestamp = readMetadata('timestamp', bytes, this.limits);
		this.verifyByRoot(timestamp, 'timestamp', this.root);
		return timestamp;
	}

	/** Clause 5.5.3. */
	private readSnapshot(bytes: Uint8Array): Metadata<SnapshotSigned> {
		const snapshot = readMetadata('snapshot', bytes, this.limits);
		this.verifyByRoot(snapshot, 'snapshot', this.root);
		return snapshot;
	}

	/** What the timestamp says of the snapshot; the timestamp must be current. */
	private currentSnapshotMeta(): MetaFile {
		const timestamp = this.trustedTimestamp?.signed;
		if (timestamp === undefined) return wrongOrder('snapshot', 'no timestamp');
		this.refuseExpired('timestamp', timestamp);
		return timestamp.meta['snapshot.json'];
	}

	/** The snapshot, if it is the one that the timestamp names and is current; a stored one may be neither. */
	private currentSnapshot(): SnapshotSigned {
		const snapshot = this.trustedSnapshot?.signed;
		if (snapshot === undefined) return wrongOrder('targets', 'no snapshot');
		const { version } = this.currentSnapshotMeta();
		if (snapshot.version !== version)
			mismatch('snapshot', version, snapshot.version, 'the snapshot that the timestamp names');
		this.refuseExpired('snapshot', snapshot);
		return snapshot;
	}

	private delegation(role: string, delegator: string): { keys: Keys; roleKeys: RoleKeys } {
		if (delegator === 'root' && role === 'targets') return { keys: this.root.keys, roleKeys: this.root.roles.targets };
		const delegations = this.loaded.get(delegator)?.metadata.signed.delegations;
		if (!this.loaded.has(delegator)) return wrongOrder(role, `no ${delegator}`);
		const roleKeys = delegatedKeys(delegations, role);
		if (delegations === undefined || roleKeys === undefined) {
			throw new TrustFailure(
				'trust-metadata-mismatch',
				`the role ${quoted(delegator)} does not delegate to the role ${quoted(role)}`,
				{ role },
			);
		}
		return { keys: delegations.keys, roleKeys };
	}

	private verifyByRoot(
		metadata: Metadata,
		role: 'root' | 'timestamp' | 'snapshot',
		root: RootSigned,
		payload?: Uint8Array,
		keysFrom = 'the trusted root',
	): void {
		verifyThreshold(role, root.keys, root.roles[role], metadata, this.options.verify, payload, keysFrom);
	}

	private refuseExpired(role: string, signed: Signed): void {
		if (!isExpired(signed, this.options.now)) return;
		throw new TrustFailure('trust-expired', `the metadata of the role ${quoted(role)} expired at ${signed.expires}`, {
			role,
			offeredVersion: signed.version,
			expires: signed.expires,
		});
	}

	private refuseOtherFile(role: string, bytes: Uint8Array, meta: MetaFile): void {
		const fault = fileFault(bytes, meta, this.options.hash);
		if (fault === undefined) return;
		throw new TrustFailure(
			'trust-metadata-mismatch',
			`the metadata of the role ${quoted(role)} is another file: ${fault}`,
			{
				role,
				expectedVersion: meta.version,
			},
		);
	}

	private refuseForgotten(role: string): void {
		if (!this.rotated) return;
		throw new TrustFailure(
			'trust-metadata-mismatch',
			`the stored ${role} is forgotten: the root has new keys for timestamp or snapshot`,
			{ role },
		);
	}
}

/** A mistake of the calling program, not of a document. */
function wrongOrder(what: string, given: string): never {
	throw new Error(`trusted set: ${what} cannot be loaded with ${given} loaded`);
}

function keysOf(delegator: string): string {
	return delegator === 'root' ? 'the trusted root' : `the role ${quoted(delegator)}`;
}

function refuseLower(role: string, least: number, offered: number, trusted: number = least, file?: string): void {
	if (offered >= least) return;
	const what = file === undefined ? `the metadata of the role ${quoted(role)}` : `${quoted(file)} in the ${role}`;
	throw new TrustFailure('trust-rollback', `${what} has version ${offered}; version ${trusted} is trusted already`, {
		role,
		expectedVersion: least,
		offeredVersion: offered,
		...(file === undefined ? {} : { file }),
	});
}

function mismatch(role: string, expected: number, offered: number, what: string): never {
	throw new TrustFailure(
		'trust-metadata-mismatch',
		`the metadata of the role ${quoted(role)} has version ${offered}; ${what} has version ${expected}`,
		{ role, expectedVersion: expected, offeredVersion: offered },
	);
}

/** Clause 5.5.5: no file of the trusted snapshot may vanish, or have a lower version. */
function refuseFallenFiles(trusted: SnapshotSigned, next: SnapshotSigned): void {
	for (const file of Object.keys(trusted.meta)) {
		const before = trusted.meta[file]?.version ?? 0;
		const after = Object.hasOwn(next.meta, file) ? next.meta[file] : undefined;
		if (after === undefined) {
			throw new TrustFailure(
				'trust-rollback',
				`${quoted(file)} in the snapshot is gone; version ${before} is trusted already`,
				{
					role: 'snapshot',
					expectedVersion: before,
					file,
				},
			);
		}
		refuseLower('snapshot', before, after.version, before, file);
	}
}

/** A key that is only added is no rotation: who held the others may still have raised versions, and forgetting would help nobody. */
function keysChanged(before: RootSigned, after: RootSigned, role: 'timestamp' | 'snapshot'): boolean {
	const kept = identities(after, role);
	return [...identities(before, role)].some((identity) => !kept.has(identity));
}

function identities(root: RootSigned, role: 'timestamp' | 'snapshot'): ReadonlySet<string> {
	const ids = root.roles[role].keyids.filter((keyid) => Object.hasOwn(root.keys, keyid));
	return new Set(ids.map((keyid) => keyIdentity(root.keys[keyid] as NonNullable<Keys[string]>)));
}
