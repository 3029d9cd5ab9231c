// Makes a zchunk file of an image, streaming: this thread reads and finds the boundaries, workers compress and hash, and
// this thread puts the results together in order. Memory is bounded by the packets under way and the header; the result is
// the same for any number of workers. It leaves out the command (see commands/chunk.ts) and the format (format/zchunk).

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { CaissonError } from '../../errors.ts';
import { automaticMaximum, BoundaryFinder } from '../../format/zchunk/boundaries.ts';
import { type ChunkChecksumType, checksumBytes, type ZchunkCompression } from '../../format/zchunk/header.ts';
import { type EncodedHeader, type HashParts, HeaderWriter } from '../../format/zchunk/header-writer.ts';
import { writeWhole } from '../output-file.ts';
import { BodyFile } from './body-file.ts';
import { type CompressionStrategy, checksum, compressor, frameBound } from './codec.ts';
import type { CompressedPacket, PacketToCompress, WorkerOptions } from './packet.ts';
import { CompressionWorkers } from './workers.ts';

/** Large enough that handing it over costs nothing beside its work, small enough for many. */
const packetBytes = 2 * 1024 * 1024;

export interface ChunkRequest {
	readonly image: string;
	readonly output: string;
	/** Where to write the header alone too, with the magic of a detached one. */
	readonly detachedHeader?: string | undefined;
	readonly dictionary?: Uint8Array | undefined;
	readonly compression: ZchunkCompression;
	readonly level: number;
	readonly strategy: CompressionStrategy;
	readonly chunkChecksumType: ChunkChecksumType;
	/** zck -u: what SWUpdate's delta handler compares. */
	readonly uncompressedSource: boolean;
	/** Worker threads, 1 or more. */
	readonly jobs: number;
	readonly signal: AbortSignal;
	readonly progress?: ((bytes: number, total: number | undefined) => void) | undefined;
}

export interface ChunkedImage {
	/** Bytes of the image. */
	readonly imageSize: number;
	/** Chunks, without the dictionary. */
	readonly chunks: number;
	readonly headerSize: number;
	/** Bytes after the header. */
	readonly bodySize: number;
	/** The header's SHA-256, which stands in it: it names the content. */
	readonly headerDigest: string;
}

/**
 * When it returns, the files are complete and durable; when it throws, there is no new file (or the detached header alone
 * is missing, where the disk failed between the two).
 * @throws CaissonError file-unusable, zchunk-malformed (too many chunks); the signal's reason when it aborts
 */
export async function chunkImage(request: ChunkRequest): Promise<ChunkedImage> {
	const image = await openImage(request.image);
	try {
		if (request.detachedHeader === undefined) return await write(request, image, async () => {});
		return await writeWhole(request.detachedHeader, (file) =>
			write(request, image, async (header) => {
				for (const part of header.detachedParts) await file.write(part);
			}),
		);
	} finally {
		await image.close();
	}
}

async function openImage(path: string): Promise<FileHandle> {
	try {
		const handle = await open(path, 'r');
		if (!(await handle.stat()).isDirectory()) return handle;
		await handle.close();
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `${path} cannot be read (${reason}).`, { cause });
	}
	throw new CaissonError('file-unusable', `${path} cannot be read: it is a directory.`);
}

async function write(
	request: ChunkRequest,
	image: FileHandle,
	writeDetached: (header: EncodedHeader) => Promise<void>,
): Promise<ChunkedImage> {
	return await writeWhole(request.output, async (file) => {
		const body = await BodyFile.create(request.output);
		try {
			const assembly = new Assembly(request, body);
			await assembly.addDictionary();
			const imageSize = await compressAll(request, image, assembly);
			const header = assembly.finish();
			for (const part of header.parts) await file.write(part);
			await body.copyTo(async (bytes) => {
				request.signal.throwIfAborted();
				await file.write(bytes);
			});
			await writeDetached(header);
			return {
				imageSize,
				chunks: assembly.header.count - 1,
				headerSize: header.size,
				bodySize: body.length,
				headerDigest: Buffer.from(header.digest).toString('hex'),
			};
		} finally {
			await body.close();
		}
	});
}

/** Header and body as they grow, in the order of the chunks. */
class Assembly {
	readonly header: HeaderWriter;
	readonly #request: ChunkRequest;
	readonly #body: BodyFile;
	/** Of all stored bytes; with uncompressed checksums zck leaves it out. */
	readonly #dataDigest = createHash('sha256');

	constructor(request: ChunkRequest, body: BodyFile) {
		this.header = new HeaderWriter(request);
		this.#request = request;
		this.#body = body;
	}

	/** The dictionary is the first entry, compressed without itself. */
	async addDictionary(): Promise<void> {
		const { dictionary, compression, level, strategy, chunkChecksumType } = this.#request;
		if (dictionary === undefined) return this.header.addNoDictionary();
		let stored = dictionary;
		if (compression === 'zstd') {
			const frame = new Uint8Array(frameBound(dictionary.length));
			stored = frame.subarray(0, compressor(level, strategy, undefined)(dictionary, frame, 0));
		}
		this.header.add({
			digest: checksum(chunkChecksumType, stored),
			// Of no bytes: so zck has it, and its tools compare it.
			uncompressedDigest: checksum(chunkChecksumType, new Uint8Array()),
			compressedLength: stored.length,
			length: dictionary.length,
		});
		await this.#append(stored);
	}

	async addPacket(packet: CompressedPacket): Promise<void> {
		const digestBytes = checksumBytes[this.#request.chunkChecksumType];
		const entryBytes = this.#request.uncompressedSource ? 2 * digestBytes : digestBytes;
		let start = 0;
		for (const [index, end] of packet.ends.entries()) {
			const at = index * entryBytes;
			this.header.add({
				digest: packet.digests.subarray(at, at + digestBytes),
				uncompressedDigest: packet.digests.subarray(at + digestBytes, at + entryBytes),
				compressedLength: packet.compressedLengths[index] as number,
				length: end - start,
			});
			start = end;
		}
		await this.#append(new Uint8Array(packet.output, 0, packet.outputLength));
	}

	async #append(stored: Uint8Array): Promise<void> {
		if (!this.#request.uncompressedSource) this.#dataDigest.update(stored);
		await this.#body.append(stored);
	}

	finish(): EncodedHeader {
		const dataDigest = this.#request.uncompressedSource ? new Uint8Array(32) : this.#dataDigest.digest();
		return this.header.finish(dataDigest, hashParts);
	}
}

const hashParts: HashParts = (parts) => {
	const hash = createHash('sha256');
	for (const part of parts) hash.update(part);
	return hash.digest();
};

/** @returns bytes of the image */
async function compressAll(request: ChunkRequest, image: FileHandle, assembly: Assembly): Promise<number> {
	const options: WorkerOptions = {
		compression: request.compression,
		level: request.level,
		strategy: request.strategy,
		dictionary: request.dictionary,
		chunkChecksumType: request.chunkChecksumType,
		uncompressedDigests: request.uncompressedSource,
	};
	const total = (await image.stat()).size || undefined;
	const cutter = new Cutter(image);
	const workers = new CompressionWorkers(request.jobs, options, request.signal);
	const underWay: Promise<CompressedPacket>[] = [];
	const free: { input: ArrayBuffer; output: ArrayBuffer }[] = [];
	const takeOldest = async () => {
		const packet = await (underWay.shift() as Promise<CompressedPacket>);
		await assembly.addPacket(packet);
		free.push(packet);
		request.progress?.(cutter.bytesTaken, total);
	};
	try {
		for (;;) {
			request.signal.throwIfAborted();
			if (underWay.length >= 2 * request.jobs + 1) await takeOldest();
			const packet = await cutter.next(free.pop() ?? newBuffers());
			if (packet === undefined) break;
			underWay.push(workers.compress(packet));
		}
		while (underWay.length > 0) await takeOldest();
		return cutter.bytesTaken;
	} finally {
		await workers.close();
	}
}

function newBuffers(): { input: ArrayBuffer; output: ArrayBuffer } {
	const chunks = packetBytes / 8192; // no automatic chunk but the last is shorter
	return { input: new ArrayBuffer(packetBytes), output: new ArrayBuffer(frameBound(packetBytes) + chunks * 128) };
}

/** Reads an image and cuts it into packets of whole chunks. */
class Cutter {
	readonly #image: FileHandle;
	readonly #finder = new BoundaryFinder();
	/** What was read of a chunk whose end was not, at the end of the packet before. */
	readonly #carried = new Uint8Array(automaticMaximum);
	#carriedBytes = 0;
	#sequence = 0;
	#ended = false;
	/** Bytes of the image in packets so far. */
	bytesTaken = 0;

	constructor(image: FileHandle) {
		this.#image = image;
	}

	/** The next chunks of the image in `buffers`; undefined at its end. @throws CaissonError file-unusable */
	async next(buffers: { input: ArrayBuffer; output: ArrayBuffer }): Promise<PacketToCompress | undefined> {
		const bytes = new Uint8Array(buffers.input);
		bytes.set(this.#carried.subarray(0, this.#carriedBytes));
		const filled = await this.#fill(bytes, this.#carriedBytes);
		if (filled === 0) return undefined;
		const ends: number[] = [];
		let start = 0;
		let from = this.#carriedBytes;
		for (;;) {
			const end = this.#finder.next(bytes, start, from, filled);
			if (end === -1) break;
			ends.push(end);
			start = end;
			from = end;
		}
		if (this.#ended && start < filled) {
			ends.push(filled);
			start = filled;
		}
		this.#carried.set(bytes.subarray(start, filled));
		this.#carriedBytes = filled - start;
		this.bytesTaken += start;
		return { sequence: this.#sequence++, input: buffers.input, output: buffers.output, ends: Uint32Array.from(ends) };
	}

	/** Reads until `bytes` is full or the image ends. @returns bytes that are there */
	async #fill(bytes: Uint8Array, from: number): Promise<number> {
		let filled = from;
		while (filled < bytes.length && !this.#ended) {
			let bytesRead: number;
			try {
				({ bytesRead } = await this.#image.read(bytes, filled, bytes.length - filled));
			} catch (cause) {
				const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
				throw new CaissonError('file-unusable', `The image cannot be read further (${reason}).`, { cause });
			}
			if (bytesRead === 0) this.#ended = true;
			filled += bytesRead;
		}
		return filled;
	}
}
