// Which server a command talks to, and with which token. The order: what the command line names, then the
// environment, then what the local server left in its data directory, then wfx's default addresses. It leaves out
// the talking (http-client.ts).

import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { CaissonError } from '../errors.ts';
import type { ApiTarget } from './api-client.ts';
import { fileUnusable } from './input-file.ts';

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

/** The file in the data directory that tells where the server listens: {"mgmt": URL, "client": URL}. */
export const serverFile = 'server.json';
/** The file in the data directory that holds the first operator's token. */
export const operatorTokenFile = 'operator-token';

/** The data directory: --data, CAISSON_DATA, else /var/lib/caisson for root and the XDG place for everybody else. */
export function dataDirectory(choice: Pick<ServerChoice, 'data'>, environment: Environment): string {
	const named = choice.data || environment.CAISSON_DATA;
	if (named) return named;
	if (process.getuid?.() === 0) return '/var/lib/caisson';
	return join(environment.XDG_DATA_HOME || join(environment.HOME || homedir(), '.local', 'share'), 'caisson');
}

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
export async function findServer(choice: ServerChoice, environment: Environment, target: ApiTarget): Promise<Server> {
	const data = dataDirectory(choice, environment);
	const address = await findAddress(choice, environment, target, data);
	const caFile = choice.ca || environment.CAISSON_CA;
	const ca = caFile ? await readText(caFile) : undefined;
	const token = target.port === 'northbound' ? await findToken(choice, environment, address, data) : undefined;
	return { address, ...(ca === undefined ? {} : { ca }), ...(token === undefined ? {} : { token }) };
}

async function findAddress(
	choice: ServerChoice,
	environment: Environment,
	target: ApiTarget,
	data: string,
): Promise<Address> {
	if (target.address) return parseAddress(target.address, 'The address of the southbound port');
	const south = target.port === 'southbound';
	if (south && environment.CAISSON_SOUTHBOUND)
		return parseAddress(environment.CAISSON_SOUTHBOUND, 'CAISSON_SOUTHBOUND');
	const named = choice.server || environment.CAISSON_SERVER;
	if (named) {
		const address = parseAddress(named, choice.server ? '--server' : 'CAISSON_SERVER');
		return south ? southOf(address) : address;
	}
	const left = await readServerFile(join(data, serverFile));
	const key = south ? 'client' : 'mgmt';
	const text = left?.[key];
	return parseAddress(
		text ?? defaultAddress[target.port],
		text === undefined ? 'The default' : `${serverFile}, ${key}`,
	);
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

async function readServerFile(path: string): Promise<{ mgmt?: string; client?: string } | undefined> {
	let text: string;
	try {
		text = await readFile(path, 'utf8');
	} catch {
		return undefined; // no server has run there, or it is somebody else's: the default address is tried
	}
	try {
		const value = JSON.parse(text) as { mgmt?: unknown; client?: unknown };
		const address = (field: unknown) => (typeof field === 'string' ? field : undefined);
		const [mgmt, client] = [address(value.mgmt), address(value.client)];
		return { ...(mgmt === undefined ? {} : { mgmt }), ...(client === undefined ? {} : { client }) };
	} catch (cause) {
		throw new CaissonError(
			'configuration-invalid',
			`${path} is no JSON object; remove it, or name the server with --server.`,
			{ cause },
		);
	}
}

// A named token file is meant for the server named with it. The operator's token of the data directory is this
// machine's and never leaves it.
async function findToken(
	choice: ServerChoice,
	environment: Environment,
	address: Address,
	data: string,
): Promise<string | undefined> {
	const named = choice.tokenFile || environment.CAISSON_TOKEN_FILE;
	if (named) return readToken(named);
	if (!address.local) return undefined;
	try {
		return await readToken(join(data, operatorTokenFile));
	} catch (error) {
		const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
		// Without it the server says 401, with the remedy; a plain wfx asks for none.
		if (cause?.code === 'ENOENT' || cause?.code === 'EACCES' || cause?.code === 'ENOTDIR') return undefined;
		throw error;
	}
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
