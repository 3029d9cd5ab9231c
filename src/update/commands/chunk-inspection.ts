// `caisson update chunk --info` and `--verify`: what is in a .zck or a detached header, whether it is right, and what a
// device that holds another image would download of it.

import { CaissonError } from '../../errors.ts';
import type { ZchunkChunk, ZchunkHeader } from '../../format/zchunk/header.ts';
import { type DownloadPlan, downloadPlan } from '../../format/zchunk/plan.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { verifyBody } from '../chunk/verify-file.ts';
import { readZchunkFile } from '../delta/zchunk-file.ts';
import { namingFile } from '../naming-file.ts';
import { handlerFault } from '../rules/delta-artifact.ts';

interface Options {
	readonly chunks?: true;
	readonly against?: string;
	readonly format: 'text' | 'json';
}

export async function inspectZchunk(terminal: Terminal, file: string, options: Options): Promise<void> {
	const { header, whole } = await namingFile(file, () => readZchunkFile(file));
	const plan = await planAgainst(options.against, header);
	const fault = handlerFault(header);
	if (options.format === 'json') {
		terminal.json({
			file,
			...headerFacts(header, whole),
			...(fault === undefined ? { deltaHandler: true } : { deltaHandler: false, reason: fault }),
			...(plan === undefined ? {} : { download: planFacts(plan) }),
			...(options.chunks ? { chunks: [...header.chunks].map(chunkFacts) } : {}),
		});
		return;
	}
	const line = (name: string, value: string) => terminal.print(`${`${name}:`.padEnd(20)} ${value}`);
	line('Content', contentText(header, whole));
	line('Image', `${header.length} bytes in ${counted(header.chunks.length, 'chunk')}`);
	line('Header', `${header.headerSize} bytes, ${header.checksumType} ${hex(header.headerDigest)}`);
	line('Body', `${header.bodyLength} bytes, compression ${header.compression}`);
	line('Chunk checksums', checksumText(header));
	line('Dictionary', header.dictionary === undefined ? 'none' : `${header.dictionary.length} bytes`);
	line('SWUpdate delta', fault === undefined ? 'can use it' : `cannot use it: ${fault}`);
	if (plan !== undefined) showPlan(terminal, plan);
	if (options.chunks) {
		terminal.print('');
		showChunks(terminal, header);
	}
}

/** Exit code 1 where the body is wrong; a header that is none is an error as everywhere. */
export async function verifyZchunk(terminal: Terminal, file: string, options: Options): Promise<void> {
	const { header, whole } = await namingFile(file, () => readZchunkFile(file));
	if (!whole) {
		throw new CaissonError('zchunk-malformed', `${file} is a header without its body: there are no chunks to verify.`);
	}
	const plan = await planAgainst(options.against, header);
	const outcome = await verdict(terminal, file, header);
	if (!outcome.ok) terminal.exit(1);
	if (options.format === 'json') {
		terminal.json({ file, ...outcome, ...(plan === undefined ? {} : { download: planFacts(plan) }) });
		return;
	}
	if (outcome.ok) {
		terminal.print(`${terminal.style('good', 'Good')}  ${outcome.chunks} chunks have their checksums and lengths`);
		terminal.print(
			`${terminal.style('good', 'Good')}  they make ${outcome.imageSize} bytes, SHA-256 ${outcome.imageSha256}`,
		);
		if (!outcome.bodyChecksum)
			terminal.note('The header has no checksum of the body as a whole: zck -u leaves it out.');
	} else {
		terminal.print(`${terminal.style('bad', 'Wrong')}  ${outcome.finding}`);
		terminal.print(`${file} must not be published.`);
	}
	if (plan !== undefined) showPlan(terminal, plan);
}

async function verdict(terminal: Terminal, file: string, header: ZchunkHeader) {
	try {
		const verified = await verifyBody(file, header, {
			signal: terminal.interrupted,
			progress: (bytes, total) => terminal.progress(`Verifying: ${bytesText(bytes)} of ${bytesText(total)}`),
		});
		return { ok: true as const, chunks: header.chunks.length, ...verified };
	} catch (error) {
		if (!(error instanceof CaissonError) || error.code !== 'zchunk-malformed') throw error;
		return { ok: false as const, finding: error.message };
	} finally {
		terminal.progress('');
	}
}

async function planAgainst(old: string | undefined, header: ZchunkHeader): Promise<DownloadPlan | undefined> {
	return old === undefined
		? undefined
		: downloadPlan((await namingFile(old, () => readZchunkFile(old))).header, header);
}

function contentText(header: ZchunkHeader, whole: boolean): string {
	if (header.detached) return whole ? 'detached header with a body' : 'detached header';
	return whole ? 'header and body' : 'header without its body';
}

function checksumText({ chunkChecksumType, flags }: ZchunkHeader): string {
	return `${chunkChecksumType}${flags.uncompressedSource ? ', of the plain bytes too' : ' of the stored bytes'}`;
}

function showPlan(terminal: Terminal, plan: DownloadPlan): void {
	const all = plan.chunksFound + plan.chunksMissing;
	terminal.print('');
	terminal.print(`${'Download:'.padEnd(20)} ${plan.totalBytes} bytes (${bytesText(plan.totalBytes)})`);
	terminal.print(
		`${''.padEnd(20)} header ${plan.headerBytes}, missing chunks ${plan.chunkBytes} in ${counted(plan.ranges.length, 'range')}`,
	);
	terminal.print(`${''.padEnd(20)} ${plan.chunksFound} of ${all} chunks are there already`);
	if (plan.compared === 'compressed') {
		terminal.note(
			'Compared by compressed bytes, because one of the two has no checksums of the plain bytes. SWUpdate would find none.',
		);
	}
}

function counted(count: number, word: string): string {
	return `${count} ${word}${count === 1 ? '' : 's'}`;
}

function showChunks(terminal: Terminal, header: ZchunkHeader): void {
	const numbered = [...header.chunks].map((chunk, number) => ({ chunk, number }));
	const { uncompressedSource } = header.flags;
	terminal.table(numbered, [
		{ title: 'Chunk', value: ({ number }) => String(number), align: 'right' },
		{ title: 'Bytes', value: ({ chunk }) => String(chunk.length), align: 'right' },
		{ title: 'Stored', value: ({ chunk }) => String(chunk.compressedLength), align: 'right' },
		{ title: 'At', value: ({ chunk }) => String(header.headerSize + chunk.offset), align: 'right' },
		{
			title: uncompressedSource ? 'Checksum of the plain bytes' : 'Checksum of the stored bytes',
			value: ({ chunk }) => hex(chunk.uncompressedDigest ?? chunk.digest),
		},
	]);
}

function headerFacts(header: ZchunkHeader, whole: boolean) {
	return {
		whole,
		detached: header.detached,
		imageSize: header.length,
		chunkCount: header.chunks.length,
		headerSize: header.headerSize,
		checksumType: header.checksumType,
		headerDigest: hex(header.headerDigest),
		bodySize: header.bodyLength,
		compression: header.compression,
		chunkChecksumType: header.chunkChecksumType,
		plainChecksums: header.flags.uncompressedSource,
		...(header.dictionary === undefined ? {} : { dictionarySize: header.dictionary.length }),
	};
}

function planFacts(plan: DownloadPlan) {
	const { totalBytes, headerBytes, chunkBytes, ranges, chunksFound, chunksMissing, compared } = plan;
	return { totalBytes, headerBytes, chunkBytes, ranges: ranges.length, chunksFound, chunksMissing, compared };
}

function chunkFacts(chunk: ZchunkChunk) {
	return {
		length: chunk.length,
		storedLength: chunk.compressedLength,
		offset: chunk.offset,
		digest: hex(chunk.digest),
		...(chunk.uncompressedDigest === undefined ? {} : { plainDigest: hex(chunk.uncompressedDigest) }),
	};
}

function hex(bytes: Uint8Array): string {
	return Buffer.from(bytes).toString('hex');
}
