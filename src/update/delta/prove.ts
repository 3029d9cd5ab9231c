// Finds out what a delta gives before it is signed: the whole .zck is expanded, an rdiff delta is applied to its base. What
// comes out must be what the specification says. Nothing is kept but the header of a .zck, which is its member. It
// leaves out which artifacts need this (rules/plan.ts).

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { CaissonError } from '../../errors.ts';
import type { ZchunkHeader } from '../../format/zchunk/header.ts';
import { verifyBody } from '../chunk/verify-file.ts';
import { partsOf } from '../payload.ts';
import { requestFault } from '../rules/delta-artifact.ts';
import type { PlannedDelta, PlannedMember } from '../rules/plan.ts';
import type { ResultFacts } from '../rules/readback.ts';
import { applyDelta } from './rdiff.ts';
import { checkForHandler, compareWithImage, readZchunkFile } from './zchunk-file.ts';

export interface ProofOptions {
	/** The local file of a name in the specification. */
	readonly resolve: (name: string) => string;
	readonly signal?: AbortSignal | undefined;
	/** Told of the bytes of the result that were looked at so far. */
	readonly progress?: ((bytes: number, total?: number) => void) | undefined;
}

/**
 * Writes the header of the .zck (or of the header that is given) to `target`, having proven what the .zck gives.
 * @returns the image that comes out; undefined where the specification says `unverified`
 * @throws CaissonError delta-wrong, zchunk-malformed, file-unusable; the signal's reason when it aborts
 */
export async function proveZchunk(
	member: PlannedMember & { readonly delta: PlannedDelta },
	file: string,
	target: string,
	options: ProofOptions,
): Promise<ResultFacts | undefined> {
	const { delta } = member;
	return named(member, async () => {
		const zck = await readZchunkFile(file);
		checkForHandler(zck.header);
		const fault = requestFault(delta.properties, zck.length, zck.header.chunks.length);
		if (fault !== undefined) throw new CaissonError('delta-wrong', `It ${fault}`);
		if (zck.whole) await checkAddress(delta.properties.url, file, options.signal);
		await writeFile(target, zck.headerBytes, { flag: 'wx', mode: 0o600 });
		if (delta.unverified === true) return undefined;
		if (!zck.whole && delta.result === undefined) {
			throw new CaissonError(
				'delta-wrong',
				'Of the header alone nothing tells which image it gives: name the whole .zck as source, or the image as ' +
					'result. With unverified: true it is packed on trust.',
			);
		}
		const given = zck.whole ? await resultOfBody(file, zck.header, options) : undefined;
		if (delta.result === undefined) return given;
		return compareWithImage(options.resolve(delta.result), zck.header, options);
	});
}

/** Expands every chunk of a whole .zck as the device would. @throws CaissonError delta-wrong naming the chunk */
async function resultOfBody(file: string, header: ZchunkHeader, options: ProofOptions): Promise<ResultFacts> {
	try {
		const { imageSha256, imageSize } = await verifyBody(file, header, options);
		return { size: imageSize, sha256: imageSha256 };
	} catch (cause) {
		if (!(cause instanceof CaissonError) || cause.code !== 'zchunk-malformed') throw cause;
		throw new CaissonError('delta-wrong', cause.message, { cause });
	}
}

/**
 * Where the address names its file by SHA-256, as Caisson's server has it, it must be this file: from one that was cut off,
 * SWUpdate asks for what is missing again and again, without a pause and without end.
 */
async function checkAddress(
	url: string | readonly string[] | undefined,
	file: string,
	signal: AbortSignal | undefined,
): Promise<void> {
	const [, named] = /\/artifacts\/sha256\/([0-9a-f]{64})(?![0-9a-f])/i.exec(String(url ?? '')) ?? [];
	if (named === undefined) return;
	const { sha256 } = await factsOf(partsOf(file, signal), () => undefined);
	if (sha256 === named.toLowerCase()) return;
	throw new CaissonError('delta-wrong', `It has the SHA-256 ${sha256}, but the property url names ${named}.`);
}

/**
 * Applies an rdiff delta to its base and compares with what must come out.
 * @param file the member's bytes, compressed as `compressed` says
 * @param sha256 of those bytes, so that what is proven is what is packed
 * @throws CaissonError delta-wrong, tool-missing, file-unusable; the signal's reason when it aborts
 */
export async function proveRdiff(
	member: PlannedMember & { readonly delta: PlannedDelta },
	file: string,
	sha256: string,
	options: ProofOptions,
): Promise<ResultFacts | undefined> {
	const { delta } = member;
	if (delta.unverified === true) return undefined;
	const [base, result] = [delta.base, delta.result].map((name) => options.resolve(name as string)) as [string, string];
	return named(member, async () => {
		const wanted = await factsOf(partsOf(result, options.signal), (bytes) => options.progress?.(bytes));
		if (delta.type === 'rdiff_file' && wanted.size > largestRdiffFile) {
			throw new CaissonError(
				'delta-wrong',
				`The result has ${wanted.size} bytes; rdiff_file of SWUpdate silently cuts what is longer than ${largestRdiffFile}.`,
			);
		}
		const packed = createHash('sha256');
		const stream = expanded(file, member.compress ?? member.compressed, (part) => packed.update(part));
		const found = createHash('sha256');
		const size = await applyDelta(base, stream, (bytes) => void found.update(bytes), {
			signal: options.signal,
			progress: (bytes) => options.progress?.(bytes, wanted.size),
		});
		if (packed.digest('hex') !== sha256) {
			throw new CaissonError('file-unusable', 'It changed while it was being packed.');
		}
		if (size !== wanted.size || found.digest('hex') !== wanted.sha256) {
			throw new CaissonError(
				'delta-wrong',
				`Applied to ${delta.base} it does not give ${delta.result}: it was cut off, or made from another base or for another result.`,
			);
		}
		return wanted;
	});
}

/** sendfile(2) copies at most 0x7ffff000 bytes, and the handler calls it once (handlers/rdiff_handler.c). */
const largestRdiffFile = 0x7fff_f000;

/** What a plain image is once the device has expanded it. */
export async function imageFacts(
	file: string,
	compressed: 'zlib' | 'zstd' | undefined,
	options: Pick<ProofOptions, 'signal' | 'progress'>,
): Promise<ResultFacts> {
	try {
		const parts = expanded(file, compressed, () => undefined, options.signal) as AsyncIterable<Uint8Array>;
		return await factsOf(parts, (bytes) => options.progress?.(bytes));
	} catch (cause) {
		throw options.signal?.aborted ? cause : unusable(file, cause);
	}
}

/** The bytes of a file, expanded; `seen` is told of them as they are in the file. */
function expanded(
	file: string,
	compressed: 'zlib' | 'zstd' | undefined,
	seen: (part: Buffer) => void,
	signal?: AbortSignal,
): Readable {
	const source = createReadStream(file, { highWaterMark: 1 << 20 });
	const tapped = async function* (parts: AsyncIterable<Buffer>) {
		for await (const part of parts) {
			seen(part);
			yield part;
		}
	};
	const expand =
		compressed === undefined ? new PassThrough() : compressed === 'zlib' ? createGunzip() : createZstdDecompress();
	// A fault of either reaches the reader, because pipeline destroys the last stream with it.
	pipeline(source, tapped, expand, signal === undefined ? {} : { signal }).catch(() => undefined);
	return expand;
}

/** Length and SHA-256 of bytes; `progress` is told of how many there were so far. */
export async function factsOf(
	parts: AsyncIterable<Uint8Array>,
	progress: (bytes: number) => void,
): Promise<ResultFacts> {
	const hash = createHash('sha256');
	let size = 0;
	for await (const part of parts) {
		hash.update(part);
		size += part.length;
		progress(size);
	}
	return { size, sha256: hash.digest('hex') };
}

/** Puts the artifact and its file before what is said of them. */
async function named<Result>(member: PlannedMember, work: () => Promise<Result>): Promise<Result> {
	try {
		return await work();
	} catch (cause) {
		if (!(cause instanceof CaissonError)) throw unusable(member.source, cause);
		if (cause.code === 'tool-missing') throw cause;
		throw new CaissonError(cause.code, `${member.where}: ${member.source}: ${cause.message}`, { cause });
	}
}

/** What reading or expanding a file threw, in our words; an interruption and what is unknown stay as they are. */
function unusable(file: string, cause: unknown): unknown {
	const { code } = cause as NodeJS.ErrnoException;
	if (cause instanceof CaissonError || typeof code !== 'string' || code === 'ABORT_ERR') return cause;
	return new CaissonError('file-unusable', `${file} cannot be read or expanded (${code}).`, { cause });
}
