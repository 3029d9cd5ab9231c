// The bytes of one member of a .swu: read once to know size and hashes (both stand before the data in the archive), and
// once more to be copied. Memory stays at one part whatever the size. A source that changes between the two readings
// is refused. Compressing writes to a temporary file, because the compressed size must be known first.

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress, constants as zlibConstants } from 'node:zlib';
import { CaissonError } from '../errors.ts';
import { ByteSum } from '../format/cpio/header.ts';
import type { MemberFacts, PlannedMember } from './rules/plan.ts';
import type { Compression } from './rules/specification.ts';

/** A member whose bytes are known and lie in `file`. */
export interface Payload {
	readonly member: PlannedMember;
	/** The source, or the temporary file with its compressed bytes. */
	readonly file: string;
	readonly facts: MemberFacts;
	/** The checksum of the crc format. */
	readonly checksum: number;
}

const partLength = 1 << 20;

/**
 * Reads `file` in parts that are only valid until the next one is asked for.
 * @throws CaissonError file-unusable; the reason of `signal` when it aborts
 */
export async function* partsOf(file: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
	try {
		await using handle = await open(file, 'r');
		if (!(await handle.stat()).isFile() && !(await handle.stat()).isBlockDevice()) {
			throw new CaissonError('file-unusable', `${file} is not a file.`);
		}
		const buffer = new Uint8Array(partLength);
		for (;;) {
			signal?.throwIfAborted();
			const { bytesRead } = await handle.read(buffer, 0, partLength, null);
			if (bytesRead === 0) return;
			yield buffer.subarray(0, bytesRead);
		}
	} catch (cause) {
		if (cause instanceof CaissonError || signal?.aborted) throw cause;
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `${file} cannot be read (${reason}).`, { cause });
	}
}

/**
 * Reads the whole of `file` for its facts.
 * @param read told of the bytes read so far
 */
export async function examine(
	member: PlannedMember,
	file: string,
	options: {
		readonly signal?: AbortSignal | undefined;
		readonly expandedSize?: number;
		readonly read?: (bytes: number) => void;
	},
): Promise<Payload> {
	const hash = createHash('sha256');
	const sum = new ByteSum();
	let size = 0;
	for await (const part of partsOf(file, options.signal)) {
		if (size === 0) checkCompressed(member, part);
		hash.update(part);
		sum.update(part);
		size += part.length;
		options.read?.(size);
	}
	const facts = {
		size,
		sha256: hash.digest('hex'),
		...(options.expandedSize === undefined ? {} : { expandedSize: options.expandedSize }),
	};
	return { member, file, facts, checksum: sum.value };
}

/**
 * Copies the payload's bytes and makes sure that they are still those of `payload.facts`.
 * @throws CaissonError file-unusable where they have changed
 */
export async function copyPayload(
	payload: Payload,
	write: (bytes: Uint8Array) => Promise<void>,
	signal?: AbortSignal,
): Promise<void> {
	const hash = createHash('sha256');
	let size = 0;
	for await (const part of partsOf(payload.file, signal)) {
		size += part.length;
		if (size > payload.facts.size) break;
		hash.update(part);
		await write(part);
	}
	if (size !== payload.facts.size || hash.digest('hex') !== payload.facts.sha256) {
		throw new CaissonError('file-unusable', `${payload.member.source} changed while it was being packed.`);
	}
}

/**
 * Compresses `source` into `target`; the same bytes every time for the same zlib and zstd of the runtime.
 * @returns bytes of the source
 */
export async function compressFile(
	source: string,
	target: string,
	compression: Compression,
	options: { readonly signal?: AbortSignal | undefined; readonly read?: (bytes: number) => void },
): Promise<number> {
	let length = 0;
	const counted = new Transform({
		transform(part, _encoding, done) {
			length += part.length;
			options.read?.(length);
			done(null, part);
		},
	});
	// SWUpdate's "zlib" expects the gzip wrapping (core/cpio_utils.c: inflateInit2 with 16 + MAX_WBITS).
	const compress =
		compression === 'zlib'
			? createGzip({ level: 9 })
			: createZstdCompress({ params: { [zlibConstants.ZSTD_c_compressionLevel]: 19 } });
	try {
		await pipeline(
			createReadStream(source, { highWaterMark: partLength }),
			counted,
			compress,
			createWriteStream(target, { flags: 'wx', mode: 0o600 }),
			options.signal === undefined ? {} : { signal: options.signal },
		);
	} catch (cause) {
		if (options.signal?.aborted) throw cause;
		const fault = cause as NodeJS.ErrnoException;
		throw new CaissonError('file-unusable', `${fault.path ?? source} cannot be compressed (${fault.code ?? fault}).`, {
			cause,
		});
	}
	return length;
}

/** A member that says it is compressed must start like it; the device would only find out while it installs. */
function checkCompressed(member: PlannedMember, start: Uint8Array): void {
	if (member.compressed === undefined) return;
	const mark = member.compressed === 'zlib' ? [0x1f, 0x8b] : [0x28, 0xb5, 0x2f, 0xfd];
	if (mark.every((byte, index) => start[index] === byte)) return;
	const name = member.compressed === 'zlib' ? 'gzip (which SWUpdate calls zlib)' : 'zstd';
	throw new CaissonError(
		'update-specification-invalid',
		`${member.where}: ${member.source} does not start like ${name}. If Caisson is to compress it, write compress instead of compressed.`,
	);
}
