// What artifacts need of storage: blobs, addressed by the SHA-256 of their bytes (lower-case hex). A folder and an S3
// bucket implement it (src/outside/blobs), and one suite checks both.

/** What is known of a blob without reading it. */
export interface BlobFacts {
	readonly digest: string;
	/** Bytes. */
	readonly size: number;
	/** Milliseconds since the epoch: when it was stored. */
	readonly stored: number;
}

/** A blob that is open for reading; it stays readable while it is open, also where it is removed meanwhile (disk). */
export interface Blob extends BlobFacts {
	/**
	 * The bytes from `start` to `end`, both included and inside the size, with bounded memory. The stream either gives
	 * all of them or throws CaissonError blobs-unavailable; it never ends short. The digest is not checked again.
	 */
	readRange(start: number, end: number): AsyncIterable<Uint8Array>;
	/**
	 * Where it is there, the cheaper way: fills a buffer from a position inside the size on, or a part of it. @returns how
	 * many bytes came, at least one; throws CaissonError blobs-unavailable
	 */
	readAt?(into: Uint8Array, position: number): Promise<number>;
	/** As readAt, at once, for few bytes that are in memory anyway. @returns 0 where they may not be: readAt is to be asked */
	readNow?(into: Uint8Array, position: number): number;
	/** Lets go of it. Never throws. */
	close(): Promise<void>;
}

export interface PutOptions {
	/** More bytes than this are refused as soon as they arrive. */
	readonly maximum: number;
	/**
	 * Called when all bytes have arrived, fit the digest and are stored under no name yet; what it throws undoes the
	 * put. The audit row is written here: a blob never becomes visible without one, though after a crash a row may
	 * stand for a blob that did not appear.
	 */
	readonly beforeVisible?: (size: number) => Promise<void>;
}

/**
 * All methods throw CaissonError blobs-unavailable where the disk or the bucket fails; nobody retries but the caller
 * (reading and single S3 requests are retried a few times inside). Several servers may share a bucket.
 */
export interface BlobStore {
	readonly partial: PartialUploads;
	/**
	 * Stores what `bytes` gives while its SHA-256 is computed. On return it is durable under its digest, and a blob that
	 * was there before has been replaced by equal bytes (which mends one that was damaged). Where the bytes do not fit
	 * the digest, are too many, or where their stream throws, there is nothing of them under any name afterwards; a
	 * crash leaves at most what the next start (disk) or the bucket's life-cycle rule (S3) clears away. Where the last
	 * step fails with blobs-unavailable it may have taken effect: the blob is then there, whole, or not at all.
	 * @throws CaissonError digest-mismatch, request-too-large, blobs-unavailable, or what `bytes` or `beforeVisible`
	 * throws
	 */
	put(digest: string, bytes: AsyncIterable<Uint8Array>, options: PutOptions): Promise<{ readonly size: number }>;
	/** Absent: undefined. The caller closes it. */
	open(digest: string): Promise<Blob | undefined>;
	/** Absent: undefined. */
	stat(digest: string): Promise<BlobFacts | undefined>;
	/** Blobs in the order of their digests, those above `after`, `limit` at most. Fewer than `limit`: there are no more. */
	list(page: { readonly after?: string; readonly limit: number }): Promise<readonly BlobFacts[]>;
	/**
	 * Sets the blob aside, where nobody finds it, and then asks `keep`. True, or an error, which is thrown on: it is back as
	 * it was. False: it is durably gone. After a crash in between it is back at the next start. On the disk readers wait
	 * meanwhile; in a bucket they find nothing for that moment, and a blob above 5 GiB is not set aside but removed right
	 * after `keep` has answered.
	 */
	removeUnless(digest: string, keep: () => Promise<boolean>): Promise<'removed' | 'kept' | 'absent'>;
}

/** Beginnings of artifacts: bytes that nobody is served and whose digest nobody has checked. */
export interface PartialUploads {
	/** Bytes from the beginning that are here, durably; 0 where there are none. */
	offset(digest: string): Promise<number>;
	/**
	 * Adds bytes behind `from`, which must be the offset; one caller at a time for a digest. Where `bytes` throws, what
	 * came before is kept, and the error is thrown. @returns the new offset
	 */
	append(digest: string, from: number, bytes: AsyncIterable<Uint8Array>): Promise<number>;
	/** All bytes, from the beginning. */
	read(digest: string): AsyncIterable<Uint8Array>;
	/** In no order. `changed`: when bytes were last added, milliseconds since the epoch. */
	list(): Promise<readonly { readonly digest: string; readonly changed: number }[]>;
	/** Forgets them, also where there are none. */
	discard(digest: string): Promise<void>;
}

/** What one client downloaded of one artifact on one day. */
export interface Traffic {
	readonly digest: string;
	/** '' where nobody was asked who they are. */
	readonly clientId: string;
	/** A date in UTC: '2026-11-23'. */
	readonly day: string;
	/** Answers that had bytes. */
	readonly requests: number;
	/** Ranges that they consisted of; the whole is one. */
	readonly ranges: number;
	/** Bytes of content that went to the client's connection, the framing of several parts included. */
	readonly bytes: number;
}

/** Inside a unit of work. */
export interface TrafficWriter {
	/** Adds each row to the stored one of its digest, client and day; the order does not matter. */
	add(rows: readonly Traffic[]): Promise<void>;
	/** Forgets days before this one. */
	prune(before: string): Promise<void>;
}

export interface TrafficFilter {
	readonly digests?: readonly string[];
	readonly clientId?: string;
	/** The first day. */
	readonly since?: string;
}

export const trafficKeys = ['artifact', 'device', 'day'] as const;
export type TrafficKey = (typeof trafficKeys)[number];

export interface TrafficSum extends Pick<Traffic, 'requests' | 'ranges' | 'bytes'> {
	/** The digest, the client or the day. */
	readonly key: string;
}

export interface TrafficReader {
	/** Sums a key, in the order of the keys, those above `after`, `limit` at most. */
	sums(
		filter: TrafficFilter,
		by: TrafficKey,
		page: { readonly after?: string; readonly limit: number },
	): Promise<TrafficSum[]>;
}

/** The definition of a job as it is stored. */
export interface StoredDefinition {
	/** Where it stands in the order of `inState`. */
	readonly place: { readonly stime: number; readonly seq: number };
	readonly jobId: string;
	/** The name. */
	readonly workflow: string;
	/** JSON. */
	readonly definition: string;
}

export interface DefinitionReader {
	/** Of committed jobs in a state of this name, whatever their workflow, oldest first, those behind `after`. */
	inState(
		state: string,
		after: StoredDefinition['place'] | undefined,
		limit: number,
	): Promise<readonly StoredDefinition[]>;
}
