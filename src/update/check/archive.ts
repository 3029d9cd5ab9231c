// Reads a .swu as SWUpdate does, faults and all: it goes on where SWUpdate goes on and stops where SWUpdate stops, so that
// the pre-flight check can say which fault comes first. Each member is hashed; memory stays at one part. For
// judging a .swu by itself there is ../read.ts, which is strict. Facts: core/cpio_utils.c, core/stream_interface.c.

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { CaissonError } from '../../errors.ts';
import { ByteSum, headerLength, trailerName } from '../../format/cpio/header.ts';
import type { ArchiveFacts, MemberFacts } from '../rules/preflight-facts.ts';

export interface ReadArchive extends ArchiveFacts {
	/** Where the data of each member starts. */
	readonly offsets: readonly number[];
	/** Bytes of the two first members, as far as they are there and not too large. */
	readonly first: readonly Uint8Array[];
}

export interface ArchiveOptions {
	readonly signal?: AbortSignal;
	readonly progress?: (member: string, bytes: number, total: number) => void;
}

const partLength = 1 << 20;
/** A description or a signature that is larger is not kept: SWUpdate's own limit is usually far below. */
const maximumKept = 1 << 20;
const maximumMembers = 10_000;

/** @throws CaissonError file-unusable; the signal's reason when it aborts */
export async function readArchive(file: string, options: ArchiveOptions = {}): Promise<ReadArchive> {
	try {
		await using handle = await open(file, 'r');
		return await new ArchiveReader(handle, options).read();
	} catch (cause) {
		if (cause instanceof CaissonError || options.signal?.aborted) throw cause;
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `${file} cannot be read (${reason}).`, { cause });
	}
}

class ArchiveReader {
	readonly #handle: FileHandle;
	readonly #options: ArchiveOptions;
	readonly #members: MemberFacts[] = [];
	readonly #offsets: number[] = [];
	readonly #first: Uint8Array[] = [];
	#at = 0;

	constructor(handle: FileHandle, options: ArchiveOptions) {
		this.#handle = handle;
		this.#options = options;
	}

	async read(): Promise<ReadArchive> {
		let fault: string | undefined;
		for (;;) {
			const header = await this.#header();
			if (typeof header === 'string') {
				fault = `CPIO HEADER: ${header}`;
				break;
			}
			if (header.name === trailerName) break;
			if (this.#members.length >= maximumMembers) {
				fault = `there are more than ${maximumMembers} members`;
				break;
			}
			this.#offsets.push(this.#at);
			const member = await this.#data(header);
			this.#members.push(member);
			this.#at += header.size + ((4 - ((this.#at + header.size) % 4)) % 4);
			if (!member.complete) {
				fault = `the archive ends within ${header.name}`;
				break;
			}
		}
		return { members: this.#members, fault, offsets: this.#offsets, first: this.#first };
	}

	/** core/cpio_utils.c: extract_cpio_header, get_cpiohdr. What is no hexadecimal digit is not judged as SWUpdate does. */
	async #header(): Promise<{ name: string; size: number; checksum: number | undefined } | string> {
		const fixed = await this.#bytes(headerLength);
		const text = new TextDecoder('latin1').decode(fixed);
		const magic = text.slice(0, 6);
		if (magic !== '070701' && magic !== '070702') return 'CPIO Format not recognized: magic not found';
		const field = (index: number) => Number.parseInt(text.slice(6 + index * 8, 14 + index * 8), 16);
		const [size, nameLength, checksum] = [field(6), field(11), field(12)];
		if ([size, nameLength, checksum].some(Number.isNaN)) return 'a field is no hexadecimal number';
		if (nameLength >= 256) return `CPIO Header filelength too big ${nameLength} >= 256 (max)`;
		const name = new TextDecoder().decode(await this.#bytes(nameLength));
		this.#at += (4 - (this.#at % 4)) % 4;
		const end = name.indexOf('\0');
		return { name: end < 0 ? name : name.slice(0, end), size, checksum: magic === '070702' ? checksum : undefined };
	}

	async #data({
		name,
		size,
		checksum,
	}: {
		name: string;
		size: number;
		checksum: number | undefined;
	}): Promise<MemberFacts> {
		const keep = this.#members.length < 2 && size <= maximumKept;
		const hash = createHash('sha256');
		const sum = new ByteSum();
		const kept: Uint8Array[] = [];
		let done = 0;
		const buffer = new Uint8Array(Math.min(partLength, size));
		while (done < size) {
			this.#options.signal?.throwIfAborted();
			const { bytesRead } = await this.#handle.read(buffer, 0, Math.min(partLength, size - done), this.#at + done);
			if (bytesRead === 0) break;
			const part = buffer.subarray(0, bytesRead);
			hash.update(part);
			if (checksum !== undefined) sum.update(part);
			if (keep) kept.push(part.slice());
			done += bytesRead;
			this.#options.progress?.(name, done, size);
		}
		if (this.#members.length < 2) this.#first.push(new Uint8Array(Buffer.concat(kept)));
		const checksumRight = checksum === undefined || checksum === sum.value;
		return { name, size, sha256: hash.digest('hex'), complete: done === size, checksumRight };
	}

	async #bytes(length: number): Promise<Uint8Array> {
		const buffer = new Uint8Array(length);
		const { bytesRead } = await this.#handle.read(buffer, 0, length, this.#at);
		this.#at += bytesRead;
		return buffer.subarray(0, bytesRead);
	}
}
