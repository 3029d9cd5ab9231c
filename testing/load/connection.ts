// One kept connection to a server, with one request at a time on it: plain, TLS, or TLS with a client certificate. It
// leaves out what is asked, and opening another connection when this one broke.

import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Answer, AnswerReader } from './answer-reader.ts';

export interface Target {
	readonly host: string;
	readonly port: number;
	/** Absent: plain. */
	readonly tls?: TargetTls;
}

/** PEM; certificate and key where the server asks for a client's. */
export interface TargetTls {
	readonly ca: string;
	readonly cert?: string;
	readonly key?: string;
	/** Session of an earlier connection to resume. */
	readonly session?: Buffer;
}

export class Connection {
	readonly #socket: Socket;
	readonly #reader = new AnswerReader();
	#waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
	#broken: Error | undefined;

	constructor(socket: Socket) {
		this.#socket = socket;
		socket.on('data', (chunk: Buffer) => this.#take(chunk));
		socket.on('error', (error) => this.#break(error));
		socket.on('close', () => this.#break(new Error('the server closed the connection')));
	}

	/** Why the connection is of no use any more, or undefined. */
	get broken(): Error | undefined {
		return this.#broken;
	}

	/** @throws Error where the connection breaks before the answer is complete */
	send(request: string): Promise<Answer> {
		return new Promise((resolve, reject) => {
			if (this.#broken) return reject(this.#broken);
			this.#waiting = { resolve, reject };
			this.#socket.write(request, 'latin1');
		});
	}

	close(): void {
		this.#broken ??= new Error('the connection is closed');
		this.#socket.destroy();
	}

	#take(chunk: Buffer): void {
		try {
			const answer = this.#reader.push(chunk);
			if (answer === undefined) return;
			const waiting = this.#waiting;
			this.#waiting = undefined;
			waiting?.resolve(answer);
		} catch (error) {
			this.#break(error as Error);
			this.#socket.destroy();
		}
	}

	#break(error: Error): void {
		this.#broken ??= error;
		this.#waiting?.reject(this.#broken);
		this.#waiting = undefined;
	}
}

/** Opens a connection and resolves when it is ready, with TLS after the handshake. */
export function open(target: Target): Promise<Connection> {
	return openSocket(target).then((socket) => new Connection(socket));
}

/** @see open */
export function openSocket({ host, port, tls }: Target): Promise<Socket> {
	return new Promise((resolve, reject) => {
		const socket =
			tls === undefined ? connectPlain({ host, port }) : connectTls({ host, port, servername: 'localhost', ...tls });
		socket.setNoDelay(true);
		socket.once('error', reject);
		socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
			socket.off('error', reject);
			resolve(socket);
		});
	});
}
