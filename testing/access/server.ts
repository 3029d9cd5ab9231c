// The real server in this process, on free loopback ports and a temporary data directory, and requests to it with
// certificates and whatever headers a test wants. It checks nothing itself.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createApplication } from '../../programs/application.ts';
import { readConfiguration } from '../../programs/server/configuration.ts';
import { type RunningServer, serve } from '../../programs/server.ts';
import { openBlobs } from '../../src/outside/blobs/open.ts';
import { openSqlite } from '../../src/storage/sqlite/open.ts';
import type { Storage } from '../../src/storage/store.ts';
import type { Pair } from './certificates.ts';

export interface AccessServer {
	/** The first southbound and northbound address. */
	readonly south: string;
	readonly north: string;
	readonly data: string;
	readonly running: RunningServer;
	readonly storage: Storage;
	/** Lines of the log, as JSON text. */
	readonly log: readonly string[];
	/** The header that opens the northbound port. */
	readonly operator: { readonly authorization: string };
	stop(): Promise<void>;
}

type Options = Readonly<Record<string, string | readonly string[]>>;

/** Starts it with these options of `caisson up`. */
export async function startAccessServer(options: Options = {}): Promise<AccessServer> {
	const data = mkdtempSync(join(tmpdir(), 'caisson-access-'));
	const ports = Object.fromEntries(['client', 'mgmt', 'client-tls', 'mgmt-tls'].map((name) => [`${name}-port`, '0']));
	const values = Object.fromEntries(
		Object.entries({ ...ports, data, ...options }).map(([name, value]) => [name, [value].flat()]),
	);
	const read = () => readConfiguration({ config: ['/dev/null'], values }, {});
	const log: string[] = [];
	let storage: Storage | undefined;
	const stopWith = async (running?: RunningServer) => {
		await running?.stop();
		rmSync(data, { recursive: true, force: true });
	};
	let running: RunningServer;
	try {
		running = await serve(read(), {
			log: pino({ level: 'debug' }, { write: (line: string) => log.push(line) }),
			setLogLevel: () => undefined,
			readConfiguration: read,
			openStorage: async (file) => {
				storage = await openSqlite(file);
				return storage;
			},
			openBlobs,
			createApplication,
			environment: {},
		});
	} catch (error) {
		await stopWith();
		throw error;
	}
	const address = (port: string) => running.listeners.find(({ plan }) => plan.port === port)?.url ?? '';
	return {
		...{ data, running, log, south: address('southbound'), north: address('northbound') },
		storage: storage as Storage,
		get operator() {
			return { authorization: `Bearer ${readFileSync(join(data, 'operator-token'), 'utf8').trim()}` };
		},
		stop: () => stopWith(running),
	};
}

export interface Ask {
	readonly method?: string;
	readonly headers?: Readonly<Record<string, string | readonly string[]>>;
	/** Sent as JSON. */
	readonly body?: unknown;
	/** Sent as they are, instead of a body. */
	readonly bytes?: Buffer;
	/** Shown in the handshake. */
	readonly identity?: Pair;
	/** The file of the CA that the server's certificate is of. */
	readonly ca?: string;
}

export interface Answer {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	readonly text: string;
	/** undefined where the body is no JSON. */
	// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests that know them
	readonly json: any;
}

/** One request on a connection of its own. Rejects where the connection fails, the handshake included. */
export function ask(
	url: string,
	{ method = 'GET', headers = {}, body, bytes: raw, identity, ca }: Ask = {},
): Promise<Answer> {
	const bytes = raw ?? (body === undefined ? undefined : JSON.stringify(body));
	const type = raw === undefined ? 'application/json' : 'application/octet-stream';
	const send = url.startsWith('https:') ? tlsRequest : plainRequest;
	const options = {
		...{ method, agent: false as const },
		headers: {
			...(bytes !== undefined && { 'content-type': type, 'content-length': String(Buffer.byteLength(bytes)) }),
			...headers,
		} as Record<string, string>,
		...(identity && { cert: readFileSync(identity.certificate), key: readFileSync(identity.key) }),
		...(ca !== undefined && { ca: readFileSync(ca) }),
	};
	return new Promise((resolve, reject) => {
		const asking = send(url, options, (answer) => {
			const { statusCode: status = 0, headers: answered } = answer;
			if (answered['content-type'] === 'text/event-stream') {
				answer.destroy();
				return resolve({ status, headers: answered, text: '', json: undefined });
			}
			let text = '';
			answer.setEncoding('utf8').on('data', (chunk: string) => {
				text += chunk;
			});
			answer.on('error', reject);
			answer.on('end', () => resolve({ status, headers: answered, text, json: parsed(text) }));
		});
		asking.on('error', reject);
		asking.end(bytes);
	});
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

export const api = '/api/wfx/v1';
export const own = '/api/caisson/v1';

export const workflow = {
	name: 'w',
	states: [{ name: 'NEW' }, { name: 'BUSY' }, { name: 'DONE' }],
	groups: [{ name: 'OPEN', states: ['NEW', 'BUSY'] }],
	transitions: [
		{ from: 'NEW', to: 'BUSY', eligible: 'CLIENT' },
		{ from: 'NEW', to: 'BUSY', eligible: 'WFX' },
		{ from: 'BUSY', to: 'BUSY', eligible: 'CLIENT' },
		{ from: 'BUSY', to: 'DONE', eligible: 'WFX' },
	],
};

/** Makes the workflow once and a job for each client. @returns their ids by client */
export async function seed(
	server: AccessServer,
	clients: readonly string[],
	more: Ask = {},
): Promise<Record<string, string>> {
	const send = (path: string, body: unknown) =>
		ask(server.north + api + path, { ...more, method: 'POST', headers: server.operator, body });
	await send('/workflows', workflow);
	const ids: Record<string, string> = {};
	for (const clientId of clients) ids[clientId] = (await send('/jobs', { clientId, workflow: 'w' })).json.id;
	return ids;
}
