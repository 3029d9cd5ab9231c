// Uploads that are not complete, in a bucket: PREFIX/partial/<digest>/<first byte>, an object a segment, so that any server
// goes on with them. Not S3's own multipart upload: nobody can read its parts before it is complete, so a server that
// takes it over could not compute the digest of what is there. It leaves out who may go on with one, and expiry.

import { isDigest } from '../../artifact/rules.ts';
import type { PartialUploads } from '../../artifact/store.ts';
import { CaissonError } from '../../errors.ts';

/** What is needed of a bucket, all with keys below its prefix. */
export interface Objects {
	put(key: string, bytes: Uint8Array): Promise<void>;
	read(key: string, size: number): AsyncIterable<Uint8Array>;
	/** All whose key begins so, in the order of their keys. */
	list(prefix: string): Promise<readonly { readonly key: string; readonly size: number; readonly changed: number }[]>;
	remove(key: string): Promise<void>;
}

const folder = 'partial/';

/** @param segmentSize bytes of an object; also what is held in memory of one upload */
export function s3PartialUploads(objects: Objects, segmentSize: number): PartialUploads {
	const folderOf = (digest: string) => {
		if (!isDigest(digest))
			throw new CaissonError('internal', 'An upload was asked for by something else than a digest.');
		return `${folder}${digest}/`;
	};
	/** The segments that follow each other from the first byte on; what does not fit belongs to an attempt that lost. */
	const segments = async (digest: string) => {
		const prefix = folderOf(digest);
		let end = 0;
		const chain = [];
		for (const found of await objects.list(prefix)) {
			if (Number(found.key.slice(prefix.length)) !== end) continue;
			chain.push(found);
			end += found.size;
		}
		return { chain, end };
	};
	return {
		offset: async (digest) => (await segments(digest)).end,
		async append(digest, from, bytes) {
			const prefix = folderOf(digest);
			const segment = Buffer.allocUnsafe(segmentSize);
			let [position, filled] = [from, 0];
			const store = async () => {
				if (filled === 0) return;
				await objects.put(prefix + String(position).padStart(16, '0'), segment.subarray(0, filled));
				position += filled;
				filled = 0;
			};
			try {
				for await (const chunk of bytes) {
					for (let rest = chunk; rest.length > 0; ) {
						const taken = rest.subarray(0, segmentSize - filled);
						segment.set(taken, filled);
						filled += taken.length;
						rest = rest.subarray(taken.length);
						if (filled === segmentSize) await store();
					}
				}
			} finally {
				await store();
			}
			return position;
		},
		async *read(digest) {
			for (const { key, size } of (await segments(digest)).chain) yield* objects.read(key, size);
		},
		async list() {
			const changed = new Map<string, number>();
			for (const found of await objects.list(folder)) {
				const digest = found.key.slice(folder.length, folder.length + 64);
				if (isDigest(digest)) changed.set(digest, Math.max(found.changed, changed.get(digest) ?? 0));
			}
			return [...changed].map(([digest, time]) => ({ digest, changed: time }));
		},
		async discard(digest) {
			for (const { key } of await objects.list(folderOf(digest))) await objects.remove(key);
		},
	};
}
