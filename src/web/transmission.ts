// Writes the content of an answer to its connection: no faster than the client takes it and its turns allow, with bounded
// memory, and counting what went out. It leaves out heads and statuses (file-reply.ts).

import type { ServerResponse } from 'node:http';
import type { Flow } from './rate-shaping.ts';

/** Bytes on their way to the system at once: the next are read while these are written. */
const underWay = 512 * 1024;

/** Bytes below which a piece waits for the next one, and how many of them do. */
const [smallPiece, mostHeld] = [1024, 16];

/** Bytes to send, and what is to be done when they are not needed any more. */
export interface Piece {
	readonly bytes: Uint8Array;
	readonly release?: () => void;
}

/** Buffers for reading files, used again and again: fresh memory costs as much as the reading. */
const bufferSize = 256 * 1024;
const mostFree = 32;
const free: Uint8Array[] = [];

/**
 * The bytes from `start` to `end`, both included, in pieces that must be released.
 * @param readAt fills a buffer from a position on, or a part of it; 0 where there is nothing
 */
export async function* readPieces(
	readAt: (into: Uint8Array, position: number) => Promise<number> | number,
	start: number,
	end: number,
): AsyncGenerator<Piece> {
	for (let position = start; position <= end; ) {
		const buffer = free.pop() ?? Buffer.allocUnsafeSlow(bufferSize);
		const release = () => {
			if (free.length < mostFree) free.push(buffer);
		};
		const found = readAt(buffer.subarray(0, Math.min(bufferSize, end - position + 1)), position);
		const length = typeof found === 'number' ? found : await found;
		// Content-Length has been sent: the client learns of it by a connection that ends early.
		if (length === 0) throw new Error('the file became shorter while it was sent');
		yield { bytes: buffer.subarray(0, length), release };
		position += length;
	}
}

/**
 * Sends `content` after the head, which must tell the length. Where the content throws, the connection is cut, so that
 * the client does not take a part for the whole; the error is thrown. A client that goes away ends it quietly.
 * @param onSent told of bytes that the system has taken
 */
export async function transmit(
	response: ServerResponse,
	content: AsyncIterable<Piece>,
	flow: Flow | undefined,
	onSent: (bytes: number) => void,
): Promise<void> {
	let waiting = 0;
	let over = false;
	const held: Uint8Array[] = [];
	let wake: (() => void) | undefined;
	response.once('close', () => {
		over = true;
		flow?.end();
		wake?.();
	});
	if (response.destroyed || response.closed) return;
	const room = async (most: number) => {
		while (waiting > most && !over) {
			await new Promise<void>((resolve) => {
				wake = resolve;
			});
		}
	};
	const write = (piece: Uint8Array, release?: () => void) => {
		waiting += piece.length;
		response.write(piece, (error) => {
			waiting -= piece.length;
			if (!error) {
				onSent(piece.length);
				// After an error somebody may still hold the bytes: then they are left to the garbage collector.
				release?.();
			}
			wake?.();
		});
	};
	try {
		for await (const { bytes, release } of content) {
			// The head of a part goes in one write with the part.
			if (release === undefined && bytes.length < smallPiece && held.length < mostHeld) {
				held.push(bytes);
				continue;
			}
			for (let rest = bytes; rest.length > 0 && !over; ) {
				const piece = rest.subarray(0, flow?.most() ?? rest.length);
				const turn = flow?.turn(piece.length);
				if (turn) await turn;
				if (over) break;
				rest = rest.subarray(piece.length);
				response.cork();
				for (const small of held.splice(0)) write(small);
				write(piece, rest.length === 0 ? release : undefined);
				response.uncork();
				if (waiting >= underWay) await room(underWay / 2);
			}
			if (over) return;
		}
		for (const small of held) write(small);
		await room(0);
		if (!over) response.end();
	} catch (error) {
		response.destroy();
		throw error;
	}
}
