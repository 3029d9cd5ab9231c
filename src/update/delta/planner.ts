// Computes for two real images what each way would send to a device: it makes the .zck and the rdiff delta in a scratch
// folder, lists the requests that SWUpdate would make, and compresses what packing would compress. rules/delta-plan.ts
// decides. It leaves out what is written for the user (files.ts).

import { createReadStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress, constants as zlibConstants } from 'node:zlib';
import { CaissonError } from '../../errors.ts';
import { downloadPlan, type HeldChunks } from '../../format/zchunk/plan.ts';
import { chunkImage } from '../chunk/write-chunks.ts';
import { partsOf } from '../payload.ts';
import {
	type Candidate,
	type DeltaDecision,
	type DeviceLimits,
	decideDelta,
	type PlanFacts,
} from '../rules/delta-plan.ts';
import { type HttpTraffic, rangeRequests, trafficOf } from '../rules/delta-requests.ts';
import { type ImageKind, imageKind, superblockBytes } from '../rules/image-kind.ts';
import type { Compression } from '../rules/specification.ts';
import { expandSquashfs } from './expanded-squashfs.ts';
import { chunksOfImage } from './held-chunks.ts';
import { factsOf } from './prove.ts';
import { makeDelta } from './rdiff.ts';
import { readZchunkFile, type ZchunkFile } from './zchunk-file.ts';

export type PlanStep = 'chunking' | 'comparing' | 'differing' | 'compressing' | 'expanding';

export interface PlanRequest {
	/** What devices hold: an image, or a .zck or the header of one, with which only a .zck can be planned. */
	readonly oldImage: string;
	/** The image that they get. */
	readonly newImage: string;
	readonly limits: DeviceLimits;
	/** Ranges a request (the property max-ranges). */
	readonly maxRanges: number;
	/** Where devices will fetch the .zck: its length counts in every request. {sha256} stands for the digest of the .zck. */
	readonly url: string;
	/** rdiff's blocks; by default as `defaultBlockSize` says. */
	readonly blockSize?: number | undefined;
	/** Whether to compress what packing could compress, which takes the most time of all. */
	readonly compress: boolean;
	/** Plan the pair of two compressed squashfs once more as if both had been built without compression. */
	readonly tryUncompressed: boolean;
	/** An empty folder for the .zck and the delta. */
	readonly scratch: string;
	readonly signal: AbortSignal;
	readonly progress?: ((step: PlanStep, bytes: number, total?: number) => void) | undefined;
}

export interface ZchunkFigures {
	/** Bytes of the header, which is the member. */
	readonly header: number;
	/** Bytes of chunks that are fetched: with the header what zck_delta_size tells. */
	readonly chunks: number;
	readonly ranges: number;
	readonly traffic: HttpTraffic;
	readonly chunksFound: number;
	readonly chunksMissing: number;
	/** Bytes of the whole .zck. */
	readonly length: number;
}

export interface DeltaPlan extends DeltaDecision {
	readonly oldKind: ImageKind;
	readonly newKind: ImageKind;
	readonly zchunk: ZchunkFigures;
	/** In the scratch folder. */
	readonly zchunkFile: string;
	/** Where devices will fetch it. */
	readonly url: string;
	/** Absent where OLD is no image, or rdiff is not installed. */
	readonly rdiffFile?: string;
	/** Ways that could not be computed, and why. */
	readonly missing: PlanFacts['missing'];
	/** The same pair without compression, where that was asked for and there is compression. */
	readonly uncompressed?: { readonly newSize: number; readonly candidates: DeltaPlan['candidates'] };
}

/** What SWUpdate keeps of a chunk in memory: libzck's structure, its checksums in two forms, and the entry of the table. */
const memoryOfChunk = 400;
const rdiffMemory = 256 * 1024;
/** Of level 19 for large inputs (ZSTD_defaultCParameters: windowLog 23). */
const zstdWindow = 8 * 1024 * 1024;
const deflateWindow = 64 * 1024;

/**
 * @throws CaissonError file-unusable, zchunk-malformed, delta-wrong; the signal's reason when it aborts
 */
export async function planDelta(request: PlanRequest): Promise<DeltaPlan> {
	const [oldStart, newStart] = [await startOf(request.oldImage), await startOf(request.newImage)];
	if (isZchunk(newStart.bytes)) {
		throw new CaissonError('file-unusable', `${request.newImage} is a .zck: name the image that it was made of.`);
	}
	const oldIsZchunk = isZchunk(oldStart.bytes);
	const zchunkFile = join(request.scratch, 'new.zck');
	const zck = await newZchunk(request, zchunkFile);
	const held = oldIsZchunk ? (await readZchunkFile(request.oldImage)).header : await heldChunks(request);
	const { sha256 } = await factsOf(partsOf(zchunkFile, request.signal), () => undefined);
	const url = request.url.replaceAll('{sha256}', sha256);
	const zchunk = zchunkFigures(held, zck, { ...request, url });
	const missing: { way: 'rdiff'; reason: string }[] = [];
	let rdiffFile: string | undefined;
	const candidates: Candidate[] = [zchunkCandidate(zchunk, zck)];
	if (oldIsZchunk) {
		missing.push({
			way: 'rdiff',
			reason: `${request.oldImage} is a .zck; an rdiff delta is made from the image itself.`,
		});
	} else {
		rdiffFile = join(request.scratch, 'new.rdiff');
		const sizes = await rdiffSizes(request, rdiffFile).catch((cause: unknown) => {
			if (!(cause instanceof CaissonError) || cause.code !== 'tool-missing') throw cause;
			missing.push({ way: 'rdiff', reason: cause.message });
			rdiffFile = undefined;
			return [];
		});
		candidates.push(...sizes);
	}
	candidates.push(...(await fullSizes(request, newStart.size)));
	const oldKind: ImageKind = oldIsZchunk ? { kind: 'other' } : imageKind(oldStart.bytes);
	const newKind = imageKind(newStart.bytes);
	const decision = decideDelta({ limits: request.limits, candidates, missing, oldKind, newKind });
	const compressed = [oldKind, newKind].every((kind) => kind.kind === 'squashfs' && kind.compression !== undefined);
	const uncompressed = request.tryUncompressed && compressed ? await planUncompressed(request) : undefined;
	return {
		...(uncompressed === undefined ? {} : { uncompressed }),
		...decision,
		oldKind,
		newKind,
		zchunk,
		zchunkFile,
		url,
		...(rdiffFile === undefined ? {} : { rdiffFile }),
		missing,
	};
}

async function planUncompressed(request: PlanRequest): Promise<NonNullable<DeltaPlan['uncompressed']>> {
	const scratch = join(request.scratch, 'uncompressed');
	await mkdir(scratch);
	const [oldImage, newImage] = [join(scratch, 'old.squashfs'), join(scratch, 'new.squashfs')];
	request.progress?.('expanding', 0);
	await expandSquashfs(request.oldImage, oldImage, request.signal);
	await expandSquashfs(request.newImage, newImage, request.signal);
	const plan = await planDelta({ ...request, oldImage, newImage, scratch, tryUncompressed: false });
	return { newSize: (await startOf(newImage)).size, candidates: plan.candidates };
}

async function newZchunk(request: PlanRequest, output: string): Promise<ZchunkFile> {
	await chunkImage({
		image: request.newImage,
		output,
		compression: 'zstd',
		level: zchunkLevel,
		strategy: 'zstd',
		chunkChecksumType: 'sha256',
		uncompressedSource: true,
		jobs: availableParallelism(),
		signal: request.signal,
		progress: (bytes, total) => request.progress?.('chunking', bytes, total),
	});
	return readZchunkFile(output);
}

/** As zck and `caisson update chunk` compress unless told otherwise. */
const zchunkLevel = 9;

function heldChunks({ oldImage, signal, progress }: PlanRequest): Promise<HeldChunks> {
	return chunksOfImage(oldImage, { signal, progress: (bytes, total) => progress?.('comparing', bytes, total) });
}

function zchunkFigures(held: HeldChunks, { header, length }: ZchunkFile, request: PlanRequest): ZchunkFigures {
	const plan = downloadPlan(held, header);
	const ends = function* () {
		for (const { offset, compressedLength } of header.chunks) yield header.headerSize + offset + compressedLength;
	};
	const maxRanges = request.limits.ranges === 'single' ? 1 : request.maxRanges;
	const requests = rangeRequests(plan.ranges, ends(), maxRanges);
	return {
		header: plan.headerBytes,
		chunks: plan.chunkBytes,
		ranges: plan.ranges.length,
		traffic: trafficOf(requests, request.url, length),
		chunksFound: plan.chunksFound,
		chunksMissing: plan.chunksMissing,
		length,
	};
}

function zchunkCandidate({ header, chunks, traffic }: ZchunkFigures, zck: ZchunkFile): Candidate {
	let largest = 0;
	for (const { length } of zck.header.chunks) largest = Math.max(largest, length);
	return {
		way: 'zck',
		form: 'chunks',
		down: header + chunks + traffic.framing + traffic.answerHeads,
		up: traffic.requests,
		requests: traffic.count,
		// The header in TMPDIR and once more in memory, both indexes (taken as of the same length), a chunk in both forms.
		memory: 2 * header + 2 * zck.header.chunks.length * memoryOfChunk + 2 * largest,
	};
}

/** Makes the delta, and compresses it on the way as packing would. */
async function rdiffSizes(request: PlanRequest, output: string): Promise<Candidate[]> {
	const { signal, progress } = request;
	const plain = await writeDelta(request, output, (bytes) => progress?.('differing', bytes));
	const candidate = (form: Candidate['form'], down: number, window: number): Candidate => {
		return { way: 'rdiff', form, down, up: 0, requests: 0, memory: rdiffMemory + window };
	};
	const candidates = [candidate('plain', plain, 0)];
	if (!request.compress) return candidates;
	const compressed = await compressedSizes(output, ['zlib', 'zstd'], { signal, progress });
	candidates.push(candidate('zlib', compressed.zlib, deflateWindow), candidate('zstd', compressed.zstd, window(plain)));
	return candidates;
}

async function writeDelta(request: PlanRequest, output: string, progress: (bytes: number) => void): Promise<number> {
	const file = await open(output, 'wx');
	try {
		const write = async (bytes: Uint8Array) => {
			for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
		};
		return await makeDelta(request.oldImage, request.newImage, write, {
			signal: request.signal,
			blockSize: request.blockSize,
			progress,
		});
	} finally {
		await file.close();
	}
}

async function fullSizes(request: PlanRequest, size: number): Promise<Candidate[]> {
	const candidate = (form: Candidate['form'], down: number, memory: number): Candidate => {
		return { way: 'full', form, down, up: 0, requests: 0, memory };
	};
	const plain = candidate('plain', size, rdiffMemory);
	if (!request.compress) return [plain];
	const { zstd } = await compressedSizes(request.newImage, ['zstd'], request);
	return [plain, candidate('zstd', zstd, rdiffMemory + window(size))];
}

function window(size: number): number {
	return Math.min(zstdWindow, size);
}

/** Bytes after the compressions of `update pack` (../payload.ts); nothing is kept. */
async function compressedSizes(
	file: string,
	compressions: readonly Compression[],
	{ signal, progress }: Pick<PlanRequest, 'signal' | 'progress'>,
): Promise<Record<Compression, number>> {
	const sizes: Record<Compression, number> = { zlib: 0, zstd: 0 };
	for (const compression of compressions) {
		let read = 0;
		const counted = new Transform({
			transform(part: Buffer, _encoding, done) {
				read += part.length;
				progress?.('compressing', read);
				done(null, part);
			},
		});
		const compress =
			compression === 'zlib'
				? createGzip({ level: 9 })
				: createZstdCompress({ params: { [zlibConstants.ZSTD_c_compressionLevel]: 19 } });
		const sink = new Writable({
			write(part: Buffer, _encoding, done) {
				sizes[compression] += part.length;
				done();
			},
		});
		await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), counted, compress, sink, { signal });
	}
	return sizes;
}

async function startOf(file: string): Promise<{ bytes: Uint8Array; size: number }> {
	try {
		await using handle = await open(file, 'r');
		const found = await handle.stat();
		if (!found.isFile()) throw new CaissonError('file-unusable', `${file} is not a file.`);
		if (found.size === 0) throw new CaissonError('file-unusable', `${file} is empty.`);
		const bytes = new Uint8Array(Math.min(superblockBytes, found.size));
		await handle.read(bytes, 0, bytes.length, 0);
		return { bytes, size: found.size };
	} catch (cause) {
		if (cause instanceof CaissonError) throw cause;
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `${file} cannot be read (${reason}).`, { cause });
	}
}

function isZchunk(start: Uint8Array): boolean {
	const magic = new TextDecoder('latin1').decode(start.subarray(0, 5));
	return magic === '\0ZCK1' || magic === '\0ZHR1';
}
