// What devices download for a pair of images: what zchunk's own program says, what Caisson's planner says, what a real
// SWUpdate got from Caisson's server, and what rdiff and xdelta3 would send. It leaves out what making them costs.

import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createZstdCompress, constants as zlibConstants } from 'node:zlib';
import { planDelta } from '../../src/update/delta/planner.ts';
import { deltaSize } from '../../testing/real-device/delta-updates.ts';
import { programsMissing } from '../../testing/real-device/programs.ts';
import { whyNot } from '../../testing/real-device/root.ts';
import type { ImagePair } from './image-pair.ts';
import { measuredRuns } from './measured-run.ts';
import { type RealDownload, realDownload } from './real-download.ts';
import { tools, zckWords } from './tools.ts';

/** Bytes, except where it says otherwise; undefined where it could not be found out. */
export interface Downloads {
	readonly image: number;
	/** Of the whole .zck that Caisson made. */
	readonly zck: number;
	/** What zck_delta_size says of two files that zck made. */
	readonly said?: number;
	/** What Caisson's planner says: header and chunks, and with what HTTP adds. */
	readonly planned: { readonly payload: number; readonly traffic: number; readonly ranges: number };
	readonly real?: RealDownload;
	readonly rdiff?: number;
	readonly rdiffZstd?: number;
	readonly xdelta3?: number;
	readonly notes: readonly string[];
}

const address = `http://127.0.0.1:65535/artifacts/sha256/${'0'.repeat(64)}`;

/** @param cache a folder where zck's own files are kept from run to run */
export async function measureDownloads(
	pair: ImagePair,
	cache: string,
	note: (line: string) => void,
): Promise<Downloads> {
	const folder = await mkdtemp(join(tmpdir(), 'caisson-downloads-'));
	const notes: string[] = [];
	try {
		note('  planning');
		const scratch = join(folder, 'plan');
		await mkdir(scratch);
		const plan = await planDelta({
			...{ oldImage: pair.old, newImage: pair.new, limits: { ranges: 'yes', baseReadOnly: true }, maxRanges: 150 },
			...{ url: address, compress: false, tryUncompressed: false, scratch, signal: new AbortController().signal },
		});
		const { header, chunks, ranges, traffic } = plan.zchunk;
		const noZck = await programsMissing(['zck', 'zck_delta_size', 'time']);
		if (noZck !== undefined) notes.push(`zck_delta_size is not asked. ${noZck}`);
		const said = noZck === undefined ? await saidByZck(pair, cache, note) : undefined;
		const noDevice = await whyNot();
		if (noDevice !== undefined) notes.push(`No device downloads. ${noDevice}`);
		note('  a real device downloads');
		const real = noDevice === undefined ? await realDownload(folder, pair, plan.zchunkFile) : undefined;
		const rdiff = plan.rdiffFile === undefined ? undefined : (await stat(plan.rdiffFile)).size;
		if (plan.rdiffFile === undefined) notes.push(...plan.missing.map(({ reason }) => `No rdiff delta. ${reason}`));
		note('  compressing the rdiff delta, making an xdelta3 delta');
		const rdiffZstd = plan.rdiffFile === undefined ? undefined : await zstdSize(plan.rdiffFile);
		const xdelta3 = await xdeltaSize(pair, folder, notes);
		return {
			...{ image: (await stat(pair.new)).size, zck: plan.zchunk.length, notes },
			planned: { payload: header + chunks, traffic: header + chunks + traffic.framing + traffic.answerHeads, ranges },
			...(said !== undefined && { said }),
			...(real && { real }),
			...(rdiff !== undefined && { rdiff }),
			...(rdiffZstd !== undefined && { rdiffZstd }),
			...(xdelta3 !== undefined && { xdelta3 }),
		};
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

/**
 * Bytes of the download that zck_delta_size tells of for files that zck made, which are kept in `cache`.
 * @throws Error where one of the programs fails or is missing
 */
export async function saidByZck(pair: ImagePair, cache: string, note: (line: string) => void): Promise<number> {
	const files: string[] = [];
	for (const image of [pair.old, pair.new]) {
		const file = join(cache, `${image.slice(image.lastIndexOf('/') + 1)}.zck`);
		files.push(file);
		if (await exists(file)) continue;
		note(`  ${file} with zck`);
		await measuredRuns([zckWords(image, `${file}.making`)]);
		await rename(`${file}.making`, file);
	}
	return deltaSize(files[0] as string, files[1] as string);
}

async function xdeltaSize(pair: ImagePair, folder: string, notes: string[]): Promise<number | undefined> {
	const tool = tools.find(({ name }) => name === 'xdelta3');
	const missing = await programsMissing(['xdelta3', 'time']);
	if (tool === undefined || missing !== undefined) {
		notes.push(`No xdelta3 delta. ${missing}`);
		return undefined;
	}
	await measuredRuns(tool.steps(pair, folder));
	return (await stat(tool.result(folder))).size;
}

/** As `update pack` compresses a member. */
async function zstdSize(file: string): Promise<number> {
	const compress = createZstdCompress({ params: { [zlibConstants.ZSTD_c_compressionLevel]: 19 } });
	let size = 0;
	for await (const part of createReadStream(file).pipe(compress)) size += (part as Buffer).length;
	return size;
}

async function exists(file: string): Promise<boolean> {
	return stat(file).then(
		() => true,
		() => false,
	);
}
