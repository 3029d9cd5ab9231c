// Cuts a stream of bytes into lines with a bound on their length. It leaves out what a line means.

/** Longest line of an export in bytes: a row's detail is bounded by what a request may carry. */
export const longestLine = 32 * 1024 * 1024;

export class LineSplitter {
	#parts: Uint8Array[] = [];
	#length = 0;

	/** The lines that `chunk` completes, each without its line end (\n). @throws RangeError above `longestLine` */
	*push(chunk: Uint8Array): Generator<Uint8Array> {
		let start = 0;
		for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
			yield this.#take(chunk.subarray(start, end));
			start = end + 1;
		}
		if (start < chunk.length) this.#keep(chunk.slice(start));
	}

	/** What stands behind the last line end; undefined where nothing does. */
	rest(): Uint8Array | undefined {
		return this.#length === 0 ? undefined : this.#take(new Uint8Array());
	}

	#keep(part: Uint8Array): void {
		this.#length += part.length;
		if (this.#length > longestLine) throw new RangeError(`a line is longer than ${longestLine} bytes`);
		this.#parts.push(part);
	}

	#take(end: Uint8Array): Uint8Array {
		if (this.#parts.length === 0) return end;
		this.#keep(end);
		const line = new Uint8Array(this.#length);
		let at = 0;
		for (const part of this.#parts) {
			line.set(part, at);
			at += part.length;
		}
		this.#parts = [];
		this.#length = 0;
		return line;
	}
}
