// Asks a service of the company's own whether a request may proceed, over HTTP or a unix socket. It decides how long that
// may take, how many are asked at once and what counts as an answer; whatever is none fails closed. It leaves out what is
// asked, and when.

import { Agent, request } from 'node:http';
import { CaissonError } from '../errors.ts';

export interface HookAddress {
	/** For messages. */
	readonly text: string;
	readonly at:
		| { readonly host: string; readonly port: number; readonly path: string }
		| { readonly socketPath: string; readonly path: string };
}

/** `http://HOST[:PORT][/PATH]` or `unix:/PATH`. @throws RangeError */
export function parseHookAddress(text: string): HookAddress {
	if (text.startsWith('unix:/')) return { text, at: { socketPath: text.slice('unix:'.length), path: '/' } };
	const url = URL.canParse(text) ? new URL(text) : undefined;
	if (url?.protocol !== 'http:' || url.username !== '' || url.password !== '' || url.hash !== '') {
		throw new RangeError(`'${text}' is neither http://HOST:PORT/PATH nor unix:/PATH`);
	}
	const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
	return { text, at: { host, port: Number(url.port || 80), path: url.pathname + url.search } };
}

export interface HookAnswer {
	readonly allow: boolean;
	/** For the audit trail and the client. */
	readonly reason?: string;
	/** The device that the request is of. */
	readonly clientId?: string;
}

export interface HookOptions {
	/** Milliseconds for the whole of it, waiting for its turn included. */
	readonly timeout: number;
	/** Questions under way at once; others wait for their turn. */
	readonly concurrency?: number;
	/** Questions waiting for their turn; one more fails at once. */
	readonly waiting?: number;
}

export interface DecisionHook {
	/** @throws CaissonError decision-unavailable where there was no usable answer in time */
	ask(question: unknown): Promise<HookAnswer>;
	close(): void;
}

const longestAnswer = 16 * 1024;

export function openDecisionHook(address: HookAddress, options: HookOptions): DecisionHook {
	const { timeout, concurrency = 64, waiting: mostWaiting = 1024 } = options;
	const agent = new Agent({ keepAlive: true, maxSockets: concurrency, maxFreeSockets: concurrency });
	const waiting: (() => void)[] = [];
	let underWay = 0;

	const turn = (signal: AbortSignal): Promise<void> => {
		if (underWay < concurrency) {
			underWay++;
			return Promise.resolve();
		}
		if (waiting.length >= mostWaiting) return Promise.reject(unavailable('too many requests wait for it'));
		return new Promise((resolve, reject) => {
			const begin = () => {
				signal.removeEventListener('abort', leave);
				underWay++;
				resolve();
			};
			const leave = () => {
				waiting.splice(waiting.indexOf(begin), 1);
				reject(unavailable(`no turn within ${timeout} ms`));
			};
			signal.addEventListener('abort', leave, { once: true });
			waiting.push(begin);
		});
	};

	return {
		async ask(question) {
			const limit = AbortSignal.timeout(timeout);
			await turn(limit);
			try {
				return readAnswer(await post(agent, address, JSON.stringify(question), limit, timeout));
			} finally {
				underWay--;
				waiting.shift()?.();
			}
		},
		close: () => agent.destroy(),
	};
}

function unavailable(reason: string, cause?: unknown): CaissonError {
	const message = `the decision hook gave no answer: ${reason}`;
	return new CaissonError('decision-unavailable', message, cause === undefined ? undefined : { cause });
}

function post(agent: Agent, { at }: HookAddress, body: string, signal: AbortSignal, timeout: number): Promise<string> {
	return new Promise((resolve, reject) => {
		const fail = (error: Error) => {
			const code = (error as NodeJS.ErrnoException).code ?? error.message;
			reject(unavailable(signal.aborted ? `none within ${timeout} ms` : code, error));
		};
		const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
		const asking = request({ ...at, method: 'POST', agent, headers, signal }, (answer) => {
			if (answer.statusCode !== 200) {
				answer.resume();
				return reject(unavailable(`status ${answer.statusCode}`));
			}
			let text = '';
			answer.setEncoding('utf8');
			answer.on('data', (chunk: string) => {
				text += chunk;
				if (text.length > longestAnswer) asking.destroy(new Error(`longer than ${longestAnswer} bytes`));
			});
			answer.on('error', fail);
			// A connection that ended early is no answer, whatever came before.
			answer.on('end', () => (answer.complete ? resolve(text) : fail(new Error('cut off'))));
		});
		asking.on('error', fail);
		asking.end(body);
	});
}

/** Exactly what is documented: anything else may mean something that this version does not know. */
function readAnswer(text: string): HookAnswer {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (cause) {
		throw unavailable('not JSON', cause);
	}
	if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unavailable('not a JSON object');
	const { allow, reason, clientId } = value as Record<string, unknown>;
	if (typeof allow !== 'boolean') throw unavailable('`allow` is neither true nor false');
	if (reason !== undefined && typeof reason !== 'string') throw unavailable('`reason` is no text');
	if (clientId !== undefined && (typeof clientId !== 'string' || !/^[^\p{C}]{1,256}$/u.test(clientId))) {
		throw unavailable('`clientId` is no name of a device');
	}
	return {
		allow,
		...(reason !== undefined && { reason: reason.replaceAll(/\p{C}/gu, ' ').slice(0, 200) }),
		...(clientId !== undefined && { clientId }),
	};
}
