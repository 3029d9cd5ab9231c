// How commands talk to a server: over HTTP, northbound, with the operator's token. Knows no noun.

export interface ApiAnswer {
	readonly status: number;
	readonly headers: Readonly<Record<string, string>>;
	/** Parsed JSON where the answer is JSON, else its text; undefined where there is none. */
	readonly body: unknown;
}

export interface ApiRequest {
	readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
	readonly body?: unknown;
	readonly headers?: Readonly<Record<string, string>>;
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
	/** Server-sent events until `signal` aborts; reconnects with Last-Event-ID. */
	events(path: string, request: ApiRequest, signal: AbortSignal): AsyncIterable<ServerSentEvent>;
}
