// What every blob store must do, as tests: each store's own test file calls this with a way to open it afresh. It runs
// with node:test and is no test file by itself.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { CaissonError } from '../errors.ts';
import type { BlobStore } from './store.ts';

/** A store that is empty when `use` is called; what it threw or returned is passed on. */
export type WithStore = (use: (blobs: BlobStore) => Promise<void>) => Promise<void>;

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const plenty = { maximum: 2 ** 30 };

/** The bytes in pieces of `size`. */
export async function* pieces(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
	for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

/** Bytes that differ with `seed` and do not repeat soon. */
export function sampleBytes(length: number, seed: number): Uint8Array {
	const bytes = new Uint8Array(length);
	for (let i = 0, value = seed + 1; i < length; i++) {
		value = (value * 1_103_515_245 + 12_345) & 0x7fffffff;
		bytes[i] = value >> 16;
	}
	return bytes;
}

/** For removeUnless: it is not to be kept. */
export const discard = async () => false;

export async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
	const chunks: Uint8Array[] = [];
	for await (const chunk of stream) chunks.push(chunk);
	return Buffer.concat(chunks);
}

export async function readBlob(blobs: BlobStore, digest: string): Promise<Uint8Array | undefined> {
	const blob = await blobs.open(digest);
	if (blob === undefined) return undefined;
	try {
		return blob.size === 0 ? new Uint8Array(0) : await readAll(blob.readRange(0, blob.size - 1));
	} finally {
		await blob.close();
	}
}

export function refused(code: string, message = /./): (error: unknown) => boolean {
	return (error) => {
		assert.ok(error instanceof CaissonError, String(error));
		assert.equal(error.code, code, error.message);
		assert.match(error.message, message);
		return true;
	};
}

/** Nothing of the bytes is there under any name that the store shows. */
export async function assertAbsent(blobs: BlobStore, digest: string): Promise<void> {
	assert.equal(await blobs.stat(digest), undefined);
	assert.equal(await blobs.open(digest), undefined);
	assert.ok(!(await blobs.list({ limit: 1000 })).some((blob) => blob.digest === digest));
}

/** @param name of the store, in the names of the tests; `partSize`: bytes above which it stores in several parts */
export function blobStoreContract(name: string, withStore: WithStore, partSize = 1 << 20): void {
	const check = (behaviour: string, use: (blobs: BlobStore) => Promise<void>) =>
		test(`${name}: ${behaviour}`, () => withStore(use));

	for (const [size, what] of [
		[0, 'no bytes'],
		[1, 'one byte'],
		[partSize - 1, 'one byte less than a part'],
		[partSize, 'exactly one part'],
		[2 * partSize + 7, 'several parts'],
	] as const) {
		check(`${what} come back as they were`, async (blobs) => {
			const bytes = sampleBytes(size, size);
			const digest = sha256(bytes);
			assert.deepEqual(await blobs.put(digest, pieces(bytes, 100_001), plenty), { size });
			const facts = await blobs.stat(digest);
			assert.deepEqual([facts?.digest, facts?.size], [digest, size]);
			assert.ok(Math.abs((facts?.stored ?? 0) - Date.now()) < 60_000);
			assert.ok(Buffer.from((await readBlob(blobs, digest)) ?? []).equals(bytes));
		});
	}

	check('ranges are read, also several at once', async (blobs) => {
		const bytes = sampleBytes(700_000, 3);
		await blobs.put(sha256(bytes), pieces(bytes), plenty);
		const blob = await blobs.open(sha256(bytes));
		assert.ok(blob);
		const ranges = [
			[0, 1],
			[699_999, 699_999],
			[262_143, 262_144],
			[1, 699_998],
		] as const;
		const read = await Promise.all(ranges.map(([start, end]) => readAll(blob.readRange(start, end))));
		await blob.close();
		read.forEach((part, index) => {
			const [start, end] = ranges[index] ?? [0, 0];
			assert.ok(Buffer.from(part).equals(bytes.subarray(start, end + 1)), `${start}-${end}`);
		});
	});

	check('a reader that stops early does no harm', async (blobs) => {
		const bytes = sampleBytes(700_000, 4);
		await blobs.put(sha256(bytes), pieces(bytes), plenty);
		const blob = await blobs.open(sha256(bytes));
		for await (const chunk of blob?.readRange(0, 699_999) ?? []) {
			assert.ok(chunk.length > 0);
			break;
		}
		await blob?.close();
		assert.equal((await readBlob(blobs, sha256(bytes)))?.length, 700_000);
	});

	check('what was never stored is absent everywhere', async (blobs) => {
		await assertAbsent(blobs, sha256(sampleBytes(9, 9)));
		assert.equal(await blobs.removeUnless(sha256(sampleBytes(9, 9)), discard), 'absent');
	});

	for (const size of [10, 2 * partSize + 7]) {
		check(`${size} bytes with another digest than announced are refused and leave nothing`, async (blobs) => {
			const [bytes, other] = [sampleBytes(size, 5), sha256(sampleBytes(size, 6))];
			const message = new RegExp(`SHA-256 ${sha256(bytes)}, not ${other}`);
			await assert.rejects(blobs.put(other, pieces(bytes), plenty), refused('digest-mismatch', message));
			await assertAbsent(blobs, other);
			await assertAbsent(blobs, sha256(bytes));
		});

		check(`a stream that breaks before the end of ${size} bytes leaves nothing`, async (blobs) => {
			const bytes = sampleBytes(size, 7);
			async function* broken() {
				yield* pieces(bytes.subarray(0, size - 1));
				throw new Error('the client is gone');
			}
			await assert.rejects(blobs.put(sha256(bytes), broken(), plenty), /the client is gone/);
			await assertAbsent(blobs, sha256(bytes));
		});

		check(`more than ${size - 1} bytes are refused where that is the maximum`, async (blobs) => {
			const bytes = sampleBytes(size, 8);
			const put = (maximum: number) => blobs.put(sha256(bytes), pieces(bytes, 4096), { maximum });
			await assert.rejects(put(size - 1), refused('request-too-large', new RegExp(`more than ${size - 1} bytes`)));
			await assertAbsent(blobs, sha256(bytes));
			assert.deepEqual(await put(size), { size });
		});

		check(`nothing of ${size} bytes is visible before beforeVisible has returned`, async (blobs) => {
			const bytes = sampleBytes(size, 10);
			const digest = sha256(bytes);
			const told: number[] = [];
			const beforeVisible = async (length: number) => {
				told.push(length);
				await assertAbsent(blobs, digest);
			};
			await blobs.put(digest, pieces(bytes), { ...plenty, beforeVisible });
			assert.deepEqual(told, [size]);
			assert.equal((await blobs.stat(digest))?.size, size);
		});

		check(`where beforeVisible throws, ${size} bytes leave nothing`, async (blobs) => {
			const bytes = sampleBytes(size, 11);
			const beforeVisible = async () => {
				throw new Error('not written down');
			};
			const put = blobs.put(sha256(bytes), pieces(bytes), { ...plenty, beforeVisible });
			await assert.rejects(put, /not written down/);
			await assertAbsent(blobs, sha256(bytes));
		});
	}

	check('a blob that is there is not lost where a second upload of it fails', async (blobs) => {
		const bytes = sampleBytes(1000, 12);
		await blobs.put(sha256(bytes), pieces(bytes), plenty);
		const lie = blobs.put(sha256(bytes), pieces(sampleBytes(1000, 13)), plenty);
		await assert.rejects(lie, refused('digest-mismatch'));
		assert.ok(Buffer.from((await readBlob(blobs, sha256(bytes))) ?? []).equals(bytes));
	});

	check('ten uploads of the same bytes at once end with one blob', async (blobs) => {
		const bytes = sampleBytes(300_000, 14);
		const digest = sha256(bytes);
		await Promise.all(Array.from({ length: 10 }, () => blobs.put(digest, pieces(bytes, 10_000), plenty)));
		assert.deepEqual(
			(await blobs.list({ limit: 100 })).map((blob) => [blob.digest, blob.size]),
			[[digest, 300_000]],
		);
		assert.ok(Buffer.from((await readBlob(blobs, digest)) ?? []).equals(bytes));
	});

	check('the list has pages, in the order of the digests', async (blobs) => {
		const all = Array.from({ length: 25 }, (_, index) => sampleBytes(20 + index, index));
		for (const bytes of all) await blobs.put(sha256(bytes), pieces(bytes), plenty);
		const listed: string[] = [];
		for (let page = await blobs.list({ limit: 10 }); ; ) {
			listed.push(...page.map((blob) => blob.digest));
			if (page.length < 10) break;
			page = await blobs.list({ limit: 10, after: page.at(-1)?.digest ?? '' });
		}
		assert.deepEqual(listed, all.map(sha256).sort());
		assert.deepEqual(await blobs.list({ limit: 10, after: 'f'.repeat(64) }), []);
	});

	check('a removed blob is gone, and can be stored again', async (blobs) => {
		const bytes = sampleBytes(1000, 15);
		await blobs.put(sha256(bytes), pieces(bytes), plenty);
		assert.equal(await blobs.removeUnless(sha256(bytes), discard), 'removed');
		await assertAbsent(blobs, sha256(bytes));
		assert.equal(await blobs.removeUnless(sha256(bytes), discard), 'absent');
		await blobs.put(sha256(bytes), pieces(bytes), plenty);
		assert.equal((await readBlob(blobs, sha256(bytes)))?.length, 1000);
	});

	check('a blob that is to be removed is found by nobody, and comes back as it was where it is kept', async (blobs) => {
		const bytes = sampleBytes(1000, 16);
		const digest = sha256(bytes);
		await blobs.put(digest, pieces(bytes), plenty);
		const keep = async () => {
			assert.deepEqual(await blobs.list({ limit: 10 }), []);
			return true;
		};
		assert.equal(await blobs.removeUnless(digest, keep), 'kept');
		assert.ok(Buffer.from((await readBlob(blobs, digest)) ?? []).equals(bytes));
		const fail = async () => {
			throw new Error('cannot be told');
		};
		await assert.rejects(blobs.removeUnless(digest, fail), /cannot be told/);
		assert.ok(Buffer.from((await readBlob(blobs, digest)) ?? []).equals(bytes));
		assert.equal(await blobs.removeUnless(digest, discard), 'removed');
		await assertAbsent(blobs, digest);
	});

	check('a blob that is uploaded anew while it is removed is there afterwards', async (blobs) => {
		const bytes = sampleBytes(1000, 17);
		const digest = sha256(bytes);
		await blobs.put(digest, pieces(bytes), plenty);
		const keep = async () => {
			await blobs.put(digest, pieces(bytes), plenty);
			return false;
		};
		assert.equal(await blobs.removeUnless(digest, keep), 'removed');
		assert.ok(Buffer.from((await readBlob(blobs, digest)) ?? []).equals(bytes));
	});

	check('the beginning of an upload is kept where its bytes break off, and grows', async (blobs) => {
		const bytes = sampleBytes(2 * partSize + 1000, 18);
		const digest = sha256(bytes);
		const { partial } = blobs;
		assert.equal(await partial.offset(digest), 0);
		async function* broken() {
			yield* pieces(bytes.subarray(0, partSize + 500), 10_000);
			throw new Error('the line is dead');
		}
		await assert.rejects(partial.append(digest, 0, broken()), /the line is dead/);
		assert.equal(await partial.offset(digest), partSize + 500);
		await assertAbsent(blobs, digest);
		const rest = pieces(bytes.subarray(partSize + 500), 7777);
		assert.equal(await partial.append(digest, partSize + 500, rest), bytes.length);
		assert.ok(Buffer.from(await readAll(partial.read(digest))).equals(bytes));
		const [listed, ...others] = await partial.list();
		assert.deepEqual([listed?.digest, others], [digest, []]);
		assert.ok(Math.abs((listed?.changed ?? 0) - Date.now()) < 60_000);
		await assertAbsent(blobs, digest);
		await partial.discard(digest);
		assert.deepEqual([await partial.offset(digest), await partial.list()], [0, []]);
		await partial.discard(digest);
	});

	check('what is no digest never becomes a path', async (blobs) => {
		const texts = [
			'',
			'..',
			'../../etc/passwd',
			'A'.repeat(64),
			'a'.repeat(63),
			`${'a'.repeat(64)}\n`,
			`${'a'.repeat(62)}/.`,
		];
		for (const text of texts) {
			await assert.rejects(blobs.open(text), refused('internal'));
			await assert.rejects(blobs.stat(text), refused('internal'));
			await assert.rejects(blobs.removeUnless(text, discard), refused('internal'));
			await assert.rejects(async () => blobs.partial.offset(text), refused('internal'));
			await assert.rejects(blobs.put(text, pieces(new Uint8Array(1)), plenty), refused('internal'));
		}
	});
}
