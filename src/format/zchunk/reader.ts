// Reads the body of a zchunk file: chunks out of the file, checked by their checksums and unpacked, in order or one alone.
// Every buffer is bounded by what the header states, and readHeader bounded that. It leaves out files and codecs: `readAt`,
// the checksums and zstd are passed in, and are synchronous.

import { CaissonError } from '../../errors.ts';
import type { ChunkChecksumType, ZchunkChunk, ZchunkHeader } from './header.ts';

export interface BodyAccess {
	/** `length` bytes of the file from `offset`; fewer where the file ends before. */
	readonly readAt: (offset: number, length: number) => Uint8Array;
	readonly digest: (type: ChunkChecksumType, bytes: Uint8Array) => Uint8Array;
	/**
	 * Unpacks one zstd frame, never to more than `length` bytes: throws where it has more, and on anything wrong with it.
	 */
	readonly decompress: (stored: Uint8Array, length: number, dictionary: Uint8Array | undefined) => Uint8Array;
}

export class ZchunkBody {
	readonly #header: ZchunkHeader;
	readonly #access: BodyAccess;
	#dictionary: Uint8Array | undefined;

	constructor(header: ZchunkHeader, access: BodyAccess) {
		this.#header = header;
		this.#access = access;
	}

	/**
	 * The plain bytes of each chunk, in order: the image.
	 * @param stored is given the stored bytes of the dictionary and of each chunk in order, for the checksum of the body
	 * @throws CaissonError zchunk-malformed, naming the chunk, for wrong bytes, a wrong length or a file that is cut off
	 */
	*chunks(stored: (bytes: Uint8Array) => void = () => {}): Generator<Uint8Array> {
		const { dictionary } = this.#header;
		if (dictionary !== undefined) {
			const bytes = this.#stored(dictionary, 'The dictionary');
			stored(bytes);
			this.#dictionary = this.#plain(dictionary, bytes, 'The dictionary', undefined);
		}
		let number = 0;
		for (const chunk of this.#header.chunks) {
			const name = `Chunk ${number++}`;
			const bytes = this.#stored(chunk, name);
			stored(bytes);
			yield this.#checked(chunk, bytes, name);
		}
	}

	/** The plain bytes of the chunk with this index in header.chunks. @throws CaissonError zchunk-malformed; RangeError */
	chunk(index: number): Uint8Array {
		const chunk = this.#header.chunks.at(index);
		if (chunk === undefined) throw new RangeError(`there is no chunk ${index}`);
		const name = `Chunk ${index}`;
		const { dictionary } = this.#header;
		if (dictionary !== undefined && this.#dictionary === undefined) {
			const bytes = this.#stored(dictionary, 'The dictionary');
			this.#dictionary = this.#plain(dictionary, bytes, 'The dictionary', undefined);
		}
		return this.#checked(chunk, this.#stored(chunk, name), name);
	}

	#stored(chunk: ZchunkChunk, name: string): Uint8Array {
		const bytes = this.#access.readAt(this.#header.headerSize + chunk.offset, chunk.compressedLength);
		if (bytes.length !== chunk.compressedLength) throw damaged(`${name} is cut off: the file ends within it.`);
		if (!equal(this.#access.digest(this.#header.chunkChecksumType, bytes), chunk.digest)) {
			throw damaged(`${name} is damaged: its checksum does not fit its stored bytes.`);
		}
		return bytes;
	}

	#checked(chunk: ZchunkChunk, stored: Uint8Array, name: string): Uint8Array {
		const plain = this.#plain(chunk, stored, name, this.#dictionary);
		// Not for the dictionary: zck states the checksum of no bytes there.
		const { uncompressedDigest } = chunk;
		if (uncompressedDigest !== undefined) {
			if (!equal(this.#access.digest(this.#header.chunkChecksumType, plain), uncompressedDigest)) {
				throw damaged(`${name} does not have the checksum of its plain bytes that the header states.`);
			}
		}
		return plain;
	}

	#plain(chunk: ZchunkChunk, stored: Uint8Array, name: string, dictionary: Uint8Array | undefined): Uint8Array {
		let plain = stored;
		if (this.#header.compression === 'zstd') {
			try {
				plain = this.#access.decompress(stored, chunk.length, dictionary);
			} catch (cause) {
				const reason = cause instanceof Error ? cause.message : String(cause);
				throw damaged(`${name} cannot be unpacked to its ${chunk.length} bytes: ${reason}.`, cause);
			}
		}
		if (plain.length !== chunk.length) throw damaged(`${name} has ${plain.length} bytes instead of ${chunk.length}.`);
		return plain;
	}
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
	return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function damaged(message: string, cause?: unknown): CaissonError {
	return new CaissonError('zchunk-malformed', message, { cause });
}
