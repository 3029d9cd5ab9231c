// Makes the header of a zchunk file, byte for byte as zck does for the same chunks. Entries are encoded as they come and
// kept in blocks, so an image of any size needs only the bytes of its header. It leaves out compression and the body.

import { CaissonError } from '../../errors.ts';
import { compintBytes, writeCompint } from './compint.ts';
import {
	type ChecksumType,
	type ChunkChecksumType,
	checksumBytes,
	checksumTypes,
	chunkChecksumTypes,
	compressionNumbers,
	defaultMaximumHeaderBytes,
	type ZchunkCompression,
} from './header.ts';

const blockBytes = 1024 * 1024;
const checksumType: ChecksumType = 'sha256';
const flagUncompressedSource = 4;

export interface EntryToWrite {
	readonly digest: Uint8Array;
	/** Required where the header has uncompressed checksums. */
	readonly uncompressedDigest?: Uint8Array;
	readonly compressedLength: number;
	readonly length: number;
}

export interface HeaderToWrite {
	readonly compression: ZchunkCompression;
	readonly chunkChecksumType: ChunkChecksumType;
	/** zck -u: each entry has a checksum of the plain bytes too, and there is no checksum of the body. */
	readonly uncompressedSource: boolean;
}

/** Hashes the concatenation of `parts` with SHA-256. */
export type HashParts = (parts: readonly Uint8Array[]) => Uint8Array;

/** The header in parts to be written in order, for a whole file and detached. */
export interface EncodedHeader {
	readonly parts: readonly Uint8Array[];
	/** The same header with the magic of a detached one; its checksum is the same. */
	readonly detachedParts: readonly Uint8Array[];
	readonly size: number;
	readonly digest: Uint8Array;
}

export class HeaderWriter {
	readonly #format: HeaderToWrite;
	readonly #digestBytes: number;
	#blocks: Uint8Array[] = [];
	#block = new Uint8Array(blockBytes);
	#used = 0;
	#indexBytes = 0;
	#count = 0;

	constructor(format: HeaderToWrite) {
		this.#format = format;
		this.#digestBytes = checksumBytes[format.chunkChecksumType];
	}

	/** Entries so far, the dictionary's included. */
	get count(): number {
		return this.#count;
	}

	/** The first entry of every file where there is no dictionary. */
	addNoDictionary(): void {
		const zeros = new Uint8Array(this.#digestBytes);
		this.add({ digest: zeros, uncompressedDigest: zeros, compressedLength: 0, length: 0 });
	}

	/** @throws CaissonError zchunk-malformed where the header would be larger than readers accept */
	add(entry: EntryToWrite): void {
		const most = 2 * (this.#digestBytes + 8);
		if (this.#used + most > blockBytes) {
			this.#blocks.push(this.#block.subarray(0, this.#used));
			this.#block = new Uint8Array(blockBytes);
			this.#used = 0;
		}
		const start = this.#used;
		let at = start;
		this.#block.set(entry.digest, at);
		at += this.#digestBytes;
		if (this.#format.uncompressedSource) {
			this.#block.set(entry.uncompressedDigest as Uint8Array, at);
			at += this.#digestBytes;
		}
		at = writeCompint(this.#block, at, entry.compressedLength);
		at = writeCompint(this.#block, at, entry.length);
		this.#used = at;
		this.#indexBytes += at - start;
		this.#count++;
		if (this.#indexBytes > defaultMaximumHeaderBytes - 1024) {
			throw new CaissonError(
				'zchunk-malformed',
				`The image has more than ${this.#count - 1} chunks: the header would be above the limit of ${defaultMaximumHeaderBytes} bytes.`,
			);
		}
	}

	/**
	 * @param dataDigest SHA-256 of the body; zeros where the header has uncompressed checksums, as zck writes it
	 */
	finish(dataDigest: Uint8Array, sha256: HashParts): EncodedHeader {
		const typeNumber = chunkChecksumTypes.indexOf(this.#format.chunkChecksumType);
		const entries = [...this.#blocks, this.#block.subarray(0, this.#used)];
		const indexSize = compintBytes(typeNumber) + compintBytes(this.#count) + this.#indexBytes;
		const preface = concatenated([
			dataDigest,
			compint(this.#format.uncompressedSource ? flagUncompressedSource : 0),
			compint(compressionNumbers[this.#format.compression]),
			compint(indexSize),
			compint(typeNumber),
			compint(this.#count),
		]);
		const signatures = compint(0);
		const rest = preface.length + this.#indexBytes + signatures.length;
		const numbers = concatenated([compint(checksumTypes.indexOf(checksumType)), compint(rest)]);
		const magic = Uint8Array.of(0, 0x5a, 0x43, 0x4b, 0x31); // \0ZCK1
		const detachedMagic = Uint8Array.of(0, 0x5a, 0x48, 0x52, 0x31); // \0ZHR1
		const digest = sha256([magic, numbers, preface, ...entries, signatures]);
		const tail = [numbers, digest, preface, ...entries, signatures];
		return {
			parts: [magic, ...tail],
			detachedParts: [detachedMagic, ...tail],
			size: magic.length + numbers.length + digest.length + rest,
			digest,
		};
	}
}

function compint(value: number): Uint8Array {
	const bytes = new Uint8Array(compintBytes(value));
	writeCompint(bytes, 0, value);
	return bytes;
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
	const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.length;
	}
	return whole;
}
