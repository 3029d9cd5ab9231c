// Blobs as objects of an S3 bucket: PREFIX/sha256/<digest>. S3 shows an object when it is complete and not before, so the
// digest is checked before the last request of an upload is sent. This module loads the AWS SDK: import it only where a
// bucket is used (open.ts does).

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
	AbortMultipartUploadCommand,
	CompleteMultipartUploadCommand,
	CopyObjectCommand,
	CreateMultipartUploadCommand,
	DeleteObjectCommand,
	GetObjectCommand,
	HeadBucketCommand,
	HeadObjectCommand,
	ListObjectsCommand,
	PutObjectCommand,
	S3Client,
	UploadPartCommand,
} from '@aws-sdk/client-s3';
import { isDigest } from '../../artifact/rules.ts';
import type { Blob, BlobFacts, BlobStore, PartialUploads, PutOptions } from '../../artifact/store.ts';
import { CaissonError } from '../../errors.ts';
import { mismatch, tooLarge } from './refusals.ts';
import type { S3Address } from './s3-address.ts';
import { type Objects, s3PartialUploads } from './s3-partial.ts';

/** S3 allows 10,000 parts of at least 5 MiB. */
const usualPart = 8 * 2 ** 20;
const mostParts = 10_000;
/** Parts of one upload on their way at once; each is held in memory. */
const partsAtOnce = 2;
/** S3 copies larger objects only in parts. */
const mostCopied = 5 * 2 ** 30;
/** Times that a download is taken up again in a row without having got a byte further. */
const mostResumptions = 3;

/**
 * Connects to a bucket, which must exist. What uploads cut off by a crash leave in it is invisible, but is stored and
 * paid for: the bucket needs a life-cycle rule AbortIncompleteMultipartUpload.
 * @param partSize bytes above which an upload is sent in parts; larger where 10,000 of them would not suffice
 * @throws CaissonError blobs-unavailable
 */
export async function openS3Blobs(address: S3Address, partSize = usualPart): Promise<BlobStore & { close(): void }> {
	const client = s3Client(address);
	const blobs = new S3Blobs(client, address, partSize);
	try {
		await attempt('The bucket cannot be used', () => client.send(new HeadBucketCommand({ Bucket: address.bucket })));
		await blobs.bringBack();
	} catch (error) {
		blobs.close();
		throw error;
	}
	return blobs;
}

/** The client of the bucket's server, for whatever is kept in it. */
export function s3Client(address: S3Address): S3Client {
	return new S3Client({
		...(address.endpoint !== undefined && { endpoint: address.endpoint, forcePathStyle: true }),
		// Others than Amazon ignore the region, but requests are signed with one.
		...(address.endpoint !== undefined && { region: 'us-east-1' }),
		...(address.region !== undefined && { region: address.region }),
		// Checksums in trailers are unknown to many S3 servers; requests are signed over the digest of their body.
		requestChecksumCalculation: 'WHEN_REQUIRED',
		responseChecksumValidation: 'WHEN_REQUIRED',
		requestHandler: { connectionTimeout: 5_000, socketTimeout: 60_000 },
	});
}

class S3Blobs implements BlobStore {
	readonly #client: S3Client;
	readonly #bucket: string;
	readonly #folder: string;
	readonly #aside: string;
	readonly partial: PartialUploads;
	readonly #partSize: number;

	constructor(client: S3Client, address: S3Address, partSize: number) {
		this.#partSize = partSize;
		this.#client = client;
		this.#bucket = address.bucket;
		this.#folder = `${address.prefix}sha256/`;
		this.#aside = `${address.prefix}outgoing/`;
		this.partial = s3PartialUploads(this.#objects(address.prefix), partSize);
	}

	close(): void {
		this.#client.destroy();
	}

	async put(digest: string, bytes: AsyncIterable<Uint8Array>, options: PutOptions): Promise<{ size: number }> {
		const partSize = Math.max(this.#partSize, Math.ceil(options.maximum / mostParts));
		const upload = new Upload(this.#client, this.#at(digest), partSize);
		const hash = createHash('sha256');
		let size = 0;
		try {
			for await (const chunk of bytes) {
				size += chunk.length;
				if (size > options.maximum) throw tooLarge(options.maximum);
				hash.update(chunk);
				await upload.add(chunk);
			}
			const found = hash.digest('hex');
			if (found !== digest) throw mismatch(digest, found);
			await upload.arrived();
			await options.beforeVisible?.(size);
			await upload.complete();
		} catch (error) {
			await upload.abort();
			throw error;
		}
		const stored = await this.stat(digest);
		if (stored?.size !== size) {
			throw new CaissonError('blobs-unavailable', `S3 acknowledged ${size} bytes and holds ${stored?.size ?? 'none'}.`);
		}
		return { size };
	}

	async open(digest: string): Promise<Blob | undefined> {
		const facts = await this.stat(digest);
		if (facts === undefined) return undefined;
		const readRange = (start: number, end: number) => this.#read(this.#at(digest), start, end);
		return { ...facts, readRange, close: async () => undefined };
	}

	async stat(digest: string): Promise<BlobFacts | undefined> {
		const what = 'An artifact cannot be looked up in S3';
		const head = await found(what, () => this.#client.send(new HeadObjectCommand(this.#at(digest))));
		if (head === undefined) return undefined;
		if (head.ContentLength === undefined) throw new CaissonError('blobs-unavailable', `${what}: it tells no size.`);
		return { digest, size: head.ContentLength, stored: head.LastModified?.getTime() ?? 0 };
	}

	async list({ after = '', limit }: { after?: string; limit: number }): Promise<readonly BlobFacts[]> {
		const blobs: BlobFacts[] = [];
		for (let last = after, more = true; more && blobs.length < limit; ) {
			// Version 1 of the request: its marker is simply a key, and every S3 server knows it.
			const command = new ListObjectsCommand({
				Bucket: this.#bucket,
				Prefix: this.#folder,
				...(last !== '' && { Marker: this.#folder + last }),
				MaxKeys: Math.min(1000, limit - blobs.length),
			});
			const page = await attempt('The artifacts in S3 cannot be listed', () => this.#client.send(command));
			for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
				const name = Key.slice(this.#folder.length);
				if (name > last) last = name;
				if (isDigest(name)) blobs.push({ digest: name, size: Size, stored: LastModified?.getTime() ?? 0 });
			}
			more = page.IsTruncated === true && (page.Contents?.length ?? 0) > 0;
		}
		return blobs;
	}

	async removeUnless(digest: string, keep: () => Promise<boolean>): Promise<'removed' | 'kept' | 'absent'> {
		const facts = await this.stat(digest);
		if (facts === undefined) return 'absent';
		if (facts.size > mostCopied) {
			if (await keep()) return 'kept';
			await this.#delete(this.#at(digest));
			return 'removed';
		}
		await this.#copy(this.#at(digest), this.#asideOf(digest));
		await this.#delete(this.#at(digest));
		let kept = true;
		try {
			kept = await keep();
		} finally {
			if (kept) await this.#copy(this.#asideOf(digest), this.#at(digest));
			await this.#delete(this.#asideOf(digest));
		}
		return kept ? 'kept' : 'removed';
	}

	/**
	 * What a crash has left aside comes back. Where it is another server that is about to remove it, that was for nothing,
	 * and the next time does it.
	 */
	async bringBack(): Promise<void> {
		const command = new ListObjectsCommand({ Bucket: this.#bucket, Prefix: this.#aside });
		const { Contents = [] } = await attempt('The artifacts in S3 cannot be listed', () => this.#client.send(command));
		for (const { Key = '' } of Contents) {
			const digest = Key.slice(this.#aside.length);
			if (!isDigest(digest)) continue;
			await this.#copy(this.#asideOf(digest), this.#at(digest)).catch((error: CaissonError) => {
				// Gone by now: the other server has decided.
				if (!isAbsent(error.cause)) throw error;
			});
			await this.#delete(this.#asideOf(digest));
		}
	}

	#asideOf(digest: string): { Bucket: string; Key: string } {
		return { Bucket: this.#bucket, Key: this.#aside + digest };
	}

	async #copy(from: { Bucket: string; Key: string }, to: { Bucket: string; Key: string }): Promise<void> {
		const source = `${from.Bucket}/${from.Key.split('/').map(encodeURIComponent).join('/')}`;
		const command = new CopyObjectCommand({ ...to, CopySource: source });
		await attempt('An artifact cannot be set aside in S3', () => this.#client.send(command));
	}

	async #delete(at: { Bucket: string; Key: string }): Promise<void> {
		await attempt('An artifact cannot be removed from S3', () => this.#client.send(new DeleteObjectCommand(at)));
	}

	#at(digest: string): { Bucket: string; Key: string } {
		// The last guard: no other text becomes a key.
		if (!isDigest(digest))
			throw new CaissonError('internal', 'An artifact was asked for by something else than a digest.');
		return { Bucket: this.#bucket, Key: this.#folder + digest };
	}

	#objects(prefix: string): Objects {
		const at = (key: string) => ({ Bucket: this.#bucket, Key: prefix + key });
		const what = 'An upload cannot be kept in S3';
		return {
			put: async (key, bytes) => {
				await attempt(what, () => this.#client.send(new PutObjectCommand({ ...at(key), Body: bytes })));
			},
			read: (key, size) => this.#read(at(key), 0, size - 1),
			list: async (start) => {
				const found: { key: string; size: number; changed: number }[] = [];
				for (let more = true; more; ) {
					const Marker = prefix + (found.at(-1)?.key ?? '');
					const command = new ListObjectsCommand({ Bucket: this.#bucket, Prefix: prefix + start, Marker });
					const page = await attempt(what, () => this.#client.send(command));
					for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
						found.push({ key: Key.slice(prefix.length), size: Size, changed: LastModified?.getTime() ?? 0 });
					}
					more = page.IsTruncated === true && (page.Contents?.length ?? 0) > 0;
				}
				return found;
			},
			remove: (key) => this.#delete(at(key)),
		};
	}

	/** A connection that breaks is taken up again where it broke, so that a device's download survives it. */
	async *#read(at: { Bucket: string; Key: string }, start: number, end: number): AsyncGenerator<Uint8Array> {
		const what = 'An artifact cannot be read from S3';
		let position = start;
		for (let failures = 0; position <= end; ) {
			const from = position;
			try {
				const command = new GetObjectCommand({ ...at, Range: `bytes=${from}-${end}` });
				const { Body, ContentRange } = await this.#client.send(command);
				// A server that ignores Range sends the whole object: those are not the bytes asked for.
				if (!ContentRange?.startsWith(`bytes ${from}-${end}/`))
					throw new WrongAnswer('it did not send the range asked for');
				for await (const chunk of Body as AsyncIterable<Uint8Array>) {
					if (chunk.length > end - position + 1) throw new WrongAnswer('it sent more than the range asked for');
					position += chunk.length;
					yield chunk;
				}
				if (position <= end) throw new Error('the connection ended early');
			} catch (error) {
				if (position > from) failures = 0;
				failures++;
				if (failures > mostResumptions || error instanceof WrongAnswer || isAbsent(error))
					throw unavailable(what, error);
				await sleep(100 * 2 ** failures);
			}
		}
	}
}

/** One upload: a single request where the bytes fit into one part, a multipart upload where they do not. */
class Upload {
	readonly #client: S3Client;
	readonly #at: { Bucket: string; Key: string };
	readonly #partSize: number;
	#part: Buffer | undefined;
	#filled = 0;
	#id: string | undefined;
	readonly #parts: { PartNumber: number; ETag: string | undefined }[] = [];
	readonly #underWay = new Set<Promise<void>>();
	#failure: unknown;

	constructor(client: S3Client, at: { Bucket: string; Key: string }, partSize: number) {
		this.#client = client;
		this.#at = at;
		this.#partSize = partSize;
	}

	async add(chunk: Uint8Array): Promise<void> {
		for (let rest = chunk; rest.length > 0; ) {
			if (this.#filled === this.#partSize) await this.#sendPart();
			this.#part ??= Buffer.allocUnsafe(this.#partSize);
			const taken = rest.subarray(0, this.#partSize - this.#filled);
			this.#part.set(taken, this.#filled);
			this.#filled += taken.length;
			rest = rest.subarray(taken.length);
		}
	}

	/** All bytes have been added: of a multipart upload S3 has them all after this, and shows none of them. */
	async arrived(): Promise<void> {
		if (this.#id !== undefined) await this.#sendPart();
		await Promise.all(this.#underWay);
		if (this.#failure !== undefined) throw this.#failure;
	}

	async complete(): Promise<void> {
		const step = async () => {
			if (this.#id === undefined) {
				const Body = this.#part?.subarray(0, this.#filled) ?? new Uint8Array(0);
				return this.#client.send(new PutObjectCommand({ ...this.#at, Body }));
			}
			const MultipartUpload = { Parts: this.#parts };
			return this.#client.send(
				new CompleteMultipartUploadCommand({ ...this.#at, UploadId: this.#id, MultipartUpload }),
			);
		};
		await attempt('An artifact cannot be stored in S3', step);
	}

	/** Never throws: what cannot be aborted is left to the bucket's life-cycle rule. */
	async abort(): Promise<void> {
		await Promise.all(this.#underWay);
		if (this.#id === undefined) return;
		const command = new AbortMultipartUploadCommand({ ...this.#at, UploadId: this.#id });
		await this.#client.send(command).catch(() => undefined);
	}

	async #sendPart(): Promise<void> {
		const body = this.#part?.subarray(0, this.#filled) ?? Buffer.alloc(0);
		this.#part = undefined;
		this.#filled = 0;
		this.#id ??= await this.#begin();
		const number = this.#parts.length + 1;
		const part: { PartNumber: number; ETag: string | undefined } = { PartNumber: number, ETag: undefined };
		this.#parts.push(part);
		const command = new UploadPartCommand({ ...this.#at, UploadId: this.#id, PartNumber: number, Body: body });
		const sent: Promise<void> = attempt('An artifact cannot be stored in S3', () => this.#client.send(command))
			.then(({ ETag }) => {
				part.ETag = ETag;
			})
			.catch((error: unknown) => {
				this.#failure ??= error;
			})
			.finally(() => this.#underWay.delete(sent));
		this.#underWay.add(sent);
		if (this.#underWay.size >= partsAtOnce) await Promise.race(this.#underWay);
		if (this.#failure !== undefined) throw this.#failure;
	}

	async #begin(): Promise<string> {
		const command = new CreateMultipartUploadCommand(this.#at);
		const { UploadId } = await attempt('An artifact cannot be stored in S3', () => this.#client.send(command));
		if (UploadId === undefined) throw new CaissonError('blobs-unavailable', 'S3 began an upload without an id.');
		return UploadId;
	}
}

/** An answer that asking again would not mend. */
class WrongAnswer extends Error {}

function isAbsent(error: unknown): boolean {
	return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 404;
}

function unavailable(what: string, cause: unknown): CaissonError {
	const { name, message, $metadata } = cause as Error & { $metadata?: { httpStatusCode?: number } };
	const status = $metadata?.httpStatusCode === undefined ? '' : ` (HTTP ${$metadata.httpStatusCode})`;
	const reason = message === '' || message === 'UnknownError' ? name : message;
	return new CaissonError('blobs-unavailable', `${what}: ${reason}${status}.`, { cause });
}

/** @throws CaissonError blobs-unavailable, where the step throws anything but a CaissonError */
export async function attempt<Result>(what: string, step: () => Promise<Result>): Promise<Result> {
	try {
		return await step();
	} catch (error) {
		throw error instanceof CaissonError ? error : unavailable(what, error);
	}
}

/** As attempt; undefined where there is no such object. */
export async function found<Result>(what: string, step: () => Promise<Result>): Promise<Result | undefined> {
	return attempt(what, () =>
		step().catch((error: unknown) => {
			if (isAbsent(error)) return undefined;
			throw error;
		}),
	);
}
