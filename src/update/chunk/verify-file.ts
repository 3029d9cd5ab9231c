// Checks a whole .zck: every chunk is read, checked by its checksums and unpacked, and so is the checksum of the body where
// there is one. It leaves out the header (delta/zchunk-file.ts) and what is done with the verdict.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { CaissonError } from '../../errors.ts';
import type { ZchunkHeader } from '../../format/zchunk/header.ts';
import { ZchunkBody } from '../../format/zchunk/reader.ts';
import { codec } from './codec.ts';

/** After so many bytes others get a turn: Ctrl-C and progress. */
const turnBytes = 4 * 1024 * 1024;

export interface VerifyOptions {
	readonly signal?: AbortSignal | undefined;
	readonly progress?: ((bytes: number, total: number) => void) | undefined;
}

export interface VerifiedBody {
	/** SHA-256 of the image that the chunks make, in hexadecimal. */
	readonly imageSha256: string;
	readonly imageSize: number;
	/** Whether there was a checksum of the body to check: there is none with checksums of the plain bytes. */
	readonly bodyChecksum: boolean;
}

/**
 * @throws CaissonError zchunk-malformed saying what is wrong, file-unusable; the signal's reason when it aborts
 */
export async function verifyBody(file: string, header: ZchunkHeader, options: VerifyOptions): Promise<VerifiedBody> {
	const descriptor = attempt(file, () => openSync(file, 'r'));
	try {
		const body = new ZchunkBody(header, {
			...codec,
			readAt: (offset, length) => readAt(file, descriptor, offset, length),
		});
		const image = createHash('sha256');
		// The specification: with checksums of the plain bytes this one must not be checked.
		const bodyChecksum = !header.flags.uncompressedSource;
		const stored = createHash(header.checksumType);
		let imageSize = 0;
		let turn = turnBytes;
		for (const plain of body.chunks(bodyChecksum ? (bytes) => stored.update(bytes) : undefined)) {
			image.update(plain);
			imageSize += plain.length;
			if (imageSize < turn) continue;
			turn += turnBytes;
			options.progress?.(imageSize, header.length);
			await setImmediate();
			options.signal?.throwIfAborted();
		}
		if (bodyChecksum && !stored.digest().equals(header.dataDigest)) {
			throw new CaissonError('zchunk-malformed', 'The body does not have the checksum that the header states.');
		}
		return { imageSha256: image.digest('hex'), imageSize, bodyChecksum };
	} finally {
		closeSync(descriptor);
	}
}

/** Fewer bytes than asked for where the file ends. */
function readAt(file: string, descriptor: number, offset: number, length: number): Uint8Array {
	const bytes = new Uint8Array(length);
	let filled = 0;
	while (filled < length) {
		const read = attempt(file, () => readSync(descriptor, bytes, filled, length - filled, offset + filled));
		if (read === 0) break;
		filled += read;
	}
	return bytes.subarray(0, filled);
}

function attempt<Result>(file: string, step: () => Result): Result {
	try {
		return step();
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `${file} cannot be read (${reason}).`, { cause });
	}
}
