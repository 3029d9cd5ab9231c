// What goes between the thread that cuts an image into chunks and the workers that compress them: a packet of chunks, with
// buffers that change hands instead of being copied, and that are used again and again.

import type { ChunkChecksumType, ZchunkCompression } from '../../format/zchunk/header.ts';
import type { CompressionStrategy } from './codec.ts';

/** Told to each worker once. */
export interface WorkerOptions {
	readonly compression: ZchunkCompression;
	readonly level: number;
	readonly strategy: CompressionStrategy;
	readonly dictionary: Uint8Array | undefined;
	readonly chunkChecksumType: ChunkChecksumType;
	readonly uncompressedDigests: boolean;
}

/** To a worker: chunks that follow each other in `input`, from its start. */
export interface PacketToCompress {
	readonly sequence: number;
	readonly input: ArrayBuffer;
	/** Large enough for what the chunks become. */
	readonly output: ArrayBuffer;
	/** Where each chunk ends in `input`. */
	readonly ends: Uint32Array;
}

/** Back from it, with both buffers. */
export interface CompressedPacket extends PacketToCompress {
	readonly compressedLengths: Uint32Array;
	/** For each chunk: its digest, and that of its plain bytes where asked for. */
	readonly digests: Uint8Array;
	/** Bytes of `output` that count. */
	readonly outputLength: number;
}
