// One kept connection to a server, with one request at a time on it: plain, TLS, or TLS with a client certificate. It
// leaves out what is asked, and opening another connection when this one broke.

import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
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
}

export class Connection {
	readonly #socket: Socket;
	readonly #reader = new AnswerReader();
	#waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
	#broken: Error | undefined;
	#session: Buffer | undefined;

	constructor(socket: Socket) {
		this.#socket = socket;
		socket.on('data', (chunk: Buffer) => this.#take(chunk));
		socket.on('session', (session: Buffer) => {
			this.#session = session;
		});
		socket.on('error', (error) => this.#break(error));
		socket.on('close', () => this.#break(new Error('the server closed the connection')));
	}

	/** Why the connection is of no use any more, or undefined. */
	get broken(): Error | undefined {
		return this.#broken;
	}

	/** What a later connection can resume; with TLS 1.3 it comes with the first answer at the latest. */
	get session(): Buffer | undefined {
		return this.#session;
	}

	/** Whether it resumed an earlier one's session. */
	get resumed(): boolean {
		return this.#socket instanceof TLSSocket && this.#socket.isSessionReused();
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

/** Opens a connection and resolves when it is ready, with TLS after the handshake. @param session to resume */
export function open({ host, port, tls }: Target, session?: Buffer): Promise<Connection> {
	return new Promise((resolve, reject) => {
		const secure = tls && { ...tls, servername: 'localhost', ...(session && { session }) };
		const socket = secure === undefined ? connectPlain({ host, port }) : connectTls({ host, port, ...secure });
		const connection = new Connection(socket.setNoDelay(true));
		socket.once('error', reject);
		socket.once(secure === undefined ? 'connect' : 'secureConnect', () => resolve(connection));
	});
}
