// What the repository service of trust needs of storage: its settings, its roles, the targets that they shall sign and
// have signed, the documents that were signed, the signatures still being collected, and the outbox of documents that
// are committed but may not be served as files yet. It leaves out what a document says (rules/metadata) and when one is
// due (rules/repository).
//
// A target row holds two values. `wanted` is what the next document shall say of the path, `published` what the last one
// said; null is "nothing". They differ while a change waits: because its role is still to be signed, or because it is
// held back.

import type { AuditWriter } from '../audit/store.ts';
import type { Commit } from '../unit-of-work.ts';
import type { RoleKind } from './rules/repository/settings.ts';

export type { RoleKind };

export interface StoredRole {
	readonly name: string;
	readonly kind: RoleKind;
	/** The role whose delegation names this one; empty for the four top-level roles. */
	readonly delegator: string;
	/** Of the last committed document; 0 where there is none. */
	readonly version: number;
	/** Of the last committed document: bytes, hex SHA-256, milliseconds since the epoch. 0 and '' where there is none. */
	readonly length: number;
	readonly sha256: string;
	readonly expires: number;
	/** Counts the changes of the targets that this role shall sign. */
	readonly revision: number;
	/** The revision that the last document was built from; the role is dirty while it is below `revision`. */
	readonly built: number;
	/** What rules/repository keeps of a role (lifetime, online or offline and so on): JSON. */
	readonly settings: string;
}

export interface StoredDocument {
	readonly role: string;
	readonly version: number;
	/** The signed metadata exactly as devices get it. */
	readonly body: string;
	/** Milliseconds since the epoch: when it was committed. */
	readonly committed: number;
}

export interface NewDocument extends StoredDocument {
	/** Bytes of `body` in UTF-8, and their hex SHA-256. */
	readonly length: number;
	readonly sha256: string;
	/** Milliseconds since the epoch. */
	readonly expires: number;
	/** The role's revision that it was built from; not looked at where `listed` is set. */
	readonly built: number;
	/**
	 * What the document says of targets, where that may be something else than what is wanted by now: people signed it, or
	 * it comes from elsewhere. Targets that are not known yet become so.
	 */
	readonly listed?: readonly { readonly path: string; readonly body: string }[];
}

export interface StoredTarget {
	readonly path: string;
	readonly role: string;
	/** JSON: length, hashes, custom. */
	readonly wanted: string | null;
	readonly published: string | null;
	/** The change waits until it is let go: documents say `published` until then. */
	readonly held: boolean;
}

/** Sets what shall be said of a path; `published` stays as it is. */
export type TargetChange = Pick<StoredTarget, 'path' | 'role' | 'wanted' | 'held'>;

/** Signatures being collected for the next version of an offline role. */
export interface PendingDocument {
	readonly role: string;
	readonly version: number;
	/** Metadata as JSON: what is signed, and the signatures so far. */
	readonly body: string;
	/** Milliseconds since the epoch. */
	readonly started: number;
	readonly startedBy: string;
}

/** A committed document whose file is to be written. */
export interface OutboxEntry {
	/** Ascending in the order of commits: files are written in this order, so that a timestamp comes after what it names. */
	readonly number: number;
	readonly role: string;
	readonly version: number;
}

export interface TargetFilter {
	readonly role?: string;
	readonly prefix?: string;
	/** Only those whose change has not been published: held back, or waiting for a signature. */
	readonly waiting?: boolean;
}

/** Outside a unit these see what is committed; inside one, what it has changed as well. Absent: undefined. */
export interface TrustReader {
	/** JSON kept under a name. */
	setting(name: string): Promise<string | undefined>;
	role(name: string): Promise<StoredRole | undefined>;
	/** In the order of their names, all of them (16,384 bins at most, and the others); only dirty ones where asked. */
	roles(filter?: { readonly kind?: RoleKind; readonly dirty?: boolean }): Promise<StoredRole[]>;
	/** The version asked for, else the last committed one. */
	document(role: string, version?: number): Promise<StoredDocument | undefined>;
	/** What documents there are of a role, newest first, without their bodies. */
	versions(role: string, limit: number): Promise<{ readonly version: number; readonly committed: number }[]>;
	/**
	 * Documents that `kept` later ones of their role follow, the last of these committed before `before` (milliseconds since
	 * the epoch); `limit` at most, by role, oldest first. Roots are not among them.
	 */
	outdated(kept: number, before: number, limit: number): Promise<{ readonly role: string; readonly version: number }[]>;
	target(path: string): Promise<StoredTarget | undefined>;
	/** In the order of their paths (by code point), those above `after`, `limit` at most. */
	targets(filter: TargetFilter, after: string, limit: number): Promise<StoredTarget[]>;
	/** How many changes of targets wait, by role: held back, or not published yet. */
	waitingTargets(): Promise<{ readonly role: string; readonly held: boolean; readonly count: number }[]>;
	pending(): Promise<PendingDocument[]>;
	/** Oldest first. */
	outbox(limit: number): Promise<OutboxEntry[]>;
}

/**
 * Inside a unit of work of trust, which is alone: another one, of whichever server, begins after it has ended. A step
 * may compute (sign with a key in memory) but not wait for anything but its unit.
 */
export interface TrustWriter extends TrustReader {
	putSetting(name: string, body: string): Promise<void>;
	/** Makes roles or replaces their kind, delegator and settings; versions and revisions of known ones stay. */
	putRoles(roles: readonly Pick<StoredRole, 'name' | 'kind' | 'delegator' | 'settings'>[]): Promise<void>;
	/** Forgets roles with their documents, their targets and what the outbox holds of them. */
	removeRoles(names: readonly string[]): Promise<void>;
	/** Changes targets and counts up the revision of each role concerned (the old one too, where a path moves). */
	putTargets(changes: readonly TargetChange[]): Promise<void>;
	/** Lets go what was held back: all, or the paths given. @returns how many */
	releaseTargets(paths?: readonly string[]): Promise<number>;
	/**
	 * Commits documents, in the order given: each becomes the last of its role and goes to the outbox, and the targets of
	 * its role that are not held count as published as wanted (with `listed`: as it lists them).
	 * @throws CaissonError trust-conflict where a version is not the role's next, or a role's revision is no longer the
	 * one that its document was built from
	 */
	putDocuments(documents: readonly NewDocument[]): Promise<void>;
	/** Replaces what is pending for the role. */
	putPending(pending: PendingDocument): Promise<void>;
	/** @returns false where nothing was pending */
	removePending(role: string): Promise<boolean>;
	/** Their files are written. */
	clearOutbox(numbers: readonly number[]): Promise<void>;
	/** Forgets documents below `version`, those still in the outbox excepted. @returns how many */
	pruneDocuments(role: string, version: number): Promise<number>;
}

export interface TrustUnit {
	readonly trust: TrustWriter;
	readonly audit: AuditWriter;
}

/** Where metadata lies as devices fetch it: a folder or a bucket that can be served as it is (src/outside/metadata-files). */
export interface MetadataFiles {
	/**
	 * Writes the file whole or not at all, durable on return; one that was there is replaced. Several servers may do so at
	 * once: the last one stays. Nothing is retried.
	 * @throws CaissonError blobs-unavailable
	 */
	write(name: string, bytes: Uint8Array): Promise<void>;
	/** Absent: undefined. @throws CaissonError blobs-unavailable */
	read(name: string): Promise<Uint8Array | undefined>;
	/** Gone on return; one that was not there is no error. @throws CaissonError blobs-unavailable */
	remove(name: string): Promise<void>;
}

/** What storage offers to trust. */
export interface TrustStorage {
	readonly trust: TrustReader;
	readonly commitTrust: Commit<TrustUnit>;
}
