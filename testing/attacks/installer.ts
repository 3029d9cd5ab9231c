// SWUpdate's side of an installation, as far as a test must see it: a unix socket `sockinstctrl` that counts who
// connects and keeps what was sent, and the hand-over to it. It speaks the opening of the protocol (the magic number, the
// type of the request, ACK, then the bytes of the .swu); the fields of a request are left out.

import { createReadStream } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** SWUpdate, include/network_ipc.h: IPC_MAGIC, REQ_INSTALL and ACK. */
const magic = 0x14052001;
const [requestInstall, acknowledge] = [0, 1];

const message = (type: number): Buffer => {
	const bytes = Buffer.alloc(8);
	bytes.writeInt32LE(magic, 0);
	bytes.writeInt32LE(type, 4);
	return bytes;
};

export class InstallerSocket {
	readonly path: string;
	/** How many connections there were, whatever came on them. */
	contacted = 0;
	/** What was handed over, an entry a connection. */
	readonly received: Buffer[] = [];
	readonly #server: Server;

	constructor(folder: string) {
		this.path = join(folder, 'sockinstctrl');
		this.#server = createServer((socket) => {
			this.contacted++;
			this.#receive(socket);
		});
	}

	async listen(): Promise<void> {
		await new Promise<void>((resolve) => this.#server.listen(this.path, resolve));
	}

	async close(): Promise<void> {
		await new Promise((resolve) => this.#server.close(resolve));
	}

	#receive(socket: Socket): void {
		const chunks: Buffer[] = [];
		let opened = false;
		socket.on('data', (chunk) => {
			chunks.push(chunk);
			if (opened || Buffer.concat(chunks).length < 8) return;
			opened = true;
			if (Buffer.concat(chunks).subarray(0, 8).equals(message(requestInstall))) socket.write(message(acknowledge));
			else socket.destroy();
		});
		socket.on('end', () => {
			this.received.push(Buffer.concat(chunks).subarray(8));
			socket.end();
		});
		socket.on('error', () => undefined);
	}
}

/** Hands a file over; resolves when the other side has taken all of it. */
export async function handOver(socketPath: string, file: string): Promise<void> {
	const socket = connect(socketPath);
	socket.write(message(requestInstall));
	await new Promise<void>((resolve, reject) => {
		socket.once('error', reject);
		socket.once('data', (answer) => {
			if (answer.equals(message(acknowledge))) resolve();
			else reject(new Error('the installer refused'));
		});
	});
	const closed = new Promise((resolve) => socket.once('close', resolve));
	await pipeline(createReadStream(file), socket);
	await closed;
}
