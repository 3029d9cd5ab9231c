// The HTTP requests that SWUpdate's wfx module makes, as it makes them: which headers, on which connection (SWUpdate
// 2024.12, suricatta/server_wfx.lua; testdata/device holds its requests as recorded). It decides nothing about jobs.

import { Agent, type IncomingMessage, request as sendRequest } from 'node:http';

/** A job as far as a device reads it. */
export interface DeviceJob {
	readonly id: string;
	readonly clientId: string;
	readonly workflow: {
		readonly name: string;
		readonly groups?: readonly { readonly name: string; readonly states: readonly string[] }[];
		readonly transitions: readonly { readonly from: string; readonly to: string; readonly eligible: string }[];
	};
	readonly definition?: unknown;
	readonly status: { readonly state: string; readonly definitionHash?: string };
}

/** What a device reports of a job. */
export interface Report {
	readonly state: string;
	readonly progress: number;
	readonly message: string;
	/** The device's log, where something failed. */
	readonly lines?: readonly string[];
}

export interface Reply {
	readonly status: number;
	/** Parsed JSON; undefined where there is none. */
	readonly body: unknown;
}

/** Which connection a report goes over: the main one says who the device is, the one for progress does not. */
export type Channel = 'main' | 'progress';

export class WfxClient {
	readonly #base: string;
	readonly #id: string;
	// SWUpdate keeps one connection for everything and opens a second one for progress.
	readonly #agents = {
		main: new Agent({ keepAlive: true, maxSockets: 1 }),
		progress: new Agent({ keepAlive: true, maxSockets: 1 }),
	};

	/** @param base of the compatible API, without a slash at the end */
	constructor(base: string, id: string) {
		this.#base = base;
		this.#id = id;
	}

	/** Asks for the API's description. */
	description(signal: AbortSignal): Promise<Reply> {
		return this.#json('GET', '/swagger.json', 'main', signal);
	}

	openJobs(signal: AbortSignal): Promise<Reply> {
		return this.#json('GET', `/jobs?clientId=${encodeURIComponent(this.#id)}&group=OPEN`, 'main', signal);
	}

	job(id: string, signal: AbortSignal): Promise<Reply> {
		return this.#json('GET', `/jobs/${id}`, 'main', signal);
	}

	/** SWUpdate asks for /job/ here, not /jobs/: wfx has no such route, and the device asks until there is an answer. */
	definition(id: string, signal: AbortSignal): Promise<Reply> {
		return this.#json('GET', `/job/${id}/definition`, 'main', signal);
	}

	report(id: string, report: Report, channel: Channel, signal: AbortSignal): Promise<Reply> {
		const body = {
			state: report.state,
			clientId: this.#id,
			progress: report.progress,
			message: report.message,
			context: { lines: report.lines ?? [] },
		};
		return this.#json('PUT', `/jobs/${id}/status`, channel, signal, JSON.stringify(body));
	}

	/** The bytes at `url`: first a HEAD request for their number, then GET, as SWUpdate does. */
	async download(url: string, signal: AbortSignal): Promise<{ size: number | undefined; body: IncomingMessage }> {
		const type = 'application/octet-stream';
		const head = await this.#send('HEAD', url, 'main', type, signal);
		head.resume();
		const body = await this.#send('GET', url, 'main', type, signal);
		if (body.statusCode !== 200) {
			body.resume();
			throw new Error(`Channel operation returned HTTP error code ${body.statusCode}.`);
		}
		const length = body.headers['content-length'];
		return { size: length === undefined ? undefined : Number(length), body };
	}

	/** Closes the connection for progress, as SWUpdate does after each installation. */
	closeProgress(): void {
		this.#agents.progress.destroy();
	}

	close(): void {
		this.#agents.main.destroy();
		this.#agents.progress.destroy();
	}

	async #json(method: string, path: string, channel: Channel, signal: AbortSignal, body?: string): Promise<Reply> {
		const response = await this.#send(method, this.#base + path, channel, 'application/json', signal, body);
		let text = '';
		for await (const part of response.setEncoding('utf8')) text += part;
		return { status: response.statusCode ?? 0, body: parsed(text) };
	}

	#send(method: string, url: string, channel: Channel, type: string, signal: AbortSignal, body?: string) {
		const headers: Record<string, string> = { Accept: type, 'Content-Type': type };
		if (channel === 'main') {
			headers['X-Client-Id'] = this.#id;
			headers['X-Client-Version'] = 'SWUpdate 0.0.0.0';
		}
		if (body !== undefined) {
			headers['X-Response-Filter'] = 'del(.context)';
			headers['Content-Length'] = String(Buffer.byteLength(body));
		}
		return new Promise<IncomingMessage>((resolve, reject) => {
			const request = sendRequest(url, { method, headers, agent: this.#agents[channel], signal }, resolve);
			request.on('error', reject);
			request.end(body);
		});
	}
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
