// Server-sent events over one HTTP response (WHATWG HTML, section 9.2): frames, keep-alives, and what happens when the
// client does not read. It knows no noun: where the events come from is the caller's.

import type { ServerResponse } from 'node:http';

export interface EventFrame {
	/** What the client sends back as Last-Event-ID. */
	readonly id?: string | number;
	/** Absent for a plain message. */
	readonly event?: string;
	/** One line. */
	readonly data: string;
}

export interface EventStreamLimits {
	/** Milliseconds without an event after which a keep-alive comment is sent. */
	readonly pingInterval: number;
	/** Milliseconds that a client may leave what was written unread before it is dropped. */
	readonly graceInterval: number;
}

/**
 * Sends frames until the source ends, the client goes, or `stop` aborts. Never holds more than one batch for a client
 * that reads slowly: the source is asked for more only when the socket has taken what was written.
 * @param next the frames that are there, or those that come next; empty where the wait was aborted
 * @param openToOrigins may pages of every origin read it, as with wfx?
 */
export async function streamEvents(
	response: ServerResponse,
	limits: EventStreamLimits,
	stop: AbortSignal,
	next: (signal: AbortSignal) => Promise<readonly EventFrame[]>,
	openToOrigins = true,
): Promise<void> {
	const gone = new AbortController();
	const leave = () => gone.abort();
	response.once('close', leave);
	stop.addEventListener('abort', leave, { once: true });
	// No time limit of the server may cut a stream that is quiet.
	response.socket?.setTimeout(0);
	response.writeHead(200, {
		'Content-Type': 'text/event-stream',
		'Cache-Control': 'no-cache',
		Connection: 'keep-alive',
		...(openToOrigins && { 'Access-Control-Allow-Origin': '*' }),
		'X-Accel-Buffering': 'no',
	});
	response.flushHeaders();
	const ping = setInterval(() => {
		if (response.writableLength === 0) response.write(': keepalive\n\n');
	}, limits.pingInterval);
	try {
		while (!gone.signal.aborted && !stop.aborted) {
			const frames = await next(gone.signal);
			if (frames.length === 0) continue;
			ping.refresh();
			if (!response.write(frames.map(frameText).join(''))) await drained(response, limits.graceInterval, gone.signal);
		}
	} finally {
		clearInterval(ping);
		stop.removeEventListener('abort', leave);
		response.removeListener('close', leave);
		if (stop.aborted) response.end();
		else response.destroy();
	}
}

/** wfx writes the data before the id; the order means nothing to a client that keeps to the standard. */
function frameText({ id, event, data }: EventFrame): string {
	return `${event ? `event: ${event}\n` : ''}data: ${data}\n${id === undefined ? '' : `id: ${id}\n`}\n`;
}

/** Waits until the client has read; ends the connection of one that does not within `grace`. */
function drained(response: ServerResponse, grace: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		const done = () => {
			clearTimeout(timer);
			response.removeListener('drain', done);
			signal.removeEventListener('abort', done);
			resolve();
		};
		const timer = setTimeout(() => response.destroy(), grace);
		response.once('drain', done);
		signal.addEventListener('abort', done, { once: true });
		if (signal.aborted) done();
	});
}
