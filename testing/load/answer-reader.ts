// Reads one HTTP/1.1 answer off a connection for the price of a few searches: status, and where the body ends. It is
// for a load generator that shares its processors with the server, so it decides nothing that no benchmark needs: no
// header is kept, and an answer that is neither of known length nor chunked is refused. Pure: bytes in, values out.

export interface Answer {
	readonly status: number;
	/** As it was sent: of a chunked answer, the chunks with their sizes. */
	readonly body: Buffer;
}

const headersEnd = Buffer.from('\r\n\r\n');
const lineEnd = Buffer.from('\r\n');

export class AnswerReader {
	#held: Buffer | undefined;

	/**
	 * Takes in what has come.
	 * @returns the answer once all of it is there; then the reader is ready for the next one
	 * @throws RangeError where it is no answer, or more than one (nothing is pipelined)
	 */
	push(chunk: Buffer): Answer | undefined {
		const bytes = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
		const end = answerEnd(bytes);
		if (end === undefined || bytes.length < end.body + end.length) {
			this.#held = bytes;
			return undefined;
		}
		if (bytes.length > end.body + end.length) throw new RangeError('the server sent more than one answer');
		this.#held = undefined;
		return { status: end.status, body: bytes.subarray(end.body) };
	}
}

interface AnswerEnd {
	readonly status: number;
	/** Where the body begins, and how many bytes it has. */
	readonly body: number;
	readonly length: number;
}

/** @returns undefined where more is to come before the length is known */
function answerEnd(bytes: Buffer): AnswerEnd | undefined {
	const headers = bytes.indexOf(headersEnd);
	if (headers < 0) return undefined;
	const body = headers + headersEnd.length;
	const head = bytes.toString('latin1', 0, headers + 2).toLowerCase();
	const status = Number(head.slice(9, 12));
	if (!head.startsWith('http/1.1 ') || !(status >= 200)) throw new RangeError(`not an answer: ${head.slice(0, 40)}`);
	// RFC 9112, section 6.3.
	if (status === 204 || status === 304) return { status, body, length: 0 };
	const at = head.indexOf('\r\ncontent-length:');
	if (at >= 0) return { status, body, length: Number.parseInt(head.slice(at + 17), 10) };
	if (!head.includes('\r\ntransfer-encoding: chunked\r\n')) throw new RangeError('an answer of unknown length');
	const length = chunkedLength(bytes, body);
	return length === undefined ? undefined : { status, body, length };
}

/** RFC 9112, section 7.1, without trailers. */
function chunkedLength(bytes: Buffer, body: number): number | undefined {
	let position = body;
	for (;;) {
		const line = bytes.indexOf(lineEnd, position);
		if (line < 0) return undefined;
		const size = Number.parseInt(bytes.toString('latin1', position, line), 16);
		if (Number.isNaN(size)) throw new RangeError('a chunk without a size');
		position = line + 2 + size + 2;
		if (size === 0) return position - body;
		if (position > bytes.length) return undefined;
	}
}
