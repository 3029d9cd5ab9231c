// The cpio archives that SWUpdate reads: SVR4 "new ASCII" (newc, magic 070701) and the same with a checksum (crc,
// 070702). This file holds what writing needs and what reading shares with it: the 110-byte header, padding, trailer and
// the rule for names. It leaves out data: a caller writes header, data and padding in turn, so a member of many
// gigabytes never has to be in memory. Reading is in reader.ts.

import { CaissonError } from '../../errors.ts';

/** newc: no checksum. crc: each header carries the 32-bit sum of the member's bytes, which SWUpdate checks. */
export type CpioFormat = 'newc' | 'crc';

export interface CpioHeader {
	readonly format: CpioFormat;
	readonly name: string;
	/** Bytes of data; the format has 32 bits for it. */
	readonly size: number;
	/** Sum of the data bytes modulo 2^32; 0 in newc. */
	readonly checksum: number;
	readonly inode: number;
	/** File type and permission bits, e.g. 0o100644. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	/** Seconds since the epoch. */
	readonly mtime: number;
}

export const headerLength = 110;
/** SWUpdate's buffer for a name is 256 bytes, and the field that counts the closing NUL must be smaller than that. */
export const maximumNameBytes = 254;
export const maximumSize = 0xffff_ffff;
export const trailerName = 'TRAILER!!!';
/** Archives are filled with NULs to a multiple of this, as cpio(1) does by default; SWUpdate reads over up to 512. */
export const archiveBlock = 512;

const magic = { newc: '070701', crc: '070702' } as const;

/**
 * Whether `name` may be a member's name. SWUpdate puts members into a directory under their own name, so only plain
 * names are safe: no '/', not '.' or '..', no control characters, at most 254 bytes of UTF-8.
 * @returns the reason for refusing it, undefined where it is fine
 */
export function nameFault(name: string): string | undefined {
	if (name === '') return 'it is empty';
	if (name === '.' || name === '..') return 'it means a directory';
	if (name.includes('/')) return 'it contains "/"';
	for (let index = 0; index < name.length; index++) {
		const unit = name.charCodeAt(index);
		if (unit < 0x20 || unit === 0x7f) return 'it contains a control character';
	}
	if (new TextEncoder().encode(name).length > maximumNameBytes) return `it is longer than ${maximumNameBytes} bytes`;
	if (name === trailerName) return 'it is the mark of the end of the archive';
	return undefined;
}

/** NUL bytes from `length` to the next multiple of 4: what follows header and name, and what follows data. */
export function padding(length: number): Uint8Array<ArrayBuffer> {
	return new Uint8Array((4 - (length % 4)) % 4);
}

/** What a member header may leave to its default: owner root, a plain file 0644, no time (the same bytes every time). */
export interface CpioMemberToWrite {
	readonly name: string;
	readonly size: number;
	/** Required in crc: see ByteSum. */
	readonly checksum?: number;
	/** Members of one archive must differ in it: cpio(1) takes equal ones for hard links. */
	readonly inode: number;
	readonly mode?: number;
	readonly mtime?: number;
}

/**
 * Header, name and their padding: the bytes before a member's data. After the data come `padding(size)`.
 * @throws CaissonError update-specification-invalid for a name or a size that the format or SWUpdate cannot hold
 */
export function encodeHeader(format: CpioFormat, member: CpioMemberToWrite): Uint8Array<ArrayBuffer> {
	const fault = nameFault(member.name);
	if (fault !== undefined) {
		throw new CaissonError('update-specification-invalid', `Member name ${JSON.stringify(member.name)}: ${fault}.`);
	}
	if (!Number.isInteger(member.size) || member.size < 0 || member.size > maximumSize) {
		throw new CaissonError(
			'update-specification-invalid',
			`Member ${JSON.stringify(member.name)} has ${member.size} bytes: a .swu (cpio) holds at most ${maximumSize} a member.`,
		);
	}
	return headerBytes(format, member);
}

/**
 * The end of an archive.
 * @param length bytes of the archive so far; the trailer is filled up to a multiple of 512
 */
export function encodeTrailer(format: CpioFormat, length: number): Uint8Array<ArrayBuffer> {
	const trailer = headerBytes(format, { name: trailerName, size: 0, inode: 0, mode: 0 });
	const total = Math.ceil((length + trailer.length) / archiveBlock) * archiveBlock - length;
	const filled = new Uint8Array(total);
	filled.set(trailer);
	return filled;
}

function headerBytes(format: CpioFormat, member: CpioMemberToWrite): Uint8Array<ArrayBuffer> {
	const name = new TextEncoder().encode(member.name);
	const fields = [
		member.inode,
		member.mode ?? 0o100644,
		0, // uid
		0, // gid
		1, // nlink
		member.mtime ?? 0,
		member.size,
		0, // device of the file: major, minor
		0,
		0, // device that the file is: major, minor
		0,
		name.length + 1,
		format === 'crc' ? (member.checksum ?? 0) : 0,
	];
	const text = magic[format] + fields.map((field) => field.toString(16).padStart(8, '0').toUpperCase()).join('');
	const length = headerLength + name.length + 1;
	const bytes = new Uint8Array(length + padding(length).length);
	bytes.set(new TextEncoder().encode(text));
	bytes.set(name, headerLength);
	return bytes;
}

/** The checksum of the crc format while data passes: the sum of all bytes modulo 2^32 (not a CRC, despite its name). */
export class ByteSum {
	#sum = 0;
	update(bytes: Uint8Array): void {
		// Parts of 2^20 bytes stay far below 2^53, so the remainder is taken once a part instead of once a byte.
		for (let start = 0; start < bytes.length; start += 0x10_0000) {
			const end = Math.min(start + 0x10_0000, bytes.length);
			let sum = 0;
			for (let index = start; index < end; index++) sum += bytes[index] as number;
			this.#sum = (this.#sum + sum) % 0x1_0000_0000;
		}
	}
	get value(): number {
		return this.#sum;
	}
}
