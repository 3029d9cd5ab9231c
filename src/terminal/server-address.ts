// Which server a command talks to, and with which token. The order: what the command line names, then the
// environment, then the server that runs on the local data directory, then wfx's default addresses. It leaves out the
// talking (http-client.ts) and how a local server is found (LocalServers is given).

import { readFile, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { CaissonError } from '../errors.ts';
import type { ApiTarget } from './api-client.ts';
import { fileUnusable } from './input-file.ts';

/** The server on this machine's data directory. */
export interface LocalServers {
	/** Where the server that runs on the directory (default: the user's) is reached; undefined where none runs now. */
	find(data: string | undefined): Promise<LocalServer | undefined>;
}

export interface LocalServer {
	/** Addresses: of its southbound and northbound port, and all northbound ones. */
	readonly client: string;
	readonly mgmt: string;
	readonly northbound: readonly string[];
	/** The operator's token of the data directory; undefined where there is none. */
	readonly token: string | undefined;
}

/** What the global options say. */
export interface ServerChoice {
	readonly server?: string | undefined;
	readonly tokenFile?: string | undefined;
	readonly data?: string | undefined;
	readonly ca?: string | undefined;
}

export interface Address {
	/** Where requests go; for a unix socket the host is localhost. */
	readonly url: URL;
	readonly socket?: string;
	/** As a person writes it. */
	readonly text: string;
	/** Reached without leaving this machine. */
	readonly local: boolean;
}

export interface Server {
	readonly address: Address;
	/** PEM certificates to trust instead of the system's. */
	readonly ca?: string;
	/** To be sent as a bearer token. */
	readonly token?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

export const defaultAddress = { northbound: 'http://127.0.0.1:8081', southbound: 'http://127.0.0.1:8080' } as const;

/**
 * Reads an address of a server.
 * @param origin where it comes from, for the message
 * @throws CaissonError usage-wrong: not http, https or unix, or with a secret in it
 */
export function parseAddress(text: string, origin: string): Address {
	if (text.startsWith('unix:')) {
		const socket = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
		if (!isAbsolute(socket)) {
			throw new CaissonError(
				'usage-wrong',
				`${origin}: a unix socket needs an absolute path, as in unix:/run/caisson.sock.`,
			);
		}
		return { url: new URL('http://localhost/'), socket, text: `unix:${socket}`, local: true };
	}
	let url: URL;
	try {
		url = new URL(text);
	} catch {
		throw new CaissonError(
			'usage-wrong',
			`${origin}: this is no address of a server; write http://HOST:PORT, https://HOST:PORT or unix:/PATH.`,
		);
	}
	// A command line and an environment are seen by others, and addresses are logged.
	if (url.username || url.password || url.search || url.hash) {
		throw new CaissonError(
			'usage-wrong',
			`${origin}: an address holds no user, token or query; name a token with --token-file.`,
		);
	}
	if (url.protocol !== 'http:' && url.protocol !== 'https:') {
		throw new CaissonError('usage-wrong', `${origin}: write http://HOST:PORT, https://HOST:PORT or unix:/PATH.`);
	}
	const local = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
	return { url, text: url.href.replace(/\/$/, ''), local };
}

/**
 * Finds the server for `target`.
 * @throws CaissonError usage-wrong, configuration-invalid or file-unusable
 */
export async function findServer(
	choice: ServerChoice,
	environment: Environment,
	target: ApiTarget,
	servers: LocalServers,
): Promise<Server> {
	const named = namedAddress(choice, environment, target);
	const tokenFile = choice.tokenFile || environment.CAISSON_TOKEN_FILE;
	// A named token is for the server named with it; the local one's own token never leaves this machine.
	const wantsLocal = named === undefined || (named.local && !tokenFile);
	const local = wantsLocal ? await servers.find(choice.data) : undefined;
	const address = named === undefined ? unnamedAddress(local, target) : sameServer(named, local);
	const caFile = choice.ca || environment.CAISSON_CA;
	const ca = caFile ? await readText(caFile) : undefined;
	const token =
		target.port === 'southbound' ? undefined : tokenFile ? await readToken(tokenFile) : localToken(address, local);
	return { address, ...(ca === undefined ? {} : { ca }), ...(token === undefined ? {} : { token }) };
}

function namedAddress(choice: ServerChoice, environment: Environment, target: ApiTarget): Address | undefined {
	if (target.address) return parseAddress(target.address, 'The address of the southbound port');
	const south = target.port === 'southbound';
	if (south && environment.CAISSON_SOUTHBOUND)
		return parseAddress(environment.CAISSON_SOUTHBOUND, 'CAISSON_SOUTHBOUND');
	const text = choice.server || environment.CAISSON_SERVER;
	if (!text) return undefined;
	const address = parseAddress(text, choice.server ? '--server' : 'CAISSON_SERVER');
	return south ? southOf(address) : address;
}

function unnamedAddress(local: LocalServer | undefined, target: ApiTarget): Address {
	const key = target.port === 'southbound' ? 'client' : 'mgmt';
	return parseAddress(local?.[key] ?? defaultAddress[target.port], `The local server’s ${key} address`);
}

/** `localhost` means the local server where that listens on this port: others may listen on the same port of ::1. */
function sameServer(address: Address, local: LocalServer | undefined): Address {
	if (local === undefined || address.url.hostname !== 'localhost' || address.url.protocol !== 'http:') return address;
	const addresses = local.northbound.map((text) => parseAddress(text, 'The local server’s address'));
	return (
		addresses.find(
			({ url, socket }) => socket === undefined && url.protocol === 'http:' && url.port === address.url.port,
		) ?? address
	);
}

// Only for the server that holds the data directory: another process of this machine may listen on a port that it
// left, or on the default one.
function localToken(address: Address, local: LocalServer | undefined): string | undefined {
	const own = local?.northbound.some((text) => parseAddress(text, 'The local server’s address').text === address.text);
	return own ? local?.token : undefined;
}

// wfx's pairs of default ports; for any other northbound address the southbound one must be named.
const southPorts: Readonly<Record<string, string>> = { 8081: '8080', 8444: '8443' };

function southOf(north: Address): Address {
	const port = southPorts[north.url.port];
	if (north.socket !== undefined || port === undefined) {
		throw new CaissonError(
			'usage-wrong',
			`The southbound port that belongs to ${north.text} is not known; name it with --southbound.`,
		);
	}
	const url = new URL(north.url);
	url.port = port;
	return { url, text: url.href.replace(/\/$/, ''), local: north.local };
}

/** @throws CaissonError file-unusable where it cannot be read, is open to everybody or holds no token */
async function readToken(path: string): Promise<string> {
	const text = (await readText(path)).trim();
	const { mode } = await stat(path);
	if ((mode & 0o007) !== 0) {
		throw new CaissonError(
			'file-unusable',
			`The token file ${path} is open to everybody on this machine; run chmod 0600 on it.`,
		);
	}
	// RFC 6750, section 2.1: b64token.
	if (!/^[A-Za-z0-9\-._~+/]{1,4096}=*$/.test(text)) {
		throw new CaissonError('file-unusable', `The token file ${path} does not hold one token and nothing else.`);
	}
	return text;
}

async function readText(path: string): Promise<string> {
	try {
		return await readFile(path, 'utf8');
	} catch (error) {
		throw fileUnusable(path, error);
	}
}
