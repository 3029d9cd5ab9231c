// Sends one file: whole, one range, or several as multipart/byteranges (RFC 9110, section 14), with the conditional
// headers. Several ranges matter because SWUpdate's delta handler asks for them and reads the answer naively: an
// unquoted lower-case boundary and one part a range, in the order asked. It leaves out which file a path means.

import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface SentFile {
	readonly handle: FileHandle;
	readonly size: number;
	/** Milliseconds since the epoch. */
	readonly mtime: number;
	readonly contentType: string;
}

interface ByteRange {
	readonly start: number;
	/** Inclusive. */
	readonly end: number;
}

/** No honest client asks for more; overlapping ones are refused by size (see `ranges`). */
const maxRanges = 1_024;

/** Answers GET or HEAD with the file and closes its handle. */
export async function sendFile(request: FastifyRequest, reply: FastifyReply, file: SentFile): Promise<FastifyReply> {
	const modified = new Date(Math.floor(file.mtime / 1000) * 1000);
	reply.header('Accept-Ranges', 'bytes');
	reply.header('Last-Modified', modified.toUTCString());
	const since = Date.parse(request.headers['if-modified-since'] ?? '');
	if (since >= modified.getTime()) return finish(reply, file, 304);
	const wanted = rangesApply(request, modified) ? parseRanges(request.headers.range, file.size) : undefined;
	if (wanted === 'unsatisfiable') {
		reply.header('Content-Range', `bytes */${file.size}`);
		return finish(reply, file, 416);
	}
	const boundary = 'caisson-part-of-a-file';
	const parts = wanted ?? [{ start: 0, end: file.size - 1 }];
	const several = parts.length > 1;
	const heads = several ? parts.map((range) => partHead(boundary, file, range)) : [''];
	const tail = several ? `\r\n--${boundary}--\r\n` : '';
	const length = parts.reduce((sum, { start, end }) => sum + end - start + 1, 0) + heads.join('').length + tail.length;
	reply.code(wanted ? 206 : 200);
	reply.header('Content-Type', several ? `multipart/byteranges; boundary=${boundary}` : file.contentType);
	reply.header('Content-Length', String(length));
	const only = parts[0];
	if (wanted && !several && only) reply.header('Content-Range', `bytes ${only.start}-${only.end}/${file.size}`);
	if (request.method === 'HEAD') return finish(reply, file, wanted ? 206 : 200);
	return reply.send(Readable.from(bytesOf(file, parts, heads, tail), { objectMode: false }));
}

async function finish(reply: FastifyReply, file: SentFile, status: number): Promise<FastifyReply> {
	await file.handle.close();
	return reply.code(status).send();
}

async function* bytesOf(
	file: SentFile,
	parts: readonly ByteRange[],
	heads: readonly string[],
	tail: string,
): AsyncGenerator<Buffer> {
	try {
		for (const [index, { start, end }] of parts.entries()) {
			if (heads[index]) yield Buffer.from(heads[index]);
			if (end < start) continue;
			const fd = file.handle;
			for await (const chunk of createReadStream('', { fd, start, end, autoClose: false, highWaterMark: 256 * 1024 })) {
				yield chunk as Buffer;
			}
		}
		if (tail) yield Buffer.from(tail);
	} finally {
		await file.handle.close();
	}
}

function partHead(boundary: string, file: SentFile, { start, end }: ByteRange): string {
	const range = `Content-Range: bytes ${start}-${end}/${file.size}`;
	return `\r\n--${boundary}\r\nContent-Type: ${file.contentType}\r\n${range}\r\n\r\n`;
}

/** If-Range (RFC 9110, section 13.1.5): a date that no longer fits makes the range void. */
function rangesApply(request: FastifyRequest, modified: Date): boolean {
	const ifRange = request.headers['if-range'];
	return ifRange === undefined || Date.parse(String(ifRange)) === modified.getTime();
}

/**
 * The satisfiable ranges in the order asked.
 * @returns undefined where the header is absent, not understood, or asks for more bytes than the file has: then the
 * whole file is sent
 */
export function parseRanges(header: string | undefined, size: number): ByteRange[] | 'unsatisfiable' | undefined {
	const list = /^bytes=(.+)$/.exec(header ?? '')?.[1]?.split(',');
	if (list === undefined || list.length > maxRanges) return undefined;
	const found: ByteRange[] = [];
	for (const item of list) {
		const match = /^\s*(\d{0,15})-(\d{0,15})\s*$/.exec(item);
		if (match === null || (match[1] === '' && match[2] === '')) return undefined;
		const [first, last] = [match[1] ?? '', match[2] ?? ''];
		const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
		const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
		if (first !== '' && last !== '' && Number(last) < start) return undefined;
		if (start < size && start <= end) found.push({ start, end });
	}
	if (found.length === 0) return 'unsatisfiable';
	const asked = found.reduce((sum, { start, end }) => sum + end - start + 1, 0);
	return asked > size ? undefined : found;
}
