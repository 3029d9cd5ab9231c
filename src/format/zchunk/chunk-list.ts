// The chunks that a zchunk header names, held in columns: a header of an image of 10 GB has 300,000 of them, and an object
// with two digests for each would need many times the header's own size. Digests stay where they are in the header's
// bytes. It leaves out how the columns are read: see header.ts.

/** One chunk, or the dictionary. */
export interface ZchunkChunk {
	/** Checksum of the stored (compressed) bytes. */
	readonly digest: Uint8Array;
	/** Checksum of the plain bytes; only with the flag "uncompressed source". */
	readonly uncompressedDigest?: Uint8Array;
	/** Bytes in the body. */
	readonly compressedLength: number;
	/** Bytes of the image. */
	readonly length: number;
	/** Where its bytes begin in the body; the file has them at header.headerSize + offset. */
	readonly offset: number;
}

export interface ChunkColumns {
	/** The header's bytes, which hold the digests. */
	readonly bytes: Uint8Array;
	/** Where in `bytes` each entry's first digest begins. */
	readonly digestAt: Uint32Array;
	readonly digestBytes: number;
	readonly hasUncompressedDigests: boolean;
	readonly compressedLength: Uint32Array;
	readonly length: Uint32Array;
	readonly offset: Float64Array;
}

/** A list of chunks to walk through (`for … of`) or to ask by index; each object is made when it is asked for. */
export class ChunkList implements Iterable<ZchunkChunk> {
	readonly length: number;
	readonly #columns: ChunkColumns;
	readonly #first: number;

	/** @param first the entries before this one do not belong to the list (the dictionary) */
	constructor(columns: ChunkColumns, first: number) {
		this.#columns = columns;
		this.#first = first;
		this.length = columns.length.length - first;
	}

	/** @param index from 0; undefined where there is no such chunk */
	at(index: number): ZchunkChunk | undefined {
		if (!Number.isInteger(index) || index < 0 || index >= this.length) return undefined;
		return chunkOf(this.#columns, this.#first + index);
	}

	*[Symbol.iterator](): Generator<ZchunkChunk> {
		for (let index = 0; index < this.length; index++) yield chunkOf(this.#columns, this.#first + index);
	}
}

/** The entry of the index with this number, 0 being the dictionary. */
export function chunkOf(columns: ChunkColumns, entry: number): ZchunkChunk {
	const { bytes, digestBytes } = columns;
	const at = columns.digestAt[entry] as number;
	const chunk = {
		digest: bytes.subarray(at, at + digestBytes),
		compressedLength: columns.compressedLength[entry] as number,
		length: columns.length[entry] as number,
		offset: columns.offset[entry] as number,
	};
	if (!columns.hasUncompressedDigests) return chunk;
	return { ...chunk, uncompressedDigest: bytes.subarray(at + digestBytes, at + 2 * digestBytes) };
}
