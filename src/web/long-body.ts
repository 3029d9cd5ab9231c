// Requests whose body may take longer than --read-timeout: uploads that a handler reads as a stream. The handler's side
// marks them; the listeners, who cut slow requests, ask. A connection on which nothing moves is still cut
// (--write-timeout).

import type { IncomingMessage } from 'node:http';

const marked = new WeakSet<IncomingMessage>();

export function allowLongBody(request: IncomingMessage): void {
	marked.add(request);
}

export function mayTakeLong(request: IncomingMessage): boolean {
	return marked.has(request);
}
