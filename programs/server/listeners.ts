// The listening sockets of a server: http, https and unix, opened here or handed over by systemd, with the time limits
// that keep slow or stalled peers from holding them. It leaves out what is answered, and whether an address may be
// served (trust-boundary.ts).

import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import { CaissonError } from '../../src/errors.ts';
import { mayTakeLong } from '../../src/web/long-body.ts';
import type { OptionValues } from './options.ts';
import { unixPathOf } from './systemd.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;
export type Port = 'southbound' | 'northbound';

/** One socket to open. `named`: what set it, for messages. */
export interface ListenerPlan {
	readonly port: Port;
	readonly scheme: 'http' | 'https' | 'unix';
	readonly named: string;
	readonly at:
		| { readonly address: string; readonly tcpPort: number }
		| { readonly path: string }
		| { readonly fd: number };
}

/** What a listener asks for over TLS. */
export interface ListenerTls {
	readonly options: SecureContextOptions;
	/** Clients must show a certificate of the CA in the options. */
	readonly clientCertificates: boolean;
}

export interface Listener {
	/** All connections, of TLS those whose handshake is done. */
	readonly open: ReadonlySet<Socket>;
	/** Connections that have not sent a byte yet, which Node does not count as idle. */
	readonly silent: ReadonlySet<Socket>;
	readonly plan: ListenerPlan;
	readonly server: Server | TlsServer;
	/** 'http://127.0.0.1:8080', 'unix:/path'. */
	readonly url: string;
}

type Limits = Pick<
	OptionValues,
	'read-timeout' | 'write-timeout' | 'cleanup-timeout' | 'keep-alive' | 'max-header-size'
>;

/**
 * An http server with wfx's limits: `read-timeout` for a whole request, headers included, and for a connection that
 * sends nothing at all; `cleanup-timeout` between requests; `write-timeout` without any byte moved (wfx: for the whole
 * answer, which would cut large downloads on slow links).
 */
export function createHttpServer(handler: Handler, limits: Limits, tls: ListenerTls | undefined): Server | TlsServer {
	const readTimeout = limits['read-timeout'];
	const options = {
		maxHeaderSize: limits['max-header-size'],
		// Node's own limit knows no exception; see limitBody.
		requestTimeout: 0,
		headersTimeout: readTimeout,
		// As Go does it: without an idle limit of its own, the read limit applies between requests.
		keepAliveTimeout: limits['cleanup-timeout'] || readTimeout,
		connectionsCheckingInterval: Math.min(5000, Math.max(50, (readTimeout || 30_000) / 4)),
		noDelay: true,
	};
	const answer: Handler = (request, response) => {
		if (!limits['keep-alive']) response.shouldKeepAlive = false;
		limitBody(request, readTimeout);
		handler(request, response);
	};
	const server =
		tls === undefined
			? createServer(options, answer)
			: createTlsServer(
					{
						...options,
						...tls.options,
						requestCert: tls.clientCertificates,
						rejectUnauthorized: tls.clientCertificates,
						handshakeTimeout: readTimeout || 30_000,
						ALPNProtocols: ['http/1.1'],
					},
					answer,
				);
	server.setTimeout(limits['write-timeout']);
	return server;
}

/** Cuts a request whose body takes longer than the limit (0: none), unless it is an upload that may. */
function limitBody(request: IncomingMessage, limit: number): void {
	const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
	if (limit === 0 || (encoding === undefined && (length === undefined || length === '0'))) return;
	const timer = setTimeout(() => {
		if (request.complete || mayTakeLong(request)) return;
		request.socket.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n', () => request.socket.destroy());
	}, limit);
	request.once('end', () => clearTimeout(timer));
	request.once('close', () => clearTimeout(timer));
}

/**
 * Starts listening.
 * @throws CaissonError listen-failed where the address is taken, not of this machine or not allowed
 */
export async function openListener(plan: ListenerPlan, server: Server | TlsServer, log: Logger): Promise<Listener> {
	const { at } = plan;
	if ('path' in at) await removeStaleSocket(plan, at.path);
	const silent = watchSilent(server);
	const open = watchOpen(server);
	await new Promise<void>((resolve, reject) => {
		server.once('error', (cause: NodeJS.ErrnoException) => {
			reject(new CaissonError('listen-failed', `${plan.named}: ${listenReason(cause)}`, { cause }));
		});
		server.once('listening', resolve);
		if ('path' in at) listenPrivately(server, at.path);
		else if ('fd' in at) server.listen({ fd: at.fd });
		else server.listen({ host: at.address, port: at.tcpPort, backlog: 511 });
	});
	server.removeAllListeners('error');
	// Accepting can fail for a moment (EMFILE); that is no reason to end the server.
	server.on('error', (error) => log.error({ err: error, listener: plan.named }, 'accepting a connection failed'));
	return { plan, server, silent, open, url: urlOf(plan, server) };
}

function watchOpen(server: Server | TlsServer): ReadonlySet<Socket> {
	const open = new Set<Socket>();
	server.on('setSecureContext' in server ? 'secureConnection' : 'connection', (socket: Socket) => {
		open.add(socket);
		socket.once('close', () => open.delete(socket));
	});
	return open;
}

/** Connections leave the set when their first request begins, or when they end. */
function watchSilent(server: Server | TlsServer): ReadonlySet<Socket> {
	const silent = new Set<Socket>();
	server.on('connection', (socket: Socket) => {
		silent.add(socket);
		socket.once('close', () => silent.delete(socket));
	});
	server.on('request', ({ socket }) => silent.delete(socket));
	return silent;
}

function urlOf(plan: ListenerPlan, server: Server | TlsServer): string {
	const bound = server.address() as AddressInfo | string | null;
	if (bound === null || typeof bound === 'string') {
		const path = 'path' in plan.at ? plan.at.path : 'fd' in plan.at ? unixPathOf(plan.at.fd) : undefined;
		return `unix:${path ?? ''}`;
	}
	const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
	return `${plan.scheme === 'https' ? 'https' : 'http'}://${host}:${bound.port}`;
}

const listenReasons: Readonly<Record<string, string>> = {
	EADDRINUSE: 'another process listens there already',
	EADDRNOTAVAIL: 'this machine does not have that address',
	EACCES: 'this user may not listen there',
	ENOENT: 'the directory of the socket does not exist',
	EROFS: 'the directory of the socket is read-only',
};

function listenReason(cause: NodeJS.ErrnoException): string {
	return listenReasons[cause.code ?? ''] ?? `cannot listen (${cause.code ?? cause.message})`;
}

/** Binding is synchronous in Node, so the narrowed umask covers the socket's birth and nothing else. */
function listenPrivately(server: Server | TlsServer, path: string): void {
	const before = process.umask(0o117);
	try {
		server.listen(path, () => chmodSync(path, 0o660));
	} finally {
		process.umask(before);
	}
}

// unix(7): sun_path has 108 bytes, the last one zero.
const longestSocketPath = 107;

/** A socket file outlives a killed server. It is removed where nobody answers on it, and never where it is no socket. */
async function removeStaleSocket(plan: ListenerPlan, path: string): Promise<void> {
	if (Buffer.byteLength(path) > longestSocketPath) {
		throw new CaissonError(
			'listen-failed',
			`${plan.named}: longer than ${longestSocketPath} bytes, which unix(7) allows`,
		);
	}
	const found = lstatSync(path, { throwIfNoEntry: false });
	if (found === undefined) return;
	if (!found.isSocket()) throw new CaissonError('listen-failed', `${plan.named}: the file exists and is not a socket`);
	if (await answers(path)) throw new CaissonError('listen-failed', `${plan.named}: ${listenReasons.EADDRINUSE}`);
	rmSync(path);
}

function answers(path: string): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect(path);
		socket.once('connect', () => {
			socket.destroy();
			resolve(true);
		});
		// Only a refusal says that nobody listens; a full backlog (EAGAIN) or no right to connect says somebody does.
		socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
	});
}

/**
 * Stops accepting, lets requests under way finish, and cuts what is left at the deadline.
 * @returns how many connections had to be cut
 */
export async function closeListeners(listeners: readonly Listener[], graceful: number): Promise<number> {
	const closed = listeners.map(
		({ server }) => new Promise<void>((resolve) => (server.listening ? server.close(() => resolve()) : resolve())),
	);
	// A connection becomes idle when its last answer is out; only Node's server knows when that is.
	const closeIdle = setInterval(() => {
		for (const { server, silent } of listeners) {
			server.closeIdleConnections();
			for (const socket of silent) if (socket.bytesRead === 0) socket.destroy();
		}
	}, 50);
	let cut = 0;
	const deadline = setTimeout(async () => {
		for (const { server } of listeners) {
			cut += await new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count ?? 0)));
			server.closeAllConnections();
		}
	}, graceful);
	await Promise.all(closed);
	clearInterval(closeIdle);
	clearTimeout(deadline);
	return cut;
}
