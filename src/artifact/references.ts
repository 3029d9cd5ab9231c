// What keeps an artifact: something that names its digest. Unfinished jobs are one source of names; the programs may give
// further ones (a release). And where what is named is a .swu, its sw-description names artifacts too, by the addresses
// from which a device fetches the rest of a delta update. It leaves out what becomes of artifacts that nobody names.

import { CaissonError } from '../errors.ts';
import { CpioReader } from '../format/cpio/reader.ts';
import { digestsIn } from './rules.ts';
import type { BlobStore } from './store.ts';

/** The names that one source knows. */
export interface Names {
	/**
	 * Looks at what has changed since the last time: afterwards `all` has every digest that was named by something
	 * committed before this call. A digest once named stays, as what let go of it may come back.
	 */
	refresh(): Promise<void>;
	/** Who names the digest, as a message can say it: 'the unfinished job 12'. */
	readonly all: ReadonlyMap<string, string>;
}

/** Reads all names once, in time that grows with what is unfinished and not with what is stored. */
export type NameSource = () => Promise<Names>;

/** Further names are looked for in what is named: no deeper than that. */
export class References {
	readonly #blobs: BlobStore;
	readonly #sources: readonly Names[];
	/** Artifacts whose content was looked into. */
	readonly #followed = new Set<string>();
	readonly #inside = new Map<string, string>();
	readonly #seen = new Map<ReadonlyMap<string, string>, number>();
	/** Updates that could not be looked into: their descriptions are encrypted, or damaged. */
	readonly unreadable = new Set<string>();

	constructor(blobs: BlobStore, sources: readonly Names[]) {
		this.#blobs = blobs;
		this.#sources = sources;
	}

	static async read(blobs: BlobStore, sources: readonly NameSource[]): Promise<References> {
		const names: Names[] = [];
		for (const source of sources) names.push(await source());
		return new References(blobs, names);
	}

	/**
	 * Who names the artifact, by everything that was committed before this call; undefined: nobody.
	 * @throws CaissonError blobs-unavailable, storage-unavailable: it cannot be told
	 */
	async naming(digest: string): Promise<string | undefined> {
		for (const source of this.#sources) await source.refresh();
		// Before anything is opened: the artifact itself may be set aside just now.
		return this.#direct(digest) ?? (await this.#followedTo(digest));
	}

	#direct(digest: string): string | undefined {
		for (const { all } of this.#sources) {
			const by = all.get(digest);
			if (by !== undefined) return by;
		}
		return undefined;
	}

	async #followedTo(digest: string): Promise<string | undefined> {
		for (const { all } of this.#sources) {
			// Names are only ever added: none new, nothing to look into.
			if (this.#seen.get(all) === all.size) continue;
			const size = all.size;
			for (const [named, by] of all) {
				if (this.#followed.has(named)) continue;
				const found = await digestsInside(this.#blobs, named);
				if (found === 'unreadable') this.unreadable.add(named);
				else for (const one of found) this.#inside.set(one, `the update ${named}, which is named by ${by},`);
				this.#followed.add(named);
			}
			this.#seen.set(all, size);
		}
		return this.#inside.get(digest);
	}
}

/** Bytes of an archive that are read to find the end of the description: SWUpdate takes it as the first member only. */
const mostRead = 2 << 20;

/**
 * The digests in the sw-description of a .swu; none where the artifact is none, or is not there.
 * @throws CaissonError blobs-unavailable
 */
async function digestsInside(blobs: BlobStore, digest: string): Promise<ReadonlySet<string> | 'unreadable'> {
	const blob = await blobs.open(digest);
	if (blob === undefined || blob.size < 6) {
		await blob?.close();
		return new Set();
	}
	try {
		const magic = await textOf(blob.readRange(0, 5));
		if (magic !== '070701' && magic !== '070702') return new Set();
		const text = await descriptionOf(blob.readRange(0, Math.min(blob.size, mostRead) - 1));
		// A description in plain text has this word (SWUpdate's parser asks for it); an encrypted one has not.
		return text?.includes('software') ? digestsIn(text) : 'unreadable';
	} finally {
		await blob.close();
	}
}

async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
	const chunks: Uint8Array[] = [];
	for await (const chunk of bytes) chunks.push(chunk);
	return Buffer.concat(chunks).toString('latin1');
}

async function descriptionOf(bytes: AsyncIterable<Uint8Array>): Promise<string | undefined> {
	const reader = new CpioReader();
	const parts: Uint8Array[] = [];
	try {
		for await (const chunk of bytes) {
			for (const event of reader.push(chunk)) {
				if (event.kind === 'member' && event.header.name !== 'sw-description') return undefined;
				if (event.kind === 'data') parts.push(event.bytes.slice());
				if (event.kind === 'member-end') return Buffer.concat(parts).toString('latin1');
			}
		}
	} catch (error) {
		if (!(error instanceof CaissonError) || error.code !== 'update-malformed') throw error;
	}
	return undefined;
}
