// Where zchunk cuts an image into chunks: after a rolling hash (buzhash, 48 bytes) over the content, so that the same
// content is cut at the same places wherever it moved to. The places must be those of libzck (zck_write) to the byte:
// SWUpdate cuts the image that the device holds with libzck. It leaves out what becomes of a chunk.
//
// One peculiarity of libzck matters: where it finds a boundary but refuses it because the chunk is still too small, it
// feeds the same byte to the hash again. So no byte of a chunk can be skipped, not even those before the minimum.

import { buzhashTable } from './buzhash-table.ts';

const windowBytes = 48;
const mask = (1 << 15) - 1;
/** Automatic chunks: a quarter and four times of the average of 32 KiB. */
export const automaticMinimum = (mask + 1) / 4;
export const automaticMaximum = (mask + 1) * 4;

const incoming = Int32Array.from(buzhashTable);
/** What a byte has become when it leaves the window: turned 48 times, which is 16. */
const outgoing = incoming.map((value) => (value << 16) | (value >>> 16));

/** Finds the boundaries of one image whose bytes come in order. */
export class BoundaryFinder {
	#hash = 0;
	/** Bytes that the hash was fed with; at first only `#fill` of them. A ring: the oldest is at `#oldest`. */
	readonly #window = new Uint8Array(windowBytes);
	#fill = 0;
	#oldest = 0;
	/** Bytes that came since the window last held something else than the chunk's last bytes. */
	#undisturbed = 0;

	/**
	 * Looks for the end of the chunk that begins at `start`.
	 * @param bytes the chunk so far, at least from `start`
	 * @param from where to go on; bytes from `start` to here were searched before (0 or more)
	 * @param end the first byte that is not there
	 * @returns the first byte after the chunk, which is the first of the next, or -1 where `end` came first. At the end of
	 *   the image the rest is a chunk whatever its length.
	 */
	next(bytes: Uint8Array, start: number, from: number, end: number): number {
		const tooLarge = start + automaticMaximum;
		let at = from;
		while (at < end) {
			if (this.#undisturbed >= windowBytes) {
				const stop = Math.min(end, tooLarge);
				at = this.#run(bytes, at, stop);
				if (at === stop && at < tooLarge) return -1;
				if (at < stop && at - start < automaticMinimum) {
					this.#refuse(bytes, at);
					continue; // the same byte again
				}
				// A chunk of the maximum ends whatever the hash says.
				this.#restart();
				return at;
			}
			const cut = this.#feed(bytes[at] as number) || at >= tooLarge;
			if (!cut) {
				this.#undisturbed++;
				at++;
			} else if (at - start >= automaticMinimum) {
				this.#restart();
				return at;
			} else this.#undisturbed = 0;
		}
		return -1;
	}

	/** Goes on while the window is the last 48 bytes, to the byte that makes a boundary or to `stop`. */
	#run(bytes: Uint8Array, from: number, stop: number): number {
		let hash = this.#hash;
		for (let at = from; at < stop; at++) {
			const out = outgoing[bytes[at - windowBytes] as number] as number;
			hash = ((hash << 1) | (hash >>> 31)) ^ out ^ (incoming[bytes[at] as number] as number);
			if ((hash & mask) === 0) {
				this.#hash = hash;
				return at;
			}
		}
		this.#hash = hash;
		return stop;
	}

	/** The byte at `at` is in the hash already and will come again: from here the window is more than the last bytes. */
	#refuse(bytes: Uint8Array, at: number): void {
		this.#window.set(bytes.subarray(at + 1 - windowBytes, at + 1));
		this.#oldest = 0;
		this.#undisturbed = 0;
	}

	/** @returns whether the hash makes a boundary before this byte */
	#feed(byte: number): boolean {
		const value = incoming[byte] as number;
		if (this.#fill < windowBytes) {
			this.#window[this.#fill++] = byte;
			const turn = (windowBytes - this.#fill) % 32;
			this.#hash ^= turn === 0 ? value : (value << turn) | (value >>> (32 - turn));
			return this.#fill === windowBytes && (this.#hash & mask) === 0;
		}
		const out = outgoing[this.#window[this.#oldest] as number] as number;
		this.#hash = ((this.#hash << 1) | (this.#hash >>> 31)) ^ out ^ value;
		this.#window[this.#oldest] = byte;
		this.#oldest = (this.#oldest + 1) % windowBytes;
		return (this.#hash & mask) === 0;
	}

	#restart(): void {
		this.#hash = 0;
		this.#fill = 0;
		this.#oldest = 0;
		this.#undisturbed = 0;
	}
}
