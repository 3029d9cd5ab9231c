// Closing a connection on which the client is still sending: the answer goes out, then what comes is read and thrown
// away for a while. Closed at once, the system would answer the bytes under way with a reset, and the client would lose
// the refusal that it was sent (RFC 9112, section 9.6). It leaves out when a connection has to be closed.

import type { IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';

/** Milliseconds in all, and without a byte, and bytes, after which the connection is cut all the same. */
const [longest, silence, most] = [30_000, 2_000, 256 * 2 ** 20];

/** Answers with Connection: close, and lingers behind the answer. Call it before the answer is sent. */
export function closeLingering(request: IncomingMessage, reply: FastifyReply): void {
	reply.header('Connection', 'close');
	const { socket } = request;
	const before = socket.bytesRead;
	// What Node's server calls when the last answer of a connection is out.
	socket.destroySoon = () => {
		// Says that nothing more comes from here; the other direction stays open.
		socket.end();
		request.resume();
		const began = performance.now();
		let [read, since] = [socket.bytesRead, began];
		const timer = setInterval(() => {
			const now = performance.now();
			if (socket.bytesRead > read) [read, since] = [socket.bytesRead, now];
			if (now - began < longest && now - since < silence && read - before < most) return;
			socket.destroy();
		}, 100);
		timer.unref();
		const done = () => {
			clearInterval(timer);
			if (socket.writableFinished) socket.destroy();
			else socket.once('finish', () => socket.destroy());
		};
		// The client has seen it, or has sent all that it wanted to.
		request.once('end', done);
		socket.once('end', done);
		socket.once('close', () => clearInterval(timer));
		if (request.complete || socket.readableEnded) done();
	};
}
