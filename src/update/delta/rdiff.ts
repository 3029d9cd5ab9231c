// rdiff deltas through Debian's `rdiff` (librsync, the library of SWUpdate's rdiff handlers) as a process. Everything goes
// through pipes: nothing is kept on disk, and the caller decides what becomes of the bytes. It leaves out whether a delta
// is the right one to send (planner.ts) and the SHA-256 of what it gives (verify.ts).

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CaissonError } from '../../errors.ts';

export interface RdiffOptions {
	readonly signal?: AbortSignal | undefined;
	/** Bytes a block of the base; `defaultBlockSize` of the base where it is absent. */
	readonly blockSize?: number | undefined;
	/** Told of the bytes that came out so far. */
	readonly progress?: (bytes: number) => void;
}

export type WriteBytes = (bytes: Uint8Array) => void | Promise<void>;

export const lowestBlockSize = 512;
export const highestBlockSize = 65_536;
const mostBlocks = 1 << 21;

/**
 * Bytes a block of the base. Small blocks find more of what is the same; in trials 1024 gave smaller deltas than
 * rdiff’s own choice (the square root of the size) and than 512, where the delta's commands cost more than is found. rdiff
 * keeps the signature of all blocks in memory while it compares (60 bytes a block, measured), so the blocks double in size
 * until there are at most two million of them: about 125 MB whatever the size of the image.
 */
export function defaultBlockSize(baseLength: number): number {
	let blockSize = 1024;
	while (baseLength / blockSize > mostBlocks && blockSize < highestBlockSize) blockSize *= 2;
	return blockSize;
}

/**
 * Writes the delta that makes `target` from `base`.
 * @returns bytes of the delta
 * @throws CaissonError tool-missing, file-unusable, delta-wrong; what `write` throws; the signal's reason when it aborts
 */
export async function makeDelta(
	base: string,
	target: string,
	write: WriteBytes,
	options: RdiffOptions = {},
): Promise<number> {
	const { size } = await sizeOf(base);
	await sizeOf(target);
	const blockSize = String(options.blockSize ?? defaultBlockSize(size));
	const signature = new Rdiff(['-b', blockSize, 'signature', base, '-'], options.signal);
	const delta = new Rdiff(['delta', '-', target, '-'], options.signal);
	const piped = pipeline(signature.output, delta.input);
	return runAll([signature, delta], async () => {
		const [length] = await Promise.all([copy(delta.output, write, options), piped.catch(ignored)]);
		return length;
	});
}

/**
 * Applies `delta` to `base`, a file that can be read at any place.
 * @returns bytes written
 * @throws CaissonError delta-wrong where rdiff refuses the delta; the rest as makeDelta
 */
export async function applyDelta(
	base: string,
	delta: string | Readable,
	write: WriteBytes,
	options: RdiffOptions = {},
): Promise<number> {
	await sizeOf(base);
	if (typeof delta === 'string') await sizeOf(delta);
	const from = typeof delta === 'string' ? createReadStream(delta) : delta;
	const patch = new Rdiff(['patch', base, '-', '-'], options.signal);
	return runAll([patch], async () => {
		const [length, fault] = await Promise.all([copy(patch.output, write, options), feed(from, patch.input)]);
		if (fault !== undefined) throw fault;
		return length;
	});
}

/**
 * Writes all of `from`, unless the program ends before: what it thinks of its input is in its exit code, not in the broken
 * pipe.
 * @returns what reading `from` threw
 */
async function feed(from: Readable, to: Writable): Promise<unknown> {
	const gone = new Promise((resolve) => to.once('close', resolve));
	try {
		for await (const part of from) {
			if (to.destroyed) break;
			if (!to.write(part)) await Promise.race([new Promise((resolve) => to.once('drain', resolve)), gone]);
		}
		return undefined;
	} catch (fault) {
		return fault;
	} finally {
		to.end();
	}
}

/** One run of rdiff; its stderr is kept, up to a bound. */
class Rdiff {
	readonly #child: ChildProcess;
	readonly #verb: string;
	readonly #signal: AbortSignal | undefined;
	readonly #ended: Promise<number | null>;
	#startFault: NodeJS.ErrnoException | undefined;
	#words = '';

	constructor(words: readonly string[], signal: AbortSignal | undefined) {
		signal?.throwIfAborted();
		this.#signal = signal;
		this.#verb = words.find((word) => /^[a-z]+$/.test(word)) ?? 'rdiff';
		this.#child = spawn('rdiff', words, {
			env: { ...process.env, LC_ALL: 'C.UTF-8' },
			stdio: ['pipe', 'pipe', 'pipe'],
			...(signal === undefined ? {} : { signal }),
			killSignal: 'SIGKILL',
		});
		this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
			if (this.#words.length < 4096) this.#words += text;
		});
		this.#child.stdin?.on('error', ignored); // rdiff ended first: its exit code tells why
		this.#ended = new Promise((resolve) => {
			this.#child.once('error', (error: NodeJS.ErrnoException) => {
				this.#startFault ??= error;
				if (this.#child.pid === undefined) resolve(null);
			});
			this.#child.once('close', (code) => resolve(code));
		});
	}

	get input(): Writable {
		return this.#child.stdin as Writable;
	}
	get output(): Readable {
		return this.#child.stdout as Readable;
	}

	kill(): void {
		this.#child.kill('SIGKILL');
	}

	/** Waits for the end and judges it. @throws as makeDelta */
	async end(): Promise<void> {
		const code = await this.#ended;
		if (this.#signal?.aborted) throw this.#signal.reason;
		if (this.#startFault?.code === 'ENOENT') {
			throw new CaissonError('tool-missing', 'rdiff is not installed: apt-get install rdiff.');
		}
		if (this.#startFault !== undefined) throw this.#startFault;
		if (code === 0) return;
		const reason =
			this.#words
				.trim()
				.split('\n')
				.at(-1)
				?.replace(/^rdiff: Failed, /, '') ?? '';
		throw new CaissonError('delta-wrong', `rdiff ${this.#verb} failed: ${reason || `exit code ${code}`}`);
	}
}

/** Runs `work` beside the processes; whichever fails ends all. The processes' own reasons go before broken pipes. */
async function runAll(processes: readonly Rdiff[], work: () => Promise<number>): Promise<number> {
	let fault: { readonly error: unknown } | undefined;
	let length = 0;
	try {
		length = await work();
	} catch (error) {
		fault = { error };
		for (const each of processes) each.kill();
	}
	const ends = await Promise.allSettled(processes.map((each) => each.end()));
	if (fault !== undefined) throw fault.error;
	for (const end of ends) if (end.status === 'rejected') throw end.reason;
	return length;
}

async function copy(from: Readable, write: WriteBytes, options: RdiffOptions): Promise<number> {
	let length = 0;
	for await (const part of from as AsyncIterable<Buffer>) {
		await write(part);
		length += part.length;
		options.progress?.(length);
	}
	if (!from.closed) await once(from, 'close');
	return length;
}

/** @throws CaissonError file-unusable: named here, because rdiff's own words do not say which of its files it means */
async function sizeOf(file: string): Promise<{ size: number }> {
	try {
		const found = await stat(file);
		if (found.isFile() || found.isBlockDevice()) return { size: found.size };
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `${file} cannot be read (${reason}).`, { cause });
	}
	throw new CaissonError('file-unusable', `${file} is not a file.`);
}

function ignored(): void {}
