// Expands a compressed payload as SWUpdate does, to know what it would write: gzip stops at the end of the first member,
// zstd takes all frames, and both call a stream that ends early a success (core/cpio_utils.c, gunzip_step, zstd_step).
// Node's own streams do it the other way round, so members and frames are taken one at a time here.

import { crc32, createInflateRaw, createZstdDecompress, type InflateRaw, type ZstdDecompress } from 'node:zlib';
import type { OutputFacts } from '../rules/preflight-facts.ts';
import { HashingOutput } from './hashing-output.ts';

/** The bytes of a payload from a place on. */
export interface PayloadBytes {
	readonly size: number;
	from(start: number): AsyncIterable<Uint8Array>;
	/** @returns fewer bytes at the end */
	read(start: number, length: number): Promise<Uint8Array>;
}

/** More than this is not expanded. */
const maximumExpanded = 64 * 2 ** 30;
const endsEarly = 'the compressed payload ends early; SWUpdate writes what there is and goes on';

/**
 * @param lengths see HashingOutput
 * @param sink is given what is written, too
 */
export async function expandedOutput(
	compression: 'zlib' | 'zstd',
	payload: PayloadBytes,
	lengths: readonly number[],
	sink?: (bytes: Uint8Array) => void,
): Promise<OutputFacts> {
	const output = new HashingOutput(lengths, sink);
	const { fault, falseSuccess } = await (compression === 'zlib' ? expandGzip : expandZstd)(payload, output);
	if (fault !== undefined) return { fault };
	const facts = { size: output.size, sha256: output.sha256() };
	return falseSuccess === undefined ? facts : { ...facts, falseSuccess };
}

interface Outcome {
	readonly fault?: string;
	readonly falseSuccess?: string;
}

async function expandGzip(payload: PayloadBytes, output: HashingOutput): Promise<Outcome> {
	if (payload.size === 0) return {};
	const start = gzipHeaderLength(await payload.read(0, 70_000));
	if (start === 'early') return { falseSuccess: endsEarly };
	if (start === undefined) return { fault: 'inflate failed (returned -3): it is no gzip' };
	let sum = 0;
	const step = createInflateRaw();
	const consumed = await pump(step, payload, start, (part) => {
		sum = crc32(part, sum);
		output.write(part);
	});
	if (typeof consumed !== 'number') {
		return consumed === 'early'
			? { falseSuccess: endsEarly }
			: { fault: `inflate failed (returned -3): ${consumed.fault}` };
	}
	const end = await payload.read(start + consumed, 10);
	if (end.length < 8) return {};
	const view = new DataView(end.buffer, end.byteOffset, end.byteLength);
	if (view.getUint32(0, true) !== sum || view.getUint32(4, true) !== output.size % 2 ** 32) {
		return { fault: 'inflate failed (returned -3): its checksum is wrong' };
	}
	if (end[8] !== 0x1f || end[9] !== 0x8b) return {};
	return { falseSuccess: 'it has several gzip members; SWUpdate expands only the first' };
}

/** RFC 1952, section 2.3; undefined where it is no gzip. */
function gzipHeaderLength(bytes: Uint8Array): number | 'early' | undefined {
	const [first, second, method, flags = 0] = bytes;
	if (first !== 0x1f || (second !== undefined && second !== 0x8b) || (method !== undefined && method !== 8))
		return undefined;
	if (bytes.length < 10) return 'early';
	if ((flags & 0xe0) !== 0) return undefined;
	let at = 10;
	if ((flags & 4) !== 0) at += 2 + ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
	for (const flag of [8, 16]) {
		if ((flags & flag) === 0) continue;
		const end = bytes.indexOf(0, at);
		if (end < 0) return 'early';
		at = end + 1;
	}
	if ((flags & 2) !== 0) at += 2;
	return at > bytes.length ? 'early' : at;
}

async function expandZstd(payload: PayloadBytes, output: HashingOutput): Promise<Outcome> {
	for (let at = 0; at < payload.size; ) {
		const consumed = await pump(createZstdDecompress(), payload, at, (part) => output.write(part));
		if (consumed === 'early') return { falseSuccess: endsEarly };
		if (typeof consumed !== 'number') return { fault: `ZSTD_decompressStream failed: ${consumed.fault}` };
		if (consumed === 0) return { fault: 'ZSTD_decompressStream failed: it makes no progress' };
		at += consumed;
	}
	return {};
}

/** Expands one stream. @returns the compressed bytes that it took */
async function pump(
	step: InflateRaw | ZstdDecompress,
	payload: PayloadBytes,
	start: number,
	write: (part: Uint8Array) => void,
): Promise<number | 'early' | { readonly fault: string }> {
	const feed = async () => {
		for await (const part of payload.from(start)) {
			if (step.destroyed || step.readableEnded) break;
			if (!step.write(part.slice())) {
				await new Promise((resolve) => step.once('drain', resolve).once('close', resolve).once('end', resolve));
			}
		}
		if (!step.destroyed) step.end();
	};
	const feeding = feed();
	let total = 0;
	try {
		for await (const part of step) {
			total += (part as Uint8Array).length;
			if (total > maximumExpanded) return { fault: `it expands to more than ${maximumExpanded} bytes` };
			write(part as Uint8Array);
		}
		return step.bytesWritten;
	} catch (error) {
		const { code, message } = error as NodeJS.ErrnoException;
		return code === 'Z_BUF_ERROR' ? 'early' : { fault: message };
	} finally {
		step.destroy();
		await feeding;
	}
}
