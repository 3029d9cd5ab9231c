// The director's process: a port for devices, a socket in its data directory for operators, a database of its own. It decides
// how connections are bounded and how the process ends; what is answered stands in src/trust/director-routes.ts.

import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, ListenOptions } from 'node:net';
import { openDataDirectory } from '../../src/access/data-directory.ts';
import { CaissonError } from '../../src/errors.ts';
import { trustHash, verifyTrustSignature } from '../../src/outside/signer/trust-verify.ts';
import { openDirectorStore } from '../../src/storage/director/open.ts';
import type { Terminal } from '../../src/terminal/terminal.ts';
import type { DirectorService } from '../../src/trust/commands/director.ts';
import { Director } from '../../src/trust/director/director.ts';
import {
	answerDevice,
	answerOperator,
	type DirectorAnswer,
	type DirectorRequest,
} from '../../src/trust/director-routes.ts';
import { openDirector } from './data-folder.ts';

export const operatorSocket = (dir: string) => `${dir}/operator.sock`;

const longestBody = 1024 * 1024;

export interface RunningDirector {
	/** Where devices come: http://127.0.0.1:8090/director */
	readonly url: string;
	stop(): Promise<void>;
}

/** @throws CaissonError data-directory-refused, director-not-ready, listen-failed, storage-damaged */
export async function startDirector(service: DirectorService): Promise<RunningDirector> {
	// What is made in the data directory is its owner's alone, the socket of operators above all.
	process.umask(0o077);
	const data = openDataDirectory(service.dir, 'caisson director serve');
	const closing: (() => unknown)[] = [() => data.release()];
	const stop = async () => {
		for (const close of closing.splice(0).reverse()) await close();
	};
	try {
		const { online: signers, roots } = await openDirector(data.path);
		const store = openDirectorStore(data.file('director.db'));
		closing.push(() => store.close());
		const { lifetime } = service;
		const director = new Director({
			...{ store, signers, roots, clock: Date.now, lifetime },
			...{ verify: verifyTrustSignature, hash: trustHash },
		});
		rmSync(operatorSocket(data.path), { force: true });
		const operators = createServer(listener((request) => answerOperator(director, request)));
		await listen(operators, { path: operatorSocket(data.path) }, closing);
		const devices = await deviceServer(
			service,
			listener((request) => answerDevice(director, request)),
		);
		const [, host = '', port = ''] = /^\[?([^\]]+)\]?:(\d{1,5})$/.exec(service.listen) ?? [];
		if (host === '') throw new CaissonError('configuration-invalid', `--listen ${service.listen}: HOST:PORT is due.`);
		await listen(devices, { host, port: Number(port) }, closing);
		const { address, port: bound, family } = devices.address() as AddressInfo;
		const scheme = service.tlsCertificate === undefined ? 'http' : 'https';
		return { url: `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${bound}/director`, stop };
	} catch (error) {
		await stop();
		throw error;
	}
}

/** Serves until SIGTERM or Ctrl-C. */
export async function serveDirector(service: DirectorService, terminal: Terminal): Promise<void> {
	const running = await startDirector(service);
	const asked = new Promise<void>((resolve) => {
		process.once('SIGTERM', () => resolve());
		process.once('SIGINT', () => resolve());
	});
	terminal.print(`Devices: ${running.url}/DEVICE`);
	await asked;
	await running.stop();
}

async function deviceServer(service: DirectorService, handle: RequestListener): Promise<Server> {
	const { tlsCertificate, tlsKey } = service;
	if (tlsCertificate === undefined && tlsKey === undefined) return createServer(handle);
	if (tlsCertificate === undefined || tlsKey === undefined) {
		throw new CaissonError('configuration-invalid', '--tls-certificate and --tls-key go together.');
	}
	try {
		return createTlsServer({ cert: await readFile(tlsCertificate), key: await readFile(tlsKey) }, handle);
	} catch (cause) {
		throw new CaissonError('configuration-invalid', `The TLS certificate or key cannot be used: ${String(cause)}.`, {
			cause,
		});
	}
}

function listen(server: Server, at: ListenOptions, closing: (() => unknown)[]): Promise<void> {
	server.requestTimeout = 30_000;
	server.maxConnections = 1000;
	return new Promise((resolve, reject) => {
		server.once('error', (cause) => {
			reject(new CaissonError('listen-failed', `The director cannot listen: ${cause.message}.`, { cause }));
		});
		server.listen(at, () => {
			closing.push(() => {
				server.closeAllConnections();
				return new Promise((done) => server.close(done));
			});
			resolve();
		});
	});
}

function listener(answer: (request: DirectorRequest) => Promise<DirectorAnswer>): RequestListener {
	return (request, response) => {
		handle(request, response, answer).catch(() => response.destroy());
	};
}

async function handle(
	request: IncomingMessage,
	response: ServerResponse,
	answer: (request: DirectorRequest) => Promise<DirectorAnswer>,
): Promise<void> {
	const chunks: Buffer[] = [];
	let length = 0;
	for await (const chunk of request as AsyncIterable<Buffer>) {
		length += chunk.length;
		if (length > longestBody) {
			response.writeHead(413, { connection: 'close' }).end();
			return;
		}
		chunks.push(chunk);
	}
	const { method = 'GET', url = '/' } = request;
	const path = decoded(url.split('?', 1)[0] as string);
	const { status, body, headers } = await answer({ method, path, body: Buffer.concat(chunks) });
	const bytes = Buffer.from(body);
	response.writeHead(status, { 'content-type': 'text/plain', ...headers, 'content-length': bytes.length });
	response.end(method === 'HEAD' ? undefined : bytes);
}

function decoded(path: string): string {
	try {
		return decodeURIComponent(path);
	} catch {
		return '';
	}
}
