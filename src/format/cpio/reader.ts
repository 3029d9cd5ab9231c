// Reads a cpio archive (newc or crc) as its bytes arrive. Memory is bounded by one header and name, whatever the archive
// says of itself; data passes through as views of what was pushed. It checks what the format lets it check: magic,
// numbers, names, lengths, the checksums of the crc format, and that the archive ends where it says. It leaves out which
// members there should be.

import { CaissonError } from '../../errors.ts';
import {
	archiveBlock,
	ByteSum,
	type CpioFormat,
	type CpioHeader,
	headerLength,
	maximumNameBytes,
	nameFault,
	padding,
	trailerName,
} from './header.ts';

export type CpioEvent =
	| { readonly kind: 'member'; readonly header: CpioHeader }
	/** Bytes of the member's data: a view of what was pushed, valid until the next push. */
	| { readonly kind: 'data'; readonly bytes: Uint8Array }
	/** All data came, and its checksum is right where the format has one. */
	| { readonly kind: 'member-end'; readonly header: CpioHeader };

export interface CpioLimits {
	readonly maximumMembers: number;
}

const usualLimits: CpioLimits = { maximumMembers: 10_000 };

type State = 'header' | 'name' | 'data' | 'padding' | 'after';

/** Push the archive's bytes in pieces of any length and take the events of each, then call end. */
export class CpioReader {
	readonly #limits: CpioLimits;
	#state: State = 'header';
	/** Header and name of the member that is being read. */
	readonly #pending = new Uint8Array(headerLength + maximumNameBytes + 1 + 3);
	#have = 0;
	#need = headerLength;
	#nameLength = 0;
	#header: CpioHeader | undefined;
	#sum = new ByteSum();
	/** Bytes of data or padding still to come. */
	#rest = 0;
	/** Bytes of the archive before what is being read. */
	#offset = 0;
	#members = 0;
	#after = 0;

	constructor(limits: CpioLimits = usualLimits) {
		this.#limits = limits;
	}

	/**
	 * Takes the next bytes. The events must be taken to the end before the next push.
	 * @throws CaissonError update-malformed naming the offset and the rule
	 */
	*push(bytes: Uint8Array): Generator<CpioEvent, void, void> {
		let from = 0;
		while (from < bytes.length || this.#atMemberEnd()) {
			if (this.#state === 'header' || this.#state === 'name') {
				const taken = Math.min(this.#need - this.#have, bytes.length - from);
				this.#pending.set(bytes.subarray(from, from + taken), this.#have);
				this.#have += taken;
				from += taken;
				if (this.#have < this.#need) return;
				if (this.#state === 'header') this.#readHeader();
				else yield* this.#readName();
			} else if (this.#state === 'data') {
				const part = bytes.subarray(from, from + Math.min(this.#rest, bytes.length - from));
				from += part.length;
				this.#rest -= part.length;
				if (part.length > 0) {
					if (this.#header?.format === 'crc') this.#sum.update(part);
					yield { kind: 'data', bytes: part };
				}
				if (this.#rest === 0) yield this.#finishMember();
			} else if (this.#state === 'padding') {
				const taken = Math.min(this.#rest, bytes.length - from);
				from += taken;
				this.#rest -= taken;
				if (this.#rest === 0) this.#expectHeader();
			} else {
				this.#takeAfter(bytes.subarray(from));
				return;
			}
		}
	}

	/** @throws CaissonError update-malformed where the archive has not ended */
	end(): void {
		if (this.#state === 'after') return;
		const where = this.#header === undefined ? 'before its end mark' : `in the member ${quoted(this.#header.name)}`;
		throw malformed(`The archive is cut off ${where}.`);
	}

	/** A member without data, or without padding, ends although no further byte has come. */
	#atMemberEnd(): boolean {
		return (this.#state === 'data' || this.#state === 'padding') && this.#rest === 0;
	}

	#readHeader(): void {
		this.#format();
		// SWUpdate's limit (core/cpio_utils.c, extract_cpio_header): the length with its NUL must be below 256.
		this.#nameLength = this.#field(11, 'the length of the name');
		if (this.#nameLength < 2 || this.#nameLength > maximumNameBytes + 1) {
			throw this.#fault(
				`the name has ${this.#nameLength} bytes with its NUL; 2 to ${maximumNameBytes + 1} are allowed`,
			);
		}
		const length = headerLength + this.#nameLength;
		this.#need = length + padding(length).length;
		this.#state = 'name';
	}

	*#readName(): Generator<CpioEvent, void, void> {
		const header: CpioHeader = {
			format: this.#format(),
			name: this.#name(),
			inode: this.#field(0, 'the inode'),
			mode: this.#field(1, 'the mode'),
			uid: this.#field(2, 'the uid'),
			gid: this.#field(3, 'the gid'),
			mtime: this.#field(5, 'the time'),
			size: this.#field(6, 'the size'),
			checksum: this.#field(12, 'the checksum'),
		};
		if (header.name === trailerName) {
			if (header.size !== 0) throw this.#fault('the end mark has data');
			this.#header = undefined;
			this.#state = 'after';
			return;
		}
		const fault = nameFault(header.name);
		if (fault !== undefined) throw this.#fault(`the name ${quoted(header.name)} is refused: ${fault}`);
		this.#members++;
		if (this.#members > this.#limits.maximumMembers) {
			throw malformed(`The archive has more than ${this.#limits.maximumMembers} members.`);
		}
		this.#offset += this.#need;
		this.#header = header;
		this.#rest = header.size;
		this.#sum = new ByteSum();
		this.#state = 'data';
		yield { kind: 'member', header };
	}

	#finishMember(): CpioEvent {
		const header = this.#header as CpioHeader;
		if (header.format === 'crc' && header.checksum !== this.#sum.value) {
			throw malformed(
				`The member ${quoted(header.name)} is damaged: its checksum is ${hex(this.#sum.value)}, its header says ${hex(header.checksum)}.`,
			);
		}
		this.#rest = padding(header.size).length;
		this.#offset += header.size + this.#rest;
		this.#state = 'padding';
		return { kind: 'member-end', header };
	}

	#expectHeader(): void {
		this.#header = undefined;
		this.#state = 'header';
		this.#have = 0;
		this.#need = headerLength;
	}

	/** Only the NULs that fill the last block may follow. SWUpdate reads over at most one block. */
	#takeAfter(bytes: Uint8Array): void {
		this.#after += bytes.length;
		if (this.#after > archiveBlock || bytes.some((byte) => byte !== 0)) {
			throw malformed('There are bytes after the end mark of the archive.');
		}
	}

	#format(): CpioFormat {
		const magic = ascii(this.#pending.subarray(0, 6));
		if (magic === '070701') return 'newc';
		if (magic === '070702') return 'crc';
		throw this.#fault('there is no cpio header (magic 070701 or 070702)');
	}

	/** The n-th of the thirteen fields of eight hexadecimal digits after the magic. */
	#field(index: number, what: string): number {
		const text = ascii(this.#pending.subarray(6 + index * 8, 14 + index * 8));
		if (!/^[0-9A-Fa-f]{8}$/.test(text)) throw this.#fault(`${what} is not a hexadecimal number`);
		return Number.parseInt(text, 16);
	}

	#name(): string {
		const bytes = this.#pending.subarray(headerLength, headerLength + this.#nameLength);
		if (bytes.indexOf(0) !== bytes.length - 1) throw this.#fault('the name does not end with its only NUL');
		try {
			return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, -1));
		} catch {
			throw this.#fault('the name is not UTF-8');
		}
	}

	#fault(rule: string): CaissonError {
		return malformed(`At offset ${this.#offset} of the archive ${rule}.`);
	}
}

function ascii(bytes: Uint8Array): string {
	return String.fromCharCode(...bytes);
}

function quoted(name: string): string {
	return JSON.stringify(name);
}

function hex(value: number): string {
	return `0x${value.toString(16).padStart(8, '0')}`;
}

function malformed(message: string): CaissonError {
	return new CaissonError('update-malformed', message);
}
