// Reads a .swu once from beginning to end: members with size and SHA-256, the sw-description, its signature. Memory stays
// bounded: payloads pass through. It leaves out judging: check.ts compares what was read.

import { createHash, type Hash } from 'node:crypto';
import { CaissonError } from '../errors.ts';
import { type CpioFormat, type CpioHeader, headerLength, padding } from '../format/cpio/header.ts';
import { CpioReader } from '../format/cpio/reader.ts';
import type { SwDescription } from '../format/sw-description/description.ts';
import { readSwDescription } from '../format/sw-description/read.ts';
import { partsOf } from './payload.ts';

export const descriptionName = 'sw-description';
export const signatureName = 'sw-description.sig';
/** A description or a signature that is larger is refused before it is kept. */
const maximumKept = 1 << 20;

export interface ReadMember {
	readonly name: string;
	readonly size: number;
	readonly sha256: string;
	readonly format: CpioFormat;
	/** Where its header starts in the archive, and where its data does. */
	readonly offset: number;
	readonly dataOffset: number;
	/** The sum that the crc format carries, which was found right; undefined in newc, which has none. */
	readonly checksum?: number;
}

export interface ReadUpdate {
	/** All members in the order of the archive. */
	readonly members: readonly ReadMember[];
	readonly descriptionBytes: Uint8Array;
	readonly description: SwDescription;
	/** What the second member holds as signature; undefined where the second member is something else. */
	readonly signature?: Uint8Array;
	/** Where the end mark starts: after the last member and its padding. */
	readonly end: number;
}

export interface ReadOptions {
	readonly signal?: AbortSignal;
	readonly progress?: (member: string, bytes: number, total: number) => void;
}

/** @throws CaissonError update-malformed, file-unusable; the signal's reason when it aborts */
export async function readUpdate(file: string, options: ReadOptions = {}): Promise<ReadUpdate> {
	const reader = new UpdateReader(options);
	for await (const part of partsOf(file, options.signal)) reader.push(part);
	return reader.end();
}

/** The same for a caller that has the bytes in passing. */
export class UpdateReader {
	readonly #reader = new CpioReader();
	readonly #members: Collector;
	constructor(options: ReadOptions = {}) {
		this.#members = new Collector(options);
	}
	/** @throws CaissonError update-malformed */
	push(part: Uint8Array): void {
		for (const event of this.#reader.push(part)) {
			if (event.kind === 'member') this.#members.start(event.header);
			else if (event.kind === 'data') this.#members.take(event.bytes);
			else this.#members.finish();
		}
	}
	/** @throws CaissonError update-malformed */
	end(): ReadUpdate {
		this.#reader.end();
		return this.#members.result();
	}
}

/** The member that is being read. */
interface Current {
	readonly header: CpioHeader;
	readonly hash: Hash;
	readonly parts: Uint8Array[] | undefined;
	readonly dataOffset: number;
	bytes: number;
}

class Collector {
	readonly #options: ReadOptions;
	readonly #members: ReadMember[] = [];
	readonly #names = new Set<string>();
	readonly #kept = new Map<string, Uint8Array>();
	#current: Current | undefined;
	/** Bytes of the archive before the next header. */
	#offset = 0;

	constructor(options: ReadOptions) {
		this.#options = options;
	}

	start(header: CpioHeader): void {
		const { name, size } = header;
		const index = this.#members.length;
		if (index === 0 && name !== descriptionName) {
			throw malformed(`the first member must be ${descriptionName}, not ${JSON.stringify(name)}`);
		}
		if (this.#names.has(name)) throw malformed(`the member ${JSON.stringify(name)} is there twice`);
		this.#names.add(name);
		const kept = index === 0 || (index === 1 && name === signatureName);
		if (kept && size > maximumKept) throw malformed(`${name} has ${size} bytes; at most ${maximumKept} are read`);
		const head = headerLength + new TextEncoder().encode(name).length + 1;
		const dataOffset = this.#offset + head + padding(head).length;
		this.#current = { header, hash: createHash('sha256'), parts: kept ? [] : undefined, dataOffset, bytes: 0 };
	}

	take(bytes: Uint8Array): void {
		const current = this.#current as Current;
		current.hash.update(bytes);
		current.parts?.push(bytes.slice());
		current.bytes += bytes.length;
		this.#options.progress?.(current.header.name, current.bytes, current.header.size);
	}

	finish(): void {
		const { header, hash, parts, dataOffset } = this.#current as Current;
		const { name, size, format, checksum } = header;
		const crc = format === 'crc' ? { checksum } : {};
		this.#members.push({ name, size, sha256: hash.digest('hex'), format, offset: this.#offset, dataOffset, ...crc });
		this.#offset = dataOffset + size + padding(size).length;
		if (parts !== undefined) this.#kept.set(name, new Uint8Array(Buffer.concat(parts)));
		this.#current = undefined;
	}

	result(): ReadUpdate {
		const descriptionBytes = this.#kept.get(descriptionName);
		if (descriptionBytes === undefined) throw malformed(`it has no ${descriptionName}`);
		const signature = this.#kept.get(signatureName);
		return {
			members: this.#members,
			descriptionBytes,
			description: readSwDescription(new TextDecoder().decode(descriptionBytes)),
			...(signature === undefined ? {} : { signature }),
			end: this.#offset,
		};
	}
}

function malformed(rule: string): CaissonError {
	return new CaissonError('update-malformed', `This is not a .swu for SWUpdate: ${rule}.`);
}
