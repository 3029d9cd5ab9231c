// `caisson update chunk`: makes a .zck of an image, shows one, and checks one. The work is done in ../chunk.

import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { CaissonError } from '../../errors.ts';
import { type ChunkChecksumType, maximumChunkBytes, type ZchunkCompression } from '../../format/zchunk/header.ts';
import { wholeNumber, withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { fileUnusable } from '../../terminal/input-file.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { type CompressionStrategy, defaultLevel, maximumLevel } from '../chunk/codec.ts';
import { chunkImage } from '../chunk/write-chunks.ts';
import { readZchunkFile } from '../delta/zchunk-file.ts';
import { handlerFault } from '../rules/delta-artifact.ts';
import { inspectZchunk, verifyZchunk } from './chunk-inspection.ts';

export interface ChunkOptions {
	readonly output?: string;
	readonly header?: string;
	readonly dictionary?: string;
	readonly level: number;
	readonly strategy: CompressionStrategy;
	readonly compression: ZchunkCompression;
	readonly chunkChecksum: ChunkChecksumType;
	readonly plainChecksums: boolean;
	readonly jobs?: number;
	readonly info?: string;
	readonly chunks?: true;
	readonly verify?: string;
	readonly against?: string;
	readonly format: 'text' | 'json';
}

/** Each worker takes about 30 MB: with this many the whole stays below 300 MB. */
const mostJobs = 6;

export function chunkCommand(terminal: Terminal): Command {
	const command = new Command('chunk')
		.summary('make, show or check a .zck (zchunk)')
		.description(
			'Cut an image into chunks as zck does and write them as a .zck, from which SWUpdate’s delta handler fetches the chunks that a device lacks. ' +
				'The defaults are what the handler needs. With --info or --verify, look at one instead.',
		)
		.argument('[image]', 'the image: a file or a block device')
		.option('-o, --output <file>', 'the .zck to write; it appears when it is complete')
		.option('--header <file>', 'write the header alone too, detached')
		.option('--dictionary <file>', 'zstd dictionary to compress with; SWUpdate cannot use it')
		.option('--level <number>', 'zstd level', wholeNumber(1, maximumLevel), defaultLevel)
		.addOption(
			new Option(
				'--strategy <name>',
				'zstd: search as zstd does at this level; zck: as zck does, slower and a little denser',
			)
				.choices(['zstd', 'zck'])
				.default('zstd'),
		)
		.addOption(new Option('--compression <name>', 'of the chunks').choices(['zstd', 'none']).default('zstd'))
		.addOption(
			new Option('--chunk-checksum <type>', 'of each chunk; zck’s own default is sha512-128')
				.choices(['sha256', 'sha512', 'sha512-128'])
				.default('sha256'),
		)
		.option('--no-plain-checksums', 'leave out the checksums of the uncompressed chunks (zck without -u)')
		.option(
			'--jobs <count>',
			`threads that compress (default: one a processor, at most ${mostJobs})`,
			wholeNumber(1, 64),
		)
		.option('--info <file>', 'show a .zck or its header')
		.option('--chunks', 'with --info: list every chunk')
		.option('--verify <file>', 'unpack and check every chunk of a .zck')
		.option('--against <file>', 'with --info or --verify: what a device downloads that holds this one (.zck or header)')
		.action(async (image: string | undefined, options: ChunkOptions) => {
			checkUse(image, options);
			if (options.info !== undefined) return await inspectZchunk(terminal, options.info, options);
			if (options.verify !== undefined) return await verifyZchunk(terminal, options.verify, options);
			await make(terminal, image as string, options);
		});
	withFormat(command);
	withExitCodes(command, {
		0: 'done; or the .zck is right',
		1: 'the .zck is damaged, or it is none',
		2: 'trouble: a file cannot be read or written',
	});
	return withExamples(command, [
		['caisson update chunk rootfs.squashfs -o rootfs.zck --header rootfs.zckhdr', 'Make one, and its header'],
		['caisson update chunk --info rootfs.zck --against old.zck', 'What devices with the old image download'],
		['caisson update chunk --verify rootfs.zck', 'Check every chunk'],
	]);
}

function checkUse(image: string | undefined, options: ChunkOptions): void {
	const wrong = (message: string) => new CaissonError('usage-wrong', message);
	const asked = [image, options.info, options.verify].filter((each) => each !== undefined).length;
	if (asked !== 1) throw wrong('Name one thing: an image to cut, --info FILE or --verify FILE.');
	if (image !== undefined && options.output === undefined) throw wrong('Say with -o which .zck to write.');
	if (image === undefined && (options.output ?? options.header ?? options.dictionary) !== undefined) {
		throw wrong('-o, --header and --dictionary go with an image to cut.');
	}
	if (options.against !== undefined && image !== undefined) throw wrong('--against goes with --info or --verify.');
	if (options.chunks && options.info === undefined) throw wrong('--chunks goes with --info.');
	if (options.dictionary !== undefined && options.compression === 'none') {
		throw wrong('A dictionary is of no use with --compression none.');
	}
}

async function make(terminal: Terminal, image: string, options: ChunkOptions): Promise<void> {
	const output = options.output as string;
	await refuseSameFile([image, output, ...(options.header === undefined ? [] : [options.header])]);
	const dictionary = options.dictionary === undefined ? undefined : await readDictionary(options.dictionary);
	try {
		await chunkImage({
			image,
			output,
			detachedHeader: options.header,
			dictionary,
			level: options.level,
			strategy: options.strategy,
			compression: options.compression,
			chunkChecksumType: options.chunkChecksum,
			uncompressedSource: options.plainChecksums,
			jobs: options.jobs ?? Math.min(availableParallelism(), mostJobs),
			signal: terminal.interrupted,
			progress: (bytes, total) =>
				terminal.progress(`Compressing: ${bytesText(bytes)}${total === undefined ? '' : ` of ${bytesText(total)}`}`),
		});
	} finally {
		terminal.progress('');
	}
	// Read back, so that what is reported is what stands there.
	const { header, headerBytes, length } = await readZchunkFile(output);
	if (options.format === 'json') {
		terminal.json({
			output,
			size: length,
			...(options.header === undefined ? {} : { detachedHeader: options.header }),
			imageSize: header.length,
			chunks: header.chunks.length,
			headerSize: header.headerSize,
			headerSha256: createHash('sha256').update(headerBytes).digest('hex'),
			bodySize: header.bodyLength,
		});
	} else {
		const share = header.length === 0 ? '' : `, ${((100 * length) / header.length).toFixed(1)} % of the image`;
		terminal.print(`${output}: ${length} bytes${share}`);
		terminal.print(`${header.chunks.length} chunks of ${header.length} bytes, header ${header.headerSize} bytes`);
		if (options.header !== undefined) terminal.print(`${options.header}: the header alone`);
	}
	const fault = handlerFault(header);
	if (fault !== undefined) terminal.note(`Warning: ${fault}`);
	terminal.note(`What devices would download: caisson update chunk --info ${output} --against OLD.zck`);
}

/** A file is replaced only when its new content is whole, so an image that is its own output would be lost at the end. */
async function refuseSameFile(paths: readonly string[]): Promise<void> {
	const seen = new Set<string>();
	for (const path of paths) {
		const found = await stat(path).catch(() => undefined);
		const name = found === undefined ? path : `${found.dev}:${found.ino}`;
		if (seen.has(name))
			throw new CaissonError('usage-wrong', `${path} is named twice: image, output and header differ.`);
		seen.add(name);
	}
}

async function readDictionary(path: string): Promise<Uint8Array> {
	let bytes: Uint8Array;
	try {
		const { size } = await stat(path);
		if (size > maximumChunkBytes) {
			throw new CaissonError(
				'usage-wrong',
				`${path} has ${size} bytes; a dictionary has at most ${maximumChunkBytes}.`,
			);
		}
		bytes = new Uint8Array(await readFile(path));
	} catch (error) {
		throw error instanceof CaissonError ? error : fileUnusable(path, error);
	}
	if (bytes.length === 0) throw new CaissonError('usage-wrong', `${path} is empty: it is no dictionary.`);
	return bytes;
}
