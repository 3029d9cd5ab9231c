// The documents of The Update Framework, specification 1.0 from 1.0.31 on, as the plain JSON values that they are: field
// names are the specification's, nothing is mapped, so fields that Caisson does not know stay where they are and are
// signed again unchanged. Succinct roles are TAP 15. It leaves out how documents are read (read.ts) and made (make.ts).
//
// Objects that json.ts reads have an empty prototype: `meta['constructor']` is undefined, whatever a document says.

export type MetadataType = 'root' | 'timestamp' | 'snapshot' | 'targets';

/** Clause 4.2: `sig` is the hex of a signature over the canonical form of `signed`. It may be anything, and then counts nothing. */
export interface Signature {
	readonly keyid: string;
	readonly sig: string;
}

export interface Metadata<S extends Signed = Signed> {
	/** No two have the same keyid. */
	readonly signatures: readonly Signature[];
	readonly signed: S;
}

interface SignedCommon {
	/** Major 1. */
	readonly spec_version: string;
	/** 1 or more. */
	readonly version: number;
	/** YYYY-MM-DDTHH:MM:SSZ; see expiryTime in expiry.ts. */
	readonly expires: string;
}

export interface RootSigned extends SignedCommon {
	readonly _type: 'root';
	readonly consistent_snapshot?: boolean;
	readonly keys: Keys;
	readonly roles: Readonly<Record<MetadataType, RoleKeys>> & { readonly mirrors?: RoleKeys };
}

export interface TimestampSigned extends SignedCommon {
	readonly _type: 'timestamp';
	readonly meta: { readonly 'snapshot.json': MetaFile };
}

export interface SnapshotSigned extends SignedCommon {
	readonly _type: 'snapshot';
	/** By file name: `targets.json`, and one for each delegated role. */
	readonly meta: Readonly<Record<string, MetaFile>>;
}

export interface TargetsSigned extends SignedCommon {
	readonly _type: 'targets';
	readonly targets: Readonly<Record<string, TargetFile>>;
	readonly delegations?: Delegations;
}

export interface SignedByType {
	readonly root: RootSigned;
	readonly timestamp: TimestampSigned;
	readonly snapshot: SnapshotSigned;
	readonly targets: TargetsSigned;
}

export type Signed = SignedByType[MetadataType];

/** By key id. A key id is a name within one document (TAP 12): it need not be the hash of the key. */
export type Keys = Readonly<Record<string, TrustKey>>;

export interface TrustKey {
	readonly keytype: string;
	readonly scheme: string;
	/** `public` is there for every key type that Caisson verifies: hex for ed25519, PEM for the others. */
	readonly keyval: { readonly public?: string };
}

export interface RoleKeys {
	/** No two are the same; one may be missing from the keys beside it, and then counts nothing. */
	readonly keyids: readonly string[];
	/** 1 or more. */
	readonly threshold: number;
}

/** What a timestamp or snapshot says of a metadata file. */
export interface MetaFile {
	readonly version: number;
	/** Bytes. */
	readonly length?: number;
	readonly hashes?: Hashes;
}

/** By algorithm, in hex: `{ sha256: … }`; at least one. */
export type Hashes = Readonly<Record<string, string>>;

export interface TargetFile {
	/** Bytes. */
	readonly length: number;
	readonly hashes: Hashes;
	/** Free for the application; Caisson puts hardware ids and release counters here. */
	readonly custom?: unknown;
}

/** One of `roles` and `succinct_roles` (TAP 15), never both. */
export interface Delegations {
	readonly keys: Keys;
	/** In order of priority; no two have the same name, none has the name of a top-level role. */
	readonly roles?: readonly DelegatedRole[];
	readonly succinct_roles?: SuccinctRoles;
}

/** One of `paths` and `path_hash_prefixes`, never both. */
export interface DelegatedRole extends RoleKeys {
	readonly name: string;
	readonly terminating: boolean;
	readonly paths?: readonly string[];
	readonly path_hash_prefixes?: readonly string[];
}

export interface SuccinctRoles extends RoleKeys {
	/** 1 to 32; there are 2 to this power bins. Caisson makes up to 14 (16,384 bins). */
	readonly bit_length: number;
	readonly name_prefix: string;
}

/** Whether `signature` is one by `key` over `message`. Answers false, and never throws, for a key or signature that it cannot use. */
export type VerifySignature = (key: TrustKey, message: Uint8Array, signature: Uint8Array) => boolean;

/** Lower-case hex. */
export type Sha256 = (bytes: Uint8Array) => string;

/** The digest in lower-case hex, or undefined where the algorithm (`sha256`, `sha512`, …) is not supported. */
export type HashBytes = (algorithm: string, bytes: Uint8Array) => string | undefined;
