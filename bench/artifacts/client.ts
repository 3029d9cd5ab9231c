// A device's requests for ranges, over plain sockets: as cheap as Node allows, so that the server is measured and not
// this. It counts bytes, and hands out whole answers where they are to be compared.

import { connect, type Socket } from 'node:net';

export interface Server {
	readonly port: number;
	/** Of the file. */
	readonly path: string;
}

const read = { buffer: Buffer.allocUnsafe(1 << 20) };

/** Calls `each` with a view that is valid during the call. */
function open(port: number, each: (bytes: Uint8Array) => void): Promise<Socket> {
	return new Promise((resolve, reject) => {
		const onread = {
			buffer: read.buffer,
			callback: (length: number, buffer: Uint8Array) => {
				each(buffer.subarray(0, length));
				return true;
			},
		};
		const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
		socket.once('connect', () => resolve(socket));
		socket.once('error', reject);
	});
}

/** A connection on which one answer at a time is waited for. */
class Exchange {
	#socket: Socket | undefined;
	#head: Buffer | undefined = Buffer.alloc(0);
	#left = 0;
	#done: ((status: number) => void) | undefined;
	#status = 0;
	readonly #keep: Buffer[] | undefined;
	head = '';

	constructor(keep?: Buffer[]) {
		this.#keep = keep;
	}

	async open(port: number): Promise<void> {
		this.#socket = await open(port, (bytes) => this.#take(bytes));
	}

	/** @returns the status */
	ask({ path }: Server, range: string | undefined, close: boolean): Promise<number> {
		const lines = [`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1', 'User-Agent: libcurl-agent/1.0'];
		if (range !== undefined) lines.push(`Range: bytes=${range}`);
		if (close) lines.push('Connection: close');
		this.#head = Buffer.alloc(0);
		return new Promise((resolve) => {
			this.#done = resolve;
			this.#socket?.write(`${lines.join('\r\n')}\r\n\r\n`);
		});
	}

	end(): void {
		this.#socket?.destroy();
	}

	#take(bytes: Uint8Array): void {
		let body = bytes;
		if (this.#head !== undefined) {
			this.#head = Buffer.concat([this.#head, bytes]);
			const end = this.#head.indexOf('\r\n\r\n');
			if (end < 0) return;
			this.head = this.#head.subarray(0, end).toString('latin1');
			body = this.#head.subarray(end + 4);
			this.#head = undefined;
			this.#status = Number(this.head.slice(9, 12));
			this.#left = Number(/content-length: (\d+)/i.exec(this.head)?.[1] ?? 0);
		}
		this.#keep?.push(Buffer.from(body));
		this.#left -= body.length;
		if (this.#left <= 0) this.#done?.(this.#status);
	}
}

/** One answer as it came. */
export async function fetchWhole(server: Server, range: string): Promise<{ head: string; body: Buffer }> {
	const parts: Buffer[] = [];
	const exchange = new Exchange(parts);
	await exchange.open(server.port);
	await exchange.ask(server, range, false);
	exchange.end();
	return { head: exchange.head, body: Buffer.concat(parts) };
}

export interface Load {
	/** The next range to ask for; undefined: the whole file. */
	readonly range: () => string | undefined;
	/** Bytes of content of one answer. */
	readonly bytes: number;
	readonly connections: number;
	/** A connection for each request, as SWUpdate makes it for each batch. */
	readonly anew: boolean;
	readonly milliseconds: number;
}

/** @returns answers a second and bytes of content a second */
export async function load(server: Server, options: Load): Promise<{ answers: number; bytes: number }> {
	const { range, connections, anew, milliseconds } = options;
	const began = performance.now();
	let answers = 0;
	const one = async () => {
		let exchange = new Exchange();
		await exchange.open(server.port);
		while (performance.now() - began < milliseconds) {
			const asked = range();
			const status = await exchange.ask(server, asked, anew);
			if (status !== (asked === undefined ? 200 : 206)) throw new Error(`the answer to ${asked} was ${status}`);
			answers++;
			if (!anew) continue;
			exchange.end();
			exchange = new Exchange();
			await exchange.open(server.port);
		}
		exchange.end();
	};
	await Promise.all(Array.from({ length: connections }, one));
	const seconds = (performance.now() - began) / 1000;
	return { answers: answers / seconds, bytes: (answers * options.bytes) / seconds };
}
