// zchunk's compressed integers ("compint"): 7 bits a byte, least significant first, the top bit set on the last byte (the
// opposite of LEB128). Reading is bounded: by the bytes that are there, by ten bytes a number as in libzck, and by the
// integers that JavaScript holds exactly.

import { CaissonError } from '../../errors.ts';

/** Bytes of the longest number that libzck reads (64 bits). */
export const maximumCompintBytes = 10;

/** Reads numbers and bytes of a header in order; `end` is the first byte that no longer belongs to it. */
export class HeaderCursor {
	readonly bytes: Uint8Array;
	readonly end: number;
	at: number;
	constructor(bytes: Uint8Array, at: number, end: number) {
		this.bytes = bytes;
		this.at = at;
		this.end = end;
	}

	/** @throws CaissonError zchunk-malformed where the number does not end before `end`, or is above `maximum` */
	compint(what: string, maximum: number = Number.MAX_SAFE_INTEGER): number {
		let value = 0;
		let factor = 1;
		const last = Math.min(this.end, this.at + maximumCompintBytes);
		for (let at = this.at; at < last; at++) {
			const byte = this.bytes[at] as number;
			value += (byte & 0x7f) * factor;
			factor *= 128;
			if (byte >= 0x80) {
				// A sum above 2^53 may be rounded, but never to something below it.
				if (value > maximum) throw malformed(`${what} is ${printed(value)}, above the limit of ${maximum}`);
				this.at = at + 1;
				return value;
			}
		}
		throw malformed(last === this.end ? `it ends within ${what}` : `${what} has more than 64 bits`);
	}

	/** The offset of the next `length` bytes, which are skipped. @throws CaissonError zchunk-malformed */
	skip(length: number, what: string): number {
		if (length > this.end - this.at) throw malformed(`it ends within ${what}`);
		const start = this.at;
		this.at += length;
		return start;
	}
}

function printed(value: number): string {
	return Number.isSafeInteger(value) ? String(value) : 'above 2^53';
}

export function malformed(reason: string): CaissonError {
	return new CaissonError('zchunk-malformed', `The zchunk header is malformed: ${reason}.`);
}

/** Bytes that `writeCompint` needs for `value`. */
export function compintBytes(value: number): number {
	let count = 1;
	for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) count++;
	return count;
}

/** Writes `value` (a safe integer, not negative) and returns the offset after it. */
export function writeCompint(target: Uint8Array, at: number, value: number): number {
	let rest = value;
	let offset = at;
	while (rest >= 128) {
		target[offset++] = rest % 128;
		rest = Math.floor(rest / 128);
	}
	target[offset++] = rest + 128;
	return offset;
}
