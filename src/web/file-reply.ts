// Sends the bytes of one thing: whole, one range, or several as multipart/byteranges (RFC 9110, section 14), with the
// conditional headers. Several ranges matter because SWUpdate's delta handler asks for them and reads the answer
// naively: an unquoted lower-case boundary and one part a range, in the order asked. It leaves out what a path means
// and where the bytes are: a file, a blob on disk or in S3.

import type { FileHandle } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { send } from './api.ts';
import { textReply } from './problem.ts';
import type { Flow } from './rate-shaping.ts';
import { type Piece, readPieces, transmit } from './transmission.ts';

/** What is sent. `etag`, `mtime` or both say which version it is. */
export interface SentSource {
	readonly size: number;
	readonly contentType: string;
	/** A strong validator with its quotes. */
	readonly etag?: string;
	/** Milliseconds since the epoch. */
	readonly mtime?: number;
	/** Further headers, sent with 200, 206 and 304 alike. */
	readonly headers?: Readonly<Record<string, string>>;
	/** One of the two is there. The bytes from `start` to `end`, both included; called for ranges inside the size only, one after the other. */
	readRange?(start: number, end: number): AsyncIterable<Uint8Array>;
	/**
	 * Fills a buffer from a position on, or a part of it, and tells how many bytes came; where it is there it is used
	 * instead of readRange.
	 */
	readAt?(into: Uint8Array, position: number): Promise<number>;
	/** As readAt, without waiting; 0 where that is not possible. It is asked first. */
	readNow?(into: Uint8Array, position: number): number;
	/** Called once, also where nothing was read or the client went away. */
	close(): Promise<void>;
	/** The turns in which the bytes go; absent: as fast as the client takes them. */
	readonly flow?: Flow;
	/** Told once of content that went out: bytes that the system took, framing included, and of how many ranges. */
	sent?(bytes: number, ranges: number): void;
	/** Told where the bytes could not be read after the head was out: the connection is cut. */
	failed?(error: unknown): void;
}

interface ByteRange {
	readonly start: number;
	/** Inclusive. */
	readonly end: number;
}

/** No honest client asks for more; overlapping ones are refused by size (see `parseRanges`). */
const maxRanges = 1_024;

const boundary = 'caisson-part-of-a-file';

export interface SentFile {
	readonly handle: FileHandle;
	readonly size: number;
	/** Milliseconds since the epoch. */
	readonly mtime: number;
	readonly contentType: string;
}

/** Answers GET or HEAD with the file and closes its handle. */
export function sendFile(request: FastifyRequest, reply: FastifyReply, file: SentFile): Promise<FastifyReply> {
	const { handle, ...facts } = file;
	const readAt = async (into: Uint8Array, position: number) =>
		(await handle.read(into, 0, into.length, position)).bytesRead;
	return sendSource(request, reply, { ...facts, readAt, close: () => handle.close() });
}

/** Answers GET or HEAD with the source and closes it. */
export async function sendSource(
	request: FastifyRequest,
	reply: FastifyReply,
	source: SentSource,
): Promise<FastifyReply> {
	// HTTP dates have whole seconds.
	const modified = source.mtime === undefined ? undefined : Math.floor(source.mtime / 1000) * 1000;
	if (modified !== undefined) reply.header('Last-Modified', new Date(modified).toUTCString());
	if (source.etag !== undefined) reply.header('ETag', source.etag);
	for (const [name, value] of Object.entries(source.headers ?? {})) reply.header(name, value);
	const refused = preconditionStatus(request.headers, source.etag, modified);
	if (refused !== undefined) return finish(reply, source, refused);
	const applies = rangesApply(request.headers['if-range'], source.etag, modified);
	const wanted = applies ? parseRanges(request.headers.range, source.size) : undefined;
	if (wanted === 'invalid' || wanted === 'unsatisfiable') return refuseRange(reply, source, wanted);
	reply.header('Accept-Ranges', 'bytes');
	const parts = wanted ?? [{ start: 0, end: source.size - 1 }];
	const several = parts.length > 1;
	const heads = several ? parts.map((range, index) => partHead(source, range, index === 0)) : [''];
	const tail = several ? `\r\n--${boundary}--\r\n` : '';
	const length = parts.reduce((sum, { start, end }) => sum + end - start + 1, 0) + heads.join('').length + tail.length;
	reply.code(wanted ? 206 : 200);
	reply.header('Content-Type', several ? `multipart/byteranges; boundary=${boundary}` : source.contentType);
	reply.header('Content-Length', String(length));
	const only = parts[0];
	if (wanted && !several && only) reply.header('Content-Range', `bytes ${only.start}-${only.end}/${source.size}`);
	if (request.method === 'HEAD') return finish(reply, source, wanted ? 206 : 200);
	if (length > atOnce) return sendAsItGoes(reply, source, bytesOf(source, parts, heads, tail), parts.length);
	const ready = several || only === undefined ? undefined : readReady(source, only.start, length);
	return sendAtOnce(reply, source, ready ?? bytesOf(source, parts, heads, tail), length, parts.length);
}

/** An answer of few bytes is read first, so that one that cannot be read is still an error with a status. */
const atOnce = 256 * 1024;

async function sendAtOnce(
	reply: FastifyReply,
	source: SentSource,
	content: Buffer | AsyncIterable<Piece>,
	length: number,
	ranges: number,
): Promise<FastifyReply> {
	let bytes: Buffer;
	try {
		bytes = Buffer.isBuffer(content) ? content : await collect(content, length);
	} catch (error) {
		for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name);
		throw error;
	} finally {
		await source.close();
	}
	const { flow } = source;
	if (flow !== undefined) {
		reply.raw.once('close', () => flow.end());
		for (let left = bytes.length; left > 0 && !reply.raw.destroyed; left -= flow.most()) {
			await flow.turn(Math.min(left, flow.most()));
		}
	}
	if (source.sent !== undefined && bytes.length > 0)
		reply.raw.once('finish', () => source.sent?.(bytes.length, ranges));
	return reply.send(bytes);
}

/** Past Fastify, which would put two streams between the file and the socket. */
async function sendAsItGoes(
	reply: FastifyReply,
	source: SentSource,
	content: AsyncIterable<Piece>,
	ranges: number,
): Promise<FastifyReply> {
	reply.hijack();
	const { raw } = reply;
	let bytes = 0;
	try {
		raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders);
		await transmit(raw, content, source.flow, (more) => {
			bytes += more;
		});
	} catch (error) {
		source.failed?.(error);
	} finally {
		if (bytes > 0) source.sent?.(bytes, ranges);
		await source.close().catch(() => undefined);
	}
	return reply;
}

async function finish(reply: FastifyReply, source: SentSource, status: number): Promise<FastifyReply> {
	await source.close();
	return reply.code(status).send();
}

async function* bytesOf(
	source: SentSource,
	parts: readonly ByteRange[],
	heads: readonly string[],
	tail: string,
): AsyncGenerator<Piece> {
	for (const [index, { start, end }] of parts.entries()) {
		if (heads[index]) yield { bytes: Buffer.from(heads[index]) };
		if (end < start) continue;
		const { readAt, readRange } = source;
		if (readAt !== undefined) {
			const read = (into: Uint8Array, at: number) => source.readNow?.(into, at) || readAt(into, at);
			yield* readPieces(read, start, end);
		} else for await (const bytes of readRange?.(start, end) ?? []) yield { bytes };
	}
	if (tail) yield { bytes: Buffer.from(tail) };
}

/** The bytes where they can be had without waiting. */
function readReady(source: SentSource, start: number, length: number): Buffer | undefined {
	if (source.readNow === undefined || length === 0) return undefined;
	const bytes = shortBuffer(length);
	return source.readNow(bytes, start) === length ? bytes : undefined;
}

/** Node gives each buffer of 4 KiB memory of its own; here the short ones share some, which lives as long as one of them. */
const sharedSize = 64 * 1024;
let shared = Buffer.alloc(0);

function shortBuffer(length: number): Buffer {
	if (length > sharedSize / 8) return Buffer.allocUnsafe(length);
	if (shared.length < length) shared = Buffer.allocUnsafeSlow(sharedSize);
	const bytes = shared.subarray(0, length);
	shared = shared.subarray(length);
	return bytes;
}

/** All of it in one buffer. */
async function collect(content: AsyncIterable<Piece>, length: number): Promise<Buffer> {
	const all = Buffer.allocUnsafe(length);
	let at = 0;
	for await (const { bytes, release } of content) {
		all.set(bytes, at);
		at += bytes.length;
		release?.();
	}
	return all;
}

/** Begins as Go's parts begin: no line end before the first. */
function partHead(source: SentSource, { start, end }: ByteRange, first: boolean): string {
	const range = `Content-Range: bytes ${start}-${end}/${source.size}`;
	return `${first ? '' : '\r\n'}--${boundary}\r\n${range}\r\nContent-Type: ${source.contentType}\r\n\r\n`;
}

/**
 * In the words of Go's file server, without its Content-Range: RFC 9110, section 15.5.17, recommends one for the clients it
 * serves, and SWUpdate 2024.12 ends in a segmentation fault when its delta handler reads one that names no range.
 */
async function refuseRange(
	reply: FastifyReply,
	source: SentSource,
	why: 'invalid' | 'unsatisfiable',
): Promise<FastifyReply> {
	await source.close();
	for (const name of ['Last-Modified', 'ETag', ...Object.keys(source.headers ?? {})]) reply.removeHeader(name);
	return send(reply, textReply(416, why === 'invalid' ? 'invalid range' : 'invalid range: failed to overlap'));
}

type Headers = FastifyRequest['headers'];

/**
 * The conditions in the order of RFC 9110, section 13.2.2.
 * @returns 412 or 304 where one says so; undefined where the bytes are to be sent
 */
export function preconditionStatus(
	headers: Headers,
	etag: string | undefined,
	modified: number | undefined,
): 304 | 412 | undefined {
	const match = headers['if-match'];
	if (match !== undefined) {
		if (!entityTags(match).some((tag) => tag === '*' || tag === etag)) return 412;
	} else if (modified !== undefined && Date.parse(headers['if-unmodified-since'] ?? '') < modified) return 412;
	const noneMatch = headers['if-none-match'];
	if (noneMatch !== undefined) {
		// Weak comparison (section 13.1.2): the W/ does not matter here.
		const same = entityTags(noneMatch).some((tag) => tag === '*' || tag.replace(/^W\//, '') === etag);
		return same ? 304 : undefined;
	}
	if (modified !== undefined && Date.parse(headers['if-modified-since'] ?? '') >= modified) return 304;
	return undefined;
}

/** The list of an If-Match or If-None-Match header; what is no entity tag matches nothing. */
function entityTags(header: string): string[] {
	return header.trim() === '*' ? ['*'] : (header.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g) ?? []);
}

/** If-Range (RFC 9110, section 13.1.5): a date or a tag that no longer fits makes the range void. Weak tags never fit. */
function rangesApply(
	header: string | string[] | undefined,
	etag: string | undefined,
	modified: number | undefined,
): boolean {
	if (header === undefined) return true;
	const text = String(header).trim();
	if (text.includes('"')) return text === etag;
	return modified !== undefined && Date.parse(text) === modified;
}

/**
 * The satisfiable ranges in the order asked, read as strictly as Go's file server reads them: a header that is not
 * understood is refused, not ignored (RFC 9110, section 14.2, allows both).
 * @returns undefined where the whole is to be sent: the header is absent or names no range, asks for more bytes than
 * the source has or for more ranges than anybody needs, or the source is empty
 */
export function parseRanges(
	header: string | undefined,
	size: number,
): ByteRange[] | 'invalid' | 'unsatisfiable' | undefined {
	if (header === undefined || header === '') return undefined;
	if (!header.startsWith('bytes=')) return 'invalid';
	const items = header
		.slice('bytes='.length)
		.split(',')
		.map((item) => item.trim())
		.filter((item) => item !== '');
	if (items.length > maxRanges) return undefined;
	const ranges = items.map((item) => parseRange(item, size));
	if (ranges.includes('invalid')) return 'invalid';
	const found = ranges.filter((range) => typeof range === 'object');
	if (found.length === 0) return ranges.length === 0 || size === 0 ? undefined : 'unsatisfiable';
	const asked = found.reduce((sum, { start, end }) => sum + end - start + 1, 0);
	return asked > size ? undefined : found;
}

/** 'outside': begins after the end. */
function parseRange(item: string, size: number): ByteRange | 'invalid' | 'outside' {
	const match = /^(\d{0,15})\s*-\s*(\d{0,15})$/.exec(item);
	if (match === null) return 'invalid';
	const [first = '', last = ''] = match.slice(1);
	if (first === '' && last === '') return 'invalid';
	const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
	if (start >= size) return 'outside';
	if (first === '' || last === '') return { start, end: size - 1 };
	return Number(last) < start ? 'invalid' : { start, end: Math.min(Number(last), size - 1) };
}
