// How commands talk to a server: over HTTP, northbound, with the operator's token. Knows no noun.

import type { ErrorCode } from '../errors.ts';

export interface ApiAnswer {
	readonly status: number;
	readonly headers: Readonly<Record<string, string>>;
	/** Parsed JSON where the answer is JSON, else its text; undefined where there is none. */
	readonly body: unknown;
}

export interface ApiRequest {
	readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
	/** Sent as JSON. */
	readonly body?: unknown;
	/** Sent instead of `body`, as application/octet-stream and as it comes, in memory that does not grow with it. */
	readonly content?: UploadContent;
	readonly headers?: Readonly<Record<string, string>>;
	/** The code to throw where the server answers 404 without naming one (wfx does for DELETE). */
	readonly absent?: ErrorCode;
	/** Statuses besides 2xx whose answer is returned instead of thrown. */
	readonly answers?: readonly number[];
}

export interface UploadContent {
	/** Bytes that `chunks` gives, to be announced before them. */
	readonly length: number;
	/** Not read further once the server has answered; what it throws ends the request and is thrown by it. */
	readonly chunks: AsyncIterable<Uint8Array>;
}

/** Which of a server's two ports, and where; the operator's token never goes to the southbound one. */
export interface ApiTarget {
	readonly port: 'northbound' | 'southbound';
	/** Address of that port; the default is the one that belongs to the northbound server. */
	readonly address?: string | undefined;
}

/** Told what happens to the connection under a stream of events. */
export interface StreamObserver {
	/** The stream is open; `again` after a loss. */
	open?(again: boolean): void;
	lost?(reason: string, retryInMilliseconds: number): void;
}

export interface ServerSentEvent {
	readonly id?: string;
	readonly event?: string;
	readonly data: string;
}

export interface ApiClient {
	/**
	 * @param path from the server's root, e.g. '/api/wfx/v1/jobs'
	 * @throws CaissonError with the server's own code where its answer names one, else a code that fits the status;
	 * server-unreachable where there was no usable answer
	 */
	request(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, request?: ApiRequest): Promise<ApiAnswer>;
	/**
	 * Server-sent events until `signal` aborts; reconnects with Last-Event-ID (a header of that name in `request` is
	 * where the first connection starts). Throws where the first connection fails or the server refuses.
	 */
	events(
		path: string,
		request: ApiRequest,
		signal: AbortSignal,
		observer?: StreamObserver,
	): AsyncIterable<ServerSentEvent>;
	/**
	 * The bytes of an answer of any length, as they come (GET). Throws as `request` does, and server-unreachable where the
	 * connection ends before the answer.
	 */
	download(path: string, request?: ApiRequest): AsyncIterable<Uint8Array>;
	/** The server's address as a person would name it, without any secret. */
	readonly address: string;
}
