// A web server on loopback that serves files to TUF clients and does to them what an attacker or a bad network would:
// a test gives any path a behaviour of its own. It counts what was asked for. It knows nothing of TUF.

import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';

/** The bytes of a path (decoded, without the leading slash), or undefined where there is none. */
export type Source = (path: string) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

/** Answers a request in place of the server; returning false lets the server answer as usual. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse, file: Uint8Array | undefined) => unknown;

export interface FileServer {
	/** Without a slash at the end. */
	readonly url: string;
	/** The paths asked for since the start or the last `clear()`, decoded, in order. */
	readonly requests: readonly string[];
	/** As they were on the wire: for tests of quoting. */
	readonly rawRequests: readonly string[];
	/** Bytes of bodies written since the start or the last `clear()`. */
	readonly bytesSent: number;
	clear(): void;
	/** What to do with paths that match; the latest rule wins. */
	behave(pattern: RegExp, behaviour: Behaviour): void;
	/** Ends all special behaviour. */
	calm(): void;
	close(): Promise<void>;
}

/** Files below `folder` as a source. */
export function folderSource(folder: string): Source {
	return async (path) => {
		const inside = normalize(path);
		if (inside.startsWith('..')) return undefined;
		return readFile(join(folder, inside)).catch(() => undefined);
	};
}

class LoopbackServer implements FileServer {
	requests: string[] = [];
	rawRequests: string[] = [];
	bytesSent = 0;
	readonly #source: Source;
	#rules: { readonly pattern: RegExp; readonly behaviour: Behaviour }[] = [];
	readonly #server: Server;

	constructor(source: Source) {
		this.#source = source;
		this.#server = createServer((request, response) => {
			this.#answer(request, response).catch((error) => response.destroy(error));
		});
	}

	async start(): Promise<this> {
		await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
		return this;
	}

	get url(): string {
		return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
	}

	clear(): void {
		this.requests = [];
		this.rawRequests = [];
		this.bytesSent = 0;
	}

	behave(pattern: RegExp, behaviour: Behaviour): void {
		this.#rules.unshift({ pattern, behaviour });
	}

	calm(): void {
		this.#rules = [];
	}

	async close(): Promise<void> {
		this.#server.closeAllConnections();
		await new Promise((resolve) => this.#server.close(resolve));
	}

	async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const raw = (request.url ?? '/').slice(1);
		const path = decodeURIComponent(raw);
		this.rawRequests.push(raw);
		this.requests.push(path);
		const file = await this.#source(path);
		const write = response.write.bind(response);
		response.write = ((chunk: Uint8Array, ...rest: never[]) => {
			this.bytesSent += chunk.length;
			return write(chunk, ...rest);
		}) as typeof response.write;
		const rule = this.#rules.find(({ pattern }) => pattern.test(path));
		if (rule !== undefined && rule.behaviour(request, response, file) !== false) return;
		serveFile(request, response, file);
	}
}

/** Serves a file as a plain web server does, with Range (one range, from a byte on). */
export function serveFile(request: IncomingMessage, response: ServerResponse, file: Uint8Array | undefined): void {
	if (file === undefined) {
		response.writeHead(404, { 'content-length': 0 }).end();
		return;
	}
	const from = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
	if (from === undefined) {
		response.writeHead(200, { 'content-length': file.length });
		if (file.length > 0) response.write(file);
	} else if (Number(from) >= file.length) {
		response.writeHead(416, { 'content-range': `bytes */${file.length}` });
	} else {
		const rest = file.subarray(Number(from));
		const range = `bytes ${from}-${file.length - 1}/${file.length}`;
		response.writeHead(206, { 'content-length': rest.length, 'content-range': range });
		response.write(rest);
	}
	response.end();
}

/** Starts the server on a free port of 127.0.0.1. Close it in the end. */
export async function startFileServer(source: Source): Promise<FileServer> {
	return new LoopbackServer(source).start();
}
