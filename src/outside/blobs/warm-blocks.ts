// Which blocks of a file are surely in the system's memory, so that reading a few bytes of them at once is cheaper than
// handing the reading to a thread. Node cannot ask the system (RWF_NOWAIT), so it goes by what was read lately. A wrong
// guess holds up every client for one read of the disk, hence the bounds: a block counts for a while after it was read as
// a whole, and a few slow readings in a second make the whole file unknown. It leaves out the reading.

/** Bytes of a block: a power of two, and what may be read at once at most. */
export const blockSize = 64 * 1024;
/** Milliseconds for which a block counts after it was read. */
const lasting = 30_000;
/** Milliseconds of a reading that waited for a disk, or for a processor; and of those in a second before all is unknown. */
const [slow, mostLost] = [0.5, 20];
/** Blocks of one file that are remembered; those beyond are read by threads, or all are found out anew. */
const mostBlocks = 16_384;

export class WarmBlocks {
	/** When each was read, by its number. */
	readonly #read = new Map<number, number>();
	/** Milliseconds of slow readings in the second that began then. */
	#lost = 0;
	#since = Number.NEGATIVE_INFINITY;

	/** The whole blocks around `length` bytes at `position`: what is to be read so that they are known afterwards. */
	static around(position: number, length: number): { start: number; length: number } {
		const start = position - (position % blockSize);
		return { start, length: Math.ceil((position + length - start) / blockSize) * blockSize };
	}

	/** @param start of the first block @param now milliseconds that never go back */
	wereRead(start: number, length: number, now: number): void {
		if (this.#read.size >= mostBlocks) this.#read.clear();
		for (let block = start / blockSize; block < (start + length) / blockSize; block++) this.#read.set(block, now);
	}

	/** Are these bytes in memory, as far as one can tell? */
	hold(position: number, length: number, now: number): boolean {
		const last = Math.floor((position + length - 1) / blockSize);
		for (let block = Math.floor(position / blockSize); block <= last; block++) {
			const time = this.#read.get(block);
			if (time === undefined || now - time > lasting) return false;
		}
		return true;
	}

	/** Told of each reading that went by this knowledge: how long it took (ms), and when it ended. */
	took(milliseconds: number, now: number): void {
		if (milliseconds < slow) return;
		if (now - this.#since > 1000) [this.#since, this.#lost] = [now, 0];
		this.#lost += milliseconds;
		if (this.#lost <= mostLost) return;
		this.#read.clear();
		this.#lost = 0;
	}
}
