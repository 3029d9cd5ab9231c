// The delta updates that the device tests install: an image as a zchunk file on the server and its header in a .swu, or
// an rdiff delta in a .swu. It decides how they are described and what zchunk's own programs say of them; it leaves out
// serving and installing them.

import { createHash } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import type { DescribedArtifact } from '../../src/format/sw-description/description.ts';
import { runProgram } from '../../src/outside/processes.ts';
import { defaultLevel } from '../../src/update/chunk/codec.ts';
import { chunkImage } from '../../src/update/chunk/write-chunks.ts';
import { makeDelta } from '../../src/update/delta/rdiff.ts';

/** Where a test's device holds its images. `raw` onto a plain file wants the file to exist. */
export const slots = { a: '/var/lib/image-a', b: '/var/lib/image-b' };

/** What SWUpdate's delta handler must be told, besides the member. */
export interface DeltaPlace {
	/** Where the device fetches ranges of the zchunk file. */
	readonly url: string;
	/** Where the device has the old image, and where the new one goes; by default the slots. */
	readonly from?: string;
	readonly to?: string;
	readonly maxRanges?: number;
}

/** An image of type delta, as a description has it. */
export function deltaImage({ url, from = slots.a, to = slots.b, maxRanges }: DeltaPlace) {
	const ranges = maxRanges === undefined ? {} : { 'max-ranges': String(maxRanges) };
	const properties = { url, source: from, chain: 'raw', ...ranges, zckloglevel: 'error' };
	return { attributes: { type: 'delta', device: to }, properties };
}

/** An image of type rdiff_image, as a description has it. */
export function rdiffImage() {
	return { attributes: { type: 'rdiff_image', device: slots.b }, properties: { rdiffbase: [slots.a] } };
}

/** The script that has SWUpdate check what an installation has written. Caisson's packing adds the same. */
export function readback(image: Uint8Array): DescribedArtifact {
	const properties = { sha256: sha256(image), size: String(image.length), offset: '0' };
	return { attributes: { type: 'readback', device: slots.b }, properties };
}

export function sha256(bytes: Uint8Array): string {
	return createHash('sha256').update(bytes).digest('hex');
}

export interface Chunked {
	readonly file: string;
	/** Bytes of the file. */
	readonly size: number;
	/** Bytes of the header. */
	readonly header: number;
}

/** Writes a zchunk file with Caisson's own writer, as `caisson update delta` does. */
export async function chunkWithCaisson(image: string, file = `${image}.caisson.zck`): Promise<Chunked> {
	const { headerSize, bodySize } = await chunkImage({
		...{ image, output: file, compression: 'zstd', level: defaultLevel, strategy: 'zstd' },
		...{ chunkChecksumType: 'sha256', uncompressedSource: true, jobs: 2, signal: new AbortController().signal },
	});
	return { file, size: headerSize + bodySize, header: headerSize };
}

/** Writes IMAGE.zck with zchunk's own program. */
export async function chunkWithZck(image: string): Promise<Chunked> {
	const file = `${image}.zck`;
	await must('zck', ['-u', '--chunk-hash-type', 'sha256', '-o', file, image]);
	const said = await must('zck_read_header', [file]);
	const [, size] = /^Header size: (\d+)$/m.exec(said) ?? [];
	if (size === undefined) throw new Error(`zck_read_header says something else: ${said}`);
	return { file, size: (await stat(file)).size, header: Number(size) };
}

/** What zchunk's own program says that a device downloads, the header included. */
export async function deltaSize(oldZck: string, newZck: string): Promise<number> {
	const said = await must('zck_delta_size', [oldZck, newZck]);
	const [, size] = /^Would download (\d+) of \d+ bytes$/m.exec(said) ?? [];
	if (size === undefined) throw new Error(`zck_delta_size says something else: ${said}`);
	return Number(size);
}

/** Writes the rdiff delta from one file to another. */
export async function rdiffDelta(base: string, target: string, delta: string): Promise<Uint8Array> {
	const parts: Uint8Array[] = [];
	await makeDelta(base, target, (bytes) => void parts.push(Buffer.from(bytes)));
	await writeFile(delta, Buffer.concat(parts));
	return Buffer.concat(parts);
}

async function must(program: string, words: readonly string[]): Promise<string> {
	const { code, missing, output } = await runProgram(program, words);
	if (missing) throw new Error(`${program} is not on this machine`);
	if (code !== 0) throw new Error(`${program} ${words.join(' ')} ended with ${code}: ${output}`);
	return output;
}
