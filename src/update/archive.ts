// The bytes of a .swu in their order: sw-description, its signature where there is one, the payloads, the end mark. It
// writes what it is given; it leaves out where payloads come from and what they must be. A member keeps its inode number
// whether the archive is signed or not, so that signing later gives the bytes of packing and signing in one step.

import { createHash } from 'node:crypto';
import { ByteSum, type CpioFormat, encodeHeader, encodeTrailer, padding } from '../format/cpio/header.ts';
import type { OutputFile } from './output-file.ts';
import { descriptionName, signatureName } from './read.ts';

export interface ArchivePayload {
	readonly name: string;
	readonly size: number;
	/** The checksum of the crc format. */
	readonly checksum: number;
	/** Gives all its bytes to `write`, in order. */
	copy(write: (bytes: Uint8Array) => Promise<void>): Promise<void>;
}

export interface WrittenFile {
	readonly size: number;
	readonly sha256: string;
}

const inodes = { description: 1, signature: 2, firstPayload: 3 };

/** Counts and hashes what is written to `file`. */
export class HashedOutput {
	readonly #file: OutputFile;
	readonly #hash = createHash('sha256');
	constructor(file: OutputFile) {
		this.#file = file;
	}
	get length(): number {
		return this.#file.length;
	}
	readonly write = async (bytes: Uint8Array): Promise<void> => {
		this.#hash.update(bytes);
		await this.#file.write(bytes);
	};
	/** The end mark, and the facts of the whole. */
	async end(format: CpioFormat): Promise<WrittenFile> {
		await this.write(encodeTrailer(format, this.length));
		return { size: this.length, sha256: this.#hash.digest('hex') };
	}
	async small(format: CpioFormat, name: string, inode: number, bytes: Uint8Array): Promise<void> {
		const sum = new ByteSum();
		sum.update(bytes);
		await this.write(encodeHeader(format, { name, size: bytes.length, checksum: sum.value, inode }));
		await this.write(bytes);
		await this.write(padding(bytes.length));
	}
	async signature(format: CpioFormat, bytes: Uint8Array): Promise<void> {
		await this.small(format, signatureName, inodes.signature, bytes);
	}
}

/** @param signature undefined for an archive that is signed later */
export async function writeArchive(
	file: OutputFile,
	format: CpioFormat,
	description: Uint8Array,
	signature: Uint8Array | undefined,
	payloads: readonly ArchivePayload[],
): Promise<WrittenFile> {
	const output = new HashedOutput(file);
	await output.small(format, descriptionName, inodes.description, description);
	if (signature !== undefined) await output.signature(format, signature);
	for (const [index, { name, size, checksum, copy }] of payloads.entries()) {
		const inode = inodes.firstPayload + index;
		await output.write(encodeHeader(format, { name, size, checksum, inode }));
		await copy(output.write);
		await output.write(padding(size));
	}
	return await output.end(format);
}
