// Writes the content of an answer to its connection: no faster than the client takes it and its turns allow, with bounded
// memory, and counting what went out. It leaves out heads and statuses (file-reply.ts).

import type { ServerResponse } from 'node:http';
import type { Flow } from './rate-shaping.ts';

/** Bytes on their way to the system at once: the next are read while these are written. */
const underWay = 512 * 1024;

/**
 * Sends `content` after the head, which must tell the length. Where the content throws, the connection is cut, so that
 * the client does not take a part for the whole; the error is thrown. A client that goes away ends it quietly.
 * @param onSent told of bytes that the system has taken
 */
export async function transmit(
	response: ServerResponse,
	content: AsyncIterable<Uint8Array>,
	flow: Flow | undefined,
	onSent: (bytes: number) => void,
): Promise<void> {
	let waiting = 0;
	let over = false;
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
	const write = (piece: Uint8Array) => {
		waiting += piece.length;
		response.write(piece, (error) => {
			waiting -= piece.length;
			if (!error) onSent(piece.length);
			wake?.();
		});
	};
	try {
		for await (const chunk of content) {
			for (let rest = chunk; rest.length > 0 && !over; ) {
				const piece = rest.subarray(0, flow?.most() ?? rest.length);
				const turn = flow?.turn(piece.length);
				if (turn) await turn;
				if (over) break;
				write(piece);
				rest = rest.subarray(piece.length);
				if (waiting >= underWay) await room(underWay / 2);
			}
			if (over) return;
		}
		await room(0);
		if (!over) response.end();
	} catch (error) {
		response.destroy();
		throw error;
	}
}
