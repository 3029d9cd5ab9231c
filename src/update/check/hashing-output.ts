// Hashes what a handler would write, without keeping it: the SHA-256 of all bytes, and of the first N for each N that a
// readback asks for.

import { createHash } from 'node:crypto';

export class HashingOutput {
	readonly #hash = createHash('sha256');
	readonly #wanted: number[];
	readonly #found = new Map<number, string>();
	#size = 0;
	readonly #sink: ((bytes: Uint8Array) => void) | undefined;

	/** @param lengths the N */
	constructor(lengths: readonly number[], sink?: (bytes: Uint8Array) => void) {
		this.#sink = sink;
		this.#wanted = [...new Set(lengths)].sort((left, right) => left - right);
		this.#passWanted();
	}

	write(bytes: Uint8Array): void {
		this.#sink?.(bytes);
		let rest = bytes;
		while (this.#wanted.length > 0 && this.#size + rest.length >= (this.#wanted[0] as number)) {
			const part = rest.subarray(0, (this.#wanted[0] as number) - this.#size);
			this.#take(part);
			rest = rest.subarray(part.length);
			this.#passWanted();
		}
		this.#take(rest);
	}

	get size(): number {
		return this.#size;
	}

	/** By number of bytes; all bytes included. */
	sha256(): Map<number, string> {
		return new Map([...this.#found, [this.#size, this.#hash.copy().digest('hex')]]);
	}

	#take(bytes: Uint8Array): void {
		this.#hash.update(bytes);
		this.#size += bytes.length;
	}

	#passWanted(): void {
		while (this.#wanted[0] === this.#size) {
			this.#found.set(this.#size, this.#hash.copy().digest('hex'));
			this.#wanted.shift();
		}
	}
}
