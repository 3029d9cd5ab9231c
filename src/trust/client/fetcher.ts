// One GET over HTTP or HTTPS for a device that trusts no server: lengths are bounded before and while a body is read, what
// comes too slowly is ended, redirects and encodings are refused. It decides when a transfer ends and why; it leaves
// out which mirror is asked (mirrors.ts) and what the bytes are.

import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { RefusalCode } from '../rules/client/refusal.ts';
import { steadily } from './pace.ts';

export interface FetchPolicy {
	/** Milliseconds from the request to the head of the answer. */
	readonly headLimit: number;
	/** Bytes a second that must come, in each `paceWindow`; 0: none. */
	readonly minimumRate: number;
	/** Milliseconds of waiting over which the rate is judged. */
	readonly paceWindow: number;
}

export const defaultFetchPolicy: FetchPolicy = { headLimit: 30_000, minimumRate: 512, paceWindow: 20_000 };

/** Who the device is to the server, and which servers it takes for genuine: PEM. */
export interface TlsIdentity {
	readonly ca?: string | readonly string[];
	readonly certificate?: string;
	readonly key?: string;
}

/** Why a transfer ended. `absent` is 404 or 403 (clause 5.3.3: there is no such file). */
export type FetchReason = 'absent' | 'status' | 'redirected' | 'encoded' | 'too-long' | 'too-slow' | 'broken';

const codeOf: Readonly<Record<FetchReason, RefusalCode>> = {
	absent: 'withheld',
	status: 'unreachable',
	redirected: 'redirected',
	encoded: 'redirected',
	'too-long': 'endless-data',
	'too-slow': 'slow-retrieval',
	broken: 'unreachable',
};

export class FetchFailure extends Error {
	readonly reason: FetchReason;
	constructor(reason: FetchReason, message: string, options?: { cause?: unknown }) {
		super(message, options);
		this.name = 'FetchFailure';
		this.reason = reason;
	}
	get code(): RefusalCode {
		return codeOf[this.reason];
	}
}

export interface Ask {
	/** Most bytes that the whole file may have. */
	readonly maximum: number;
	/** Milliseconds until the whole body must be there; without it only the minimum rate bounds the time. */
	readonly deadline?: number;
	/** Asks for the bytes from here on (Range), above 0. The answer says whether the server did so. */
	readonly from?: number;
	readonly signal?: AbortSignal | undefined;
}

export interface Body {
	/** Position of the first byte: what was asked for, or 0 from a server that sends everything. */
	readonly from: number;
	/** @throws FetchFailure */
	readonly chunks: AsyncIterable<Uint8Array>;
}

/** Kept connections to one host that may all be found closed before it counts as broken. */
const mostStale = 8;

/** Keeps connections open between requests; `close` ends them. */
export class Fetcher {
	readonly #policy: FetchPolicy;
	readonly #http = new HttpAgent({ keepAlive: true });
	readonly #https: HttpsAgent;

	constructor(policy: FetchPolicy = defaultFetchPolicy, tls: TlsIdentity = {}) {
		this.#policy = policy;
		this.#https = new HttpsAgent({
			keepAlive: true,
			...(tls.ca === undefined ? {} : { ca: [tls.ca].flat() as string[] }),
			...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
			...(tls.key === undefined ? {} : { key: tls.key }),
		});
	}

	close(): void {
		this.#http.destroy();
		this.#https.destroy();
	}

	/** The whole body. @throws FetchFailure */
	async bytes(url: URL, ask: Ask): Promise<Uint8Array> {
		const parts: Uint8Array[] = [];
		for await (const part of (await this.open(url, ask)).chunks) parts.push(part);
		return Buffer.concat(parts);
	}

	/**
	 * Resolves with the head of a good answer. The body must be read, or its iterator ended.
	 * @throws FetchFailure; the signal's reason when it aborts
	 */
	async open(url: URL, ask: Ask): Promise<Body> {
		ask.signal?.throwIfAborted();
		const transfer: Transfer = await this.#send(url, ask);
		if (ask.deadline !== undefined) {
			const late = new FetchFailure('too-slow', `it was not complete after ${ask.deadline} ms`);
			transfer.timer = setTimeout(end, ask.deadline, transfer, late);
		}
		try {
			const from = judgeHead(transfer.response, ask);
			return { from, chunks: this.#chunks(transfer, from, ask) };
		} catch (error) {
			clearTimeout(transfer.timer);
			discard(transfer.response);
			throw error;
		}
	}

	/** A connection that the server had closed meanwhile is tried once more; there may be several of them to one host. */
	async #send(url: URL, ask: Ask): Promise<Transfer> {
		for (let tries = 1; ; tries++) {
			try {
				return await this.#once(url, ask);
			} catch (error) {
				if (!(error instanceof StaleConnection)) throw error;
				if (tries === mostStale) throw new FetchFailure('broken', 'it closes connections that it keeps open');
			}
		}
	}

	async #once(url: URL, ask: Ask): Promise<Transfer> {
		const secure = url.protocol === 'https:';
		const request = (secure ? httpsRequest : httpRequest)(url, {
			agent: secure ? this.#https : this.#http,
			headers: {
				accept: 'application/octet-stream, */*',
				'accept-encoding': 'identity',
				'user-agent': 'caisson',
				...(ask.from ? { range: `bytes=${ask.from}-` } : {}),
			},
			...(ask.signal === undefined ? {} : { signal: ask.signal }),
		});
		const limit = this.#policy.headLimit;
		const timer = setTimeout(
			() => request.destroy(new FetchFailure('too-slow', `there was no answer after ${limit} ms`)),
			limit,
		);
		try {
			const response = await new Promise<IncomingMessage>((resolve, reject) => {
				request.on('response', resolve).on('error', reject).end();
			});
			return { request, response };
		} catch (error) {
			ask.signal?.throwIfAborted();
			if (error instanceof FetchFailure) throw error;
			if (request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET') throw new StaleConnection();
			throw broken(error);
		} finally {
			clearTimeout(timer);
		}
	}

	async *#chunks(transfer: Transfer, from: number, ask: Ask): AsyncGenerator<Uint8Array, void, undefined> {
		const { minimumRate, paceWindow } = this.#policy;
		const slow = new FetchFailure(
			'too-slow',
			`it came slower than ${minimumRate} bytes a second over ${paceWindow} ms`,
		);
		const { request, response } = transfer;
		const least = (minimumRate * paceWindow) / 1000;
		let received = from;
		let complete = false;
		try {
			for await (const chunk of steadily(response, least, paceWindow, () => end(transfer, slow))) {
				received += chunk.length;
				if (received > ask.maximum) throw tooLong(`it sent more than the ${ask.maximum} bytes allowed`);
				yield chunk;
			}
			complete = response.complete;
			if (!complete) throw new FetchFailure('broken', 'the connection ended before the body did');
		} catch (error) {
			ask.signal?.throwIfAborted();
			throw transfer.failure ?? (error instanceof FetchFailure ? error : broken(error));
		} finally {
			clearTimeout(transfer.timer);
			if (!complete) request.destroy();
		}
	}
}

interface Transfer {
	readonly request: ClientRequest;
	readonly response: IncomingMessage;
	timer?: NodeJS.Timeout;
	/** Why this side ended it: the stream itself only says that it was cut. */
	failure?: FetchFailure;
}

function end(transfer: Transfer, failure: FetchFailure): void {
	transfer.failure ??= failure;
	transfer.request.destroy();
}

/** The server had closed a kept connection as the request went out. */
class StaleConnection extends Error {}

function tooLong(message: string): FetchFailure {
	return new FetchFailure('too-long', message);
}

function broken(cause: unknown): FetchFailure {
	const { code, message } = cause as NodeJS.ErrnoException;
	return new FetchFailure('broken', `the connection failed (${code ?? message})`, { cause });
}

/** Position of the first byte. @throws FetchFailure for every answer that is not what was asked for */
function judgeHead(response: IncomingMessage, ask: Ask): number {
	const status = response.statusCode ?? 0;
	if (status === 404 || status === 403) throw new FetchFailure('absent', `there is no such file (HTTP ${status})`);
	if (status >= 300 && status < 400) {
		throw new FetchFailure('redirected', `it redirects elsewhere (HTTP ${status}), which is not followed`);
	}
	const partial = status === 206 && ask.from !== undefined;
	if (status !== 200 && !partial) throw new FetchFailure('status', `it answered with HTTP ${status}`);
	const encoding = response.headers['content-encoding'];
	if (encoding !== undefined && encoding !== 'identity') {
		throw new FetchFailure('encoded', `it answered with the content encoding ${encoding.slice(0, 40)}`);
	}
	const from = partial ? rangeStart(response, ask.from as number) : 0;
	const length = Number(response.headers['content-length'] ?? 0);
	if (from + length > ask.maximum) {
		throw tooLong(`it announces ${from + length} bytes; ${ask.maximum} are allowed`);
	}
	return from;
}

function rangeStart(response: IncomingMessage, asked: number): number {
	const start = /^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')?.[1];
	if (start === undefined || Number(start) !== asked) {
		throw new FetchFailure('status', 'it answered with another range than the one asked for');
	}
	return asked;
}

/** Lets a short body end, so that the connection can be used again; ends any other. */
function discard(response: IncomingMessage): void {
	const length = Number(response.headers['content-length'] ?? Number.POSITIVE_INFINITY);
	response.on('error', () => {});
	if (length <= 4096) response.resume();
	else response.destroy();
}
