// What librsync makes of a delta, without running it: whether the delta is well formed, whether it ends early (which
// SWUpdate calls a success, handlers/rdiff_handler.c), how much of its base it needs, and, where the base is at hand, what
// is written. The format is librsync's prototab.h. Nothing is kept: the result is hashed as it comes.

import { type FileHandle, open } from 'node:fs/promises';
import type { OutputFacts } from '../rules/preflight-facts.ts';
import type { PayloadBytes } from './expand.ts';
import { HashingOutput } from './hashing-output.ts';

const magic = 0x72730236;
const endsEarly = 'the delta ends early; SWUpdate writes what there is and goes on';
const partLength = 1 << 20;
/** A delta of a few bytes can name its base any number of times: more than this is not computed. */
const maximumResult = 64 * 2 ** 30;

/**
 * @param base a file with what the base holds; undefined: not at hand, then only sizes are known
 * @param baseSize bytes of the base where they are known
 */
export async function rdiffOutput(
	delta: PayloadBytes,
	base: string | undefined,
	baseSize: number | undefined,
	lengths: readonly number[],
): Promise<OutputFacts> {
	if (base === undefined) return apply(delta, undefined, baseSize, lengths);
	await using handle = await open(base, 'r');
	return await apply(delta, handle, baseSize ?? (await handle.stat()).size, lengths);
}

async function apply(
	delta: PayloadBytes,
	base: FileHandle | undefined,
	baseSize: number | undefined,
	lengths: readonly number[],
): Promise<OutputFacts> {
	const output = new HashingOutput(lengths);
	let size = 0;
	const result = (): OutputFacts =>
		base === undefined ? { size, unknown: 'whether its base is the right one' } : { size, sha256: output.sha256() };
	const start = await delta.read(0, 4);
	if (start.length < 4) return { ...result(), falseSuccess: endsEarly };
	if (new DataView(start.buffer, start.byteOffset).getUint32(0) !== magic) {
		return { fault: 'Error processing rdiff chunk: bad magic number at start of stream' };
	}
	for (let at = 4; ; ) {
		const command = commandOf(await delta.read(at, 17));
		if (command === 'early') return { ...result(), falseSuccess: endsEarly };
		if (command === 'end') return result();
		if (command === 'unknown') return { fault: 'Error processing rdiff chunk: command not understood' };
		at += command.length;
		if (command.copyFrom === undefined) {
			if (at + command.bytes > delta.size) return { ...result(), falseSuccess: endsEarly };
			for (let done = 0; done < command.bytes; ) {
				const part = await delta.read(at + done, Math.min(partLength, command.bytes - done));
				if (base !== undefined) output.write(part);
				done += part.length;
			}
			at += command.bytes;
		} else {
			if (baseSize !== undefined && command.copyFrom + command.bytes > baseSize)
				return { fault: 'Unexpected EOF on rdiff base file.' };
			if (base !== undefined) await copy(base, command.copyFrom, command.bytes, output);
		}
		size += command.bytes;
		if (size > maximumResult) return { fault: `the delta gives more than ${maximumResult} bytes` };
	}
}

/** Bytes beyond the content file are the zeros at the end of the device. */
async function copy(base: FileHandle, from: number, bytes: number, output: HashingOutput): Promise<void> {
	for (let done = 0; done < bytes; ) {
		const part = new Uint8Array(Math.min(partLength, bytes - done));
		await base.read(part, 0, part.length, from + done);
		output.write(part);
		done += part.length;
	}
}

interface Command {
	/** Bytes of the command itself. */
	readonly length: number;
	/** Where the base is read; undefined for literal bytes. */
	readonly copyFrom: number | undefined;
	readonly bytes: number;
}

/** prototab.h: 0 ends, 1 to 64 are short literals, 65 to 68 literals with a length, 69 to 84 copies with place and length. */
function commandOf(bytes: Uint8Array): Command | 'end' | 'early' | 'unknown' {
	const [operation] = bytes;
	if (operation === undefined) return 'early';
	if (operation === 0) return 'end';
	if (operation <= 0x40) return { length: 1, copyFrom: undefined, bytes: operation };
	if (operation <= 0x44) {
		const width = 2 ** (operation - 0x41);
		if (bytes.length < 1 + width) return 'early';
		return { length: 1 + width, copyFrom: undefined, bytes: numberAt(bytes, 1, width) };
	}
	if (operation > 0x54) return 'unknown';
	const index = operation - 0x45;
	const [place, length] = [2 ** (index >> 2), 2 ** (index & 3)];
	if (bytes.length < 1 + place + length) return 'early';
	return { length: 1 + place + length, copyFrom: numberAt(bytes, 1, place), bytes: numberAt(bytes, 1 + place, length) };
}

function numberAt(bytes: Uint8Array, at: number, width: number): number {
	let value = 0;
	for (let index = at; index < at + width; index++) value = value * 256 + (bytes[index] as number);
	return value;
}
