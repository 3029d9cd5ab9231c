// Uploads that go on after a cut. A client sends a part with Content-Range (partial PUT, RFC 9110, section 14.5), asks where
// the server stands, and goes on there; the artifact appears when the last byte is there and the digest of all of them
// is right. The digest is the address of the upload, so nothing needs to be begun or named. It decides who may go on,
// and what is thrown away.

import { CaissonError } from '../errors.ts';
import { type ArtifactWorld, addArtifact } from './steps.ts';
import type { BlobFacts } from './store.ts';

/** One that nobody has gone on with for so long (ms) is thrown away. */
export const expiry = 86_400_000;
/** Uploads kept at most; for another one the oldest is thrown away. */
const mostKept = 32;
/** A client that has sent nothing for so long (ms) may be gone: another one may take its upload over. */
const quiet = 10_000;

/** Of a request: bytes `start` to `end`, both included, of `total`. */
export interface ContentRange {
	readonly start: number;
	readonly end: number;
	readonly total: number;
}

/** @throws CaissonError request-invalid */
export function parseContentRange(header: string): ContentRange {
	// Nothing is missing but the end: all bytes came, and what follows them broke off.
	const whole = /^bytes \*\/(\d{1,15})$/.exec(header);
	if (whole !== null) return { start: Number(whole[1]), end: Number(whole[1]) - 1, total: Number(whole[1]) };
	const [, start, end, total] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(header)?.map(Number) ?? [];
	if (start === undefined || end === undefined || total === undefined || start > end || end >= total) {
		throw new CaissonError('request-invalid', 'Content-Range: a part is written as "bytes FIRST-LAST/TOTAL"');
	}
	return { start, end, total };
}

export type Continued = { readonly offset: number } | { readonly facts: BlobFacts; readonly created: boolean };

interface Active {
	/** When a byte came last. */
	time: number;
	over: boolean;
	readonly ended: Promise<void>;
}

/** The uploads of one server. Another server on the same bucket is noticed by where an upload stands. */
export class Resumption {
	readonly #world: ArtifactWorld;
	readonly #active = new Map<string, Active>();

	constructor(world: ArtifactWorld) {
		this.#world = world;
	}

	/** How many bytes from the beginning are here; 0 where nothing is. */
	offset(digest: string): Promise<number> {
		return this.#world.blobs.partial.offset(digest);
	}

	/**
	 * Goes on with an upload. What came before `bytes` threw is kept; where the digest of the whole is wrong, nothing is.
	 * @throws CaissonError upload-conflict where the part is not the next one, or somebody else sends just now;
	 * request-too-large, request-invalid, digest-mismatch, blobs-unavailable, storage-unavailable
	 */
	async add(digest: string, range: ContentRange, bytes: AsyncIterable<Uint8Array>, by: string): Promise<Continued> {
		const { blobs, maximum } = this.#world;
		if (range.total > maximum()) {
			const message = `the artifact has more than ${maximum()} bytes (--max-artifact-size)`;
			throw new CaissonError('request-too-large', message);
		}
		return this.#alone(digest, async (active) => {
			let offset = await this.offset(digest);
			if (offset > range.total) {
				// These bytes were never the beginning of that artifact.
				await blobs.partial.discard(digest);
				offset = 0;
			}
			if (range.start !== offset) {
				throw new CaissonError('upload-conflict', `the upload goes on at byte ${offset}, not at ${range.start}`);
			}
			if (offset === 0) await this.#makeRoom();
			const length = range.end - range.start + 1;
			const reached = await blobs.partial.append(digest, offset, this.#guarded(active, length, bytes));
			if (reached !== range.total) return { offset: reached };
			return this.#complete(digest, by);
		});
	}

	/** Throws away what nobody has gone on with. @throws CaissonError blobs-unavailable */
	async expire(): Promise<void> {
		for (const { digest, changed } of await this.#world.blobs.partial.list()) {
			if (changed > this.#world.now() - expiry || this.#active.has(digest)) continue;
			await this.#world.blobs.partial.discard(digest);
		}
	}

	async #complete(digest: string, by: string): Promise<Continued> {
		const { partial } = this.#world.blobs;
		try {
			const added = await addArtifact(this.#world, digest, partial.read(digest), by);
			await partial.discard(digest);
			return added;
		} catch (error) {
			// No more bytes would mend it.
			if (error instanceof CaissonError && error.code === 'digest-mismatch') await partial.discard(digest);
			throw error;
		}
	}

	async #alone<Result>(digest: string, work: (active: Active) => Promise<Result>): Promise<Result> {
		for (let other = this.#active.get(digest); other !== undefined; other = this.#active.get(digest)) {
			if (this.#world.now() - other.time < quiet) {
				throw new CaissonError('upload-conflict', 'another upload of the artifact is under way');
			}
			other.over = true;
			await other.ended;
		}
		const { promise, resolve } = Promise.withResolvers<void>();
		const active: Active = { time: this.#world.now(), over: false, ended: promise };
		this.#active.set(digest, active);
		try {
			return await work(active);
		} finally {
			this.#active.delete(digest);
			resolve();
		}
	}

	/** The bytes, no more than announced; they end with an error where another client has taken the upload over. */
	async *#guarded(active: Active, length: number, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
		let left = length;
		const source = bytes[Symbol.asyncIterator]();
		try {
			for (;;) {
				const next = await untilOver(source.next(), active);
				if (next.done) break;
				active.time = this.#world.now();
				left -= next.value.length;
				if (left < 0) throw new CaissonError('request-invalid', 'the part has more bytes than its Content-Range');
				yield next.value;
			}
			if (left > 0) throw new CaissonError('request-invalid', 'the part has fewer bytes than its Content-Range');
		} finally {
			// Not waited for: it may itself wait for bytes that do not come.
			void source.return?.()?.catch(() => undefined);
		}
	}

	async #makeRoom(): Promise<void> {
		const kept = (await this.#world.blobs.partial.list()).filter(({ digest }) => !this.#active.has(digest));
		const surplus = kept.toSorted((a, b) => a.changed - b.changed).slice(0, Math.max(0, kept.length - mostKept + 1));
		for (const { digest } of surplus) await this.#world.blobs.partial.discard(digest);
	}
}

async function untilOver<Result>(next: Promise<Result>, active: Active): Promise<Result> {
	let timer: NodeJS.Timeout | undefined;
	const taken = new Promise<never>((_, reject) => {
		timer = setInterval(() => {
			if (active.over) reject(new CaissonError('upload-conflict', 'another client has taken the upload over'));
		}, 200);
	});
	try {
		return await Promise.race([next, taken]);
	} finally {
		clearInterval(timer);
	}
}
