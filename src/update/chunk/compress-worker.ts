// A worker thread that compresses packets of chunks: see write-chunks.ts. What it makes depends only on the chunks and the
// options, never on which worker it is.

import { parentPort, workerData } from 'node:worker_threads';
import { checksumBytes } from '../../format/zchunk/header.ts';
import { checksum, compressor } from './codec.ts';
import type { CompressedPacket, PacketToCompress, WorkerOptions } from './packet.ts';

const options = workerData as WorkerOptions;
const compress =
	options.compression === 'zstd'
		? compressor(options.level, options.strategy, options.dictionary)
		: (bytes: Uint8Array, target: Uint8Array, at: number) => {
				target.set(bytes, at);
				return bytes.length;
			};
const digestBytes = checksumBytes[options.chunkChecksumType];
const entryBytes = options.uncompressedDigests ? 2 * digestBytes : digestBytes;

function compressPacket(packet: PacketToCompress): CompressedPacket {
	const { ends } = packet;
	const input = new Uint8Array(packet.input);
	const output = new Uint8Array(packet.output);
	const compressedLengths = new Uint32Array(ends.length);
	const digests = new Uint8Array(ends.length * entryBytes);
	let outputLength = 0;
	let start = 0;
	for (let index = 0; index < ends.length; index++) {
		const plain = input.subarray(start, ends[index]);
		const length = compress(plain, output, outputLength);
		const stored = output.subarray(outputLength, outputLength + length);
		const at = index * entryBytes;
		digests.set(checksum(options.chunkChecksumType, stored), at);
		if (options.uncompressedDigests) digests.set(checksum(options.chunkChecksumType, plain), at + digestBytes);
		outputLength += length;
		compressedLengths[index] = length;
		start = ends[index] as number;
	}
	return { ...packet, compressedLengths, digests, outputLength };
}

parentPort?.on('message', (packet: PacketToCompress) => {
	const result = compressPacket(packet);
	parentPort?.postMessage(result, [
		result.input,
		result.output,
		result.ends.buffer as ArrayBuffer,
		result.compressedLengths.buffer as ArrayBuffer,
		result.digests.buffer as ArrayBuffer,
	]);
});
