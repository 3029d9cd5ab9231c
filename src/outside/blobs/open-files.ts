// Files that stay open for a while after they were read: opening costs more than reading a small range, and a delta
// update asks for many. A file that was replaced, removed or cut short behind our back is noticed soon; reading never gives
// more than there is. It leaves out which files there are.

import { close, fstatSync, open, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { blockSize, WarmBlocks } from './warm-blocks.ts';

const openFile = promisify(open);
const readFile = promisify(read);

/** Files that nobody uses, kept open at most, and for how long (ms). */
const mostIdle = 64;
const idleTime = 10_000;
/** For how long (ms) it is believed that a file is as it was. */
const believed = 50;

interface Entry {
	readonly descriptor: number;
	users: number;
	/** Not to be given out again: it is closed when nobody uses it. */
	stale: boolean;
	/** When it was used last. */
	time: number;
	/** What the system said of it, and when. */
	facts: { readonly size: number; readonly modified: number; readonly at: number } | undefined;
	readonly warm: WarmBlocks;
}

export interface OpenedFile {
	/** Bytes. */
	readonly size: number;
	/** Milliseconds since the epoch. */
	readonly modified: number;
	/** @returns how many bytes came; 0 at the end */
	read(into: Uint8Array, position: number): Promise<number>;
	/** The same without waiting for a thread; 0 also where the bytes may not be in memory: then read() tells. */
	readNow(into: Uint8Array, position: number): number;
	/** May be called again. */
	release(): void;
}

export class OpenFiles {
	/** In the order of their last use. */
	readonly #entries = new Map<string, Entry>();
	#timer: NodeJS.Timeout | undefined;

	/** A file that is open already; undefined where it is not, or not what its name stands for. */
	kept(path: string): OpenedFile | undefined {
		const kept = this.#entries.get(path);
		return kept && this.#use(path, kept);
	}

	/** @throws what open(2) or fstat(2) refuse, ENOENT where there is no such file */
	async open(path: string): Promise<OpenedFile> {
		const kept = this.kept(path);
		if (kept !== undefined) return kept;
		const entry: Entry = {
			descriptor: await openFile(path, 'r'),
			users: 0,
			stale: false,
			time: 0,
			facts: undefined,
			warm: new WarmBlocks(),
		};
		// Somebody else may have opened it meanwhile; then this one is used this once.
		if (this.#entries.has(path)) entry.stale = true;
		const opened = this.#use(path, entry);
		if (opened === undefined) throw Object.assign(new Error('the file was removed'), { code: 'ENOENT' });
		return opened;
	}

	/** The name stands for something else now, or for nothing. */
	forget(path: string): void {
		const entry = this.#entries.get(path);
		if (entry === undefined) return;
		this.#entries.delete(path);
		entry.stale = true;
		closeUnused(entry);
	}

	/** Files in use are closed when they are released. */
	close(): void {
		clearTimeout(this.#timer);
		for (const path of [...this.#entries.keys()]) this.forget(path);
	}

	/** @returns undefined where the file has no name any more: it was replaced or removed by somebody else */
	#use(path: string, entry: Entry): OpenedFile | undefined {
		const now = performance.now();
		if (entry.facts === undefined || now - entry.facts.at > believed) {
			// Of an open file this is answered from memory.
			const { size, mtimeMs, nlink } = fstatSync(entry.descriptor);
			if (nlink === 0) {
				if (this.#entries.get(path) === entry) this.forget(path);
				else {
					entry.stale = true;
					closeUnused(entry);
				}
				return undefined;
			}
			entry.facts = { size, modified: mtimeMs, at: now };
		}
		const { size, modified } = entry.facts;
		entry.users++;
		entry.time = now;
		if (!entry.stale) {
			this.#entries.delete(path);
			this.#entries.set(path, entry);
		}
		let released = false;
		return {
			size,
			modified,
			read: (into, position) => readByThread(entry, into, position),
			readNow: (into, position) => readWarm(entry, into, position),
			release: () => {
				if (released) return;
				released = true;
				entry.users--;
				entry.time = performance.now();
				if (entry.stale) closeUnused(entry);
				else this.#tidy();
			},
		};
	}

	#tidy(): void {
		if (this.#entries.size > mostIdle) this.#closeIdle((_, index) => index < this.#entries.size - mostIdle);
		if (this.#timer !== undefined || this.#entries.size === 0) return;
		this.#timer = setTimeout(() => {
			this.#timer = undefined;
			const now = performance.now();
			this.#closeIdle(({ time }) => now - time >= idleTime);
			this.#tidy();
		}, idleTime).unref();
	}

	#closeIdle(which: (entry: Entry, index: number) => boolean): void {
		for (const [index, [path, entry]] of [...this.#entries].entries()) {
			if (entry.users === 0 && which(entry, index)) this.forget(path);
		}
	}
}

/** Buffers for two blocks each: fresh memory costs as much as the reading. */
const spare: Buffer[] = [];
const mostSpare = 16;

/** Of few bytes the blocks around them are read whole, so that their neighbours need no thread. */
async function readByThread({ descriptor, warm }: Entry, into: Uint8Array, position: number): Promise<number> {
	if (into.length > blockSize) return (await readFile(descriptor, into, 0, into.length, position)).bytesRead;
	const { start, length } = WarmBlocks.around(position, into.length);
	const blocks = spare.pop() ?? Buffer.allocUnsafeSlow(2 * blockSize);
	const { bytesRead } = await readFile(descriptor, blocks, 0, length, start);
	warm.wereRead(start, length, performance.now());
	const wanted = blocks.subarray(position - start, Math.min(bytesRead, position - start + into.length));
	into.set(wanted);
	if (spare.length < mostSpare) spare.push(blocks);
	return wanted.length;
}

function readWarm({ descriptor, warm }: Entry, into: Uint8Array, position: number): number {
	const began = performance.now();
	if (into.length > blockSize || !warm.hold(position, into.length, began)) return 0;
	const bytesRead = readSync(descriptor, into, 0, into.length, position);
	const ended = performance.now();
	warm.took(ended - began, ended);
	return bytesRead;
}

function closeUnused({ users, descriptor }: Entry): void {
	// Nothing was written, so there is nothing that closing could report.
	if (users === 0) close(descriptor, () => undefined);
}
