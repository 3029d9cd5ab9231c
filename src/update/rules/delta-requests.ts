// The HTTP requests in which SWUpdate's delta handler fetches chunks, and how many bytes they take on the wire beside the
// chunks: heads both ways, and the framing of multipart answers as Caisson's server sends them (src/web/file-reply.ts).
// It leaves out TCP, IP and TLS, and which chunks are missing (format/zchunk/plan.ts).

import type { ByteRange } from '../../format/zchunk/plan.ts';

export interface HttpTraffic {
	/** Bytes of the bodies that are not chunks: boundaries and heads of parts. */
	readonly framing: number;
	/** Bytes of the answers' heads. */
	readonly answerHeads: number;
	/** Bytes of the requests. */
	readonly requests: number;
	readonly count: number;
}

/**
 * The ranges of each request. The handler walks through the missing chunks and stops as soon as it has `maxRanges`
 * ranges, so that the last range of a request holds one chunk only, though the next may touch it (zchunk_range.c).
 * @param ranges merged, ascending, as of a plan
 * @param chunkEnds where each stored chunk ends in the file, ascending; every range ends where a chunk does
 */
export function rangeRequests(
	ranges: readonly ByteRange[],
	chunkEnds: Iterable<number>,
	maxRanges: number,
): ByteRange[][] {
	const requests: ByteRange[][] = [];
	let current: { start: number; end: number }[] = [];
	const ends = chunkEnds[Symbol.iterator]();
	for (const range of ranges) {
		let start = range.start;
		while (start < range.end) {
			let end = nextEnd(ends);
			while (end <= start) end = nextEnd(ends);
			const last = current.at(-1);
			if (last?.end === start) last.end = end;
			else current.push({ start, end });
			if (current.length >= maxRanges) {
				requests.push(current);
				current = [];
			}
			start = end;
		}
	}
	if (current.length > 0) requests.push(current);
	return requests;
}

function nextEnd(ends: Iterator<number>): number {
	const { value, done } = ends.next();
	if (done) throw new RangeError('a range ends where no chunk does');
	return value;
}

const boundary = 'caisson-part-of-a-file';
const contentType = 'application/octet-stream';

/** Bytes of the head of Caisson's answer to a request for ranges of an artifact; 'public' where devices are not told apart. */
function answerHead(ranges: readonly ByteRange[], length: number, fileLength: number): number {
	const [only] = ranges;
	const single = ranges.length === 1 && only !== undefined;
	return textLength([
		'HTTP/1.1 206 Partial Content',
		`etag: "${'0'.repeat(64)}"`,
		'cache-control: public, max-age=31536000, immutable',
		`repr-digest: sha-256=:${'0'.repeat(44)}:`,
		'x-content-type-options: nosniff',
		'accept-ranges: bytes',
		`content-type: ${single ? contentType : `multipart/byteranges; boundary=${boundary}`}`,
		`content-length: ${length}`,
		...(single ? [`content-range: bytes ${only.start}-${only.end - 1}/${fileLength}`] : []),
		'Date: Mon, 23 Nov 2026 11:24:43 GMT',
		'Connection: keep-alive',
		'Keep-Alive: timeout=5',
	]);
}

/** Bytes of a multipart answer that are not chunks. */
function framingOf(ranges: readonly ByteRange[], fileLength: number): number {
	if (ranges.length === 1) return 0;
	let bytes = `\r\n--${boundary}--\r\n`.length - 2; // The first part has no line end before it.
	for (const { start, end } of ranges) {
		bytes += `\r\n--${boundary}\r\nContent-Range: bytes ${start}-${end - 1}/${fileLength}\r\n`.length;
		bytes += `Content-Type: ${contentType}\r\n\r\n`.length;
	}
	return bytes;
}

/** Bytes of a request of SWUpdate 2024.12 (channel_curl.c, seen on the wire). */
function requestLength(url: string, ranges: readonly ByteRange[]): number {
	const [, host = '', path = '/'] = /^https?:\/\/([^/]*)(\/.*)?$/i.exec(url) ?? [];
	return textLength([
		`GET ${path} HTTP/1.1`,
		`Host: ${host}`,
		`Range: bytes=${ranges.map(({ start, end }) => `${start}-${end - 1}`).join(',')}`,
		'User-Agent: libcurl-agent/1.0',
		`Content-Type: ${contentType}`,
		`Accept: ${contentType}`,
	]);
}

/** Bytes of a head: its lines, each with its end, and the empty line. */
function textLength(lines: readonly string[]): number {
	return lines.reduce((sum, line) => sum + line.length + 2, 2);
}

/** What fetching `requests` of a file takes beside the chunks themselves. */
export function trafficOf(requests: readonly (readonly ByteRange[])[], url: string, fileLength: number): HttpTraffic {
	const traffic = { framing: 0, answerHeads: 0, requests: 0, count: requests.length };
	for (const ranges of requests) {
		const framing = framingOf(ranges, fileLength);
		const content = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
		traffic.framing += framing;
		traffic.answerHeads += answerHead(ranges, content + framing, fileLength);
		traffic.requests += requestLength(url, ranges);
	}
	return traffic;
}
