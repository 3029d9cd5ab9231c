// What an answer that is no success means: the CaissonError for it. Understands wfx's error bodies, problem+json
// (RFC 9457) and plain text. It leaves out that there was no answer at all (http-client.ts).

import { CaissonError, type ErrorCode, errorCatalogue } from '../errors.ts';
import type { ApiRequest } from './api-client.ts';

export interface Refusal {
	readonly status: number;
	readonly headers: Readonly<Record<string, string>>;
	readonly body: unknown;
	readonly method: string;
	readonly path: string;
	/** As a person names the server. */
	readonly address: string;
	readonly request: ApiRequest;
}

// siemens/wfx, generated/api: the codes of its error bodies.
const wfxCodes: Readonly<Record<string, ErrorCode>> = {
	'wfx.invalidRequest': 'request-invalid',
	'wfx.jobNotFound': 'job-not-found',
	'wfx.workflowNotFound': 'workflow-not-found',
	'wfx.workflowNotUnique': 'workflow-exists',
	'wfx.workflowInvalid': 'workflow-invalid',
	'wfx.jobModifiedConcurrently': 'precondition-failed',
};

const statusCodes: Readonly<Record<number, ErrorCode>> = {
	400: 'request-invalid',
	401: 'not-authenticated',
	403: 'forbidden',
	404: 'server-unreachable',
	405: 'server-unreachable',
	409: 'request-invalid',
	412: 'precondition-failed',
	413: 'request-too-large',
	415: 'request-invalid',
	422: 'request-invalid',
	500: 'internal',
	503: 'storage-unavailable',
};

/** The error that a refusal stands for; the message is the server's own where it gave one. */
export function refusalError(refusal: Refusal): CaissonError {
	const { status, body, request } = refusal;
	const wfx = wfxError(body);
	if (wfx !== undefined) return new CaissonError(wfx.code, wfx.message);
	const problem = problemError(body, status);
	if (problem !== undefined) return new CaissonError(problem.code, problem.message);
	if (status === 404 && request.absent !== undefined) {
		return new CaissonError(request.absent, errorCatalogue[request.absent].when);
	}
	const filtered = Object.keys(request.headers ?? {}).some((name) => name.toLowerCase() === 'x-response-filter');
	const code =
		status === 500 && filtered
			? 'filter-failed'
			: (statusCodes[status] ?? (status < 500 ? 'request-invalid' : 'server-unreachable'));
	const words = ownWords(refusal);
	return new CaissonError(code, words === '' ? wordless(refusal, code) : words);
}

function wfxError(body: unknown): { code: ErrorCode; message: string } | undefined {
	const errors = (body as { errors?: unknown } | undefined)?.errors;
	if (!Array.isArray(errors)) return undefined;
	const known = errors.filter((error) => typeof error?.code === 'string' && typeof error?.message === 'string');
	const first = known[0] as { code: string; message: string } | undefined;
	if (first === undefined) return undefined;
	const message = sentence(known.map((error) => error.message).join('; '));
	// wfx gives a refused transition no code of its own (internal/handler/job/status/update.go).
	const refused = first.code === 'wfx.invalidRequest' && first.message.startsWith('transition from ');
	return { code: refused ? 'transition-refused' : (wfxCodes[first.code] ?? 'request-invalid'), message };
}

function problemError(body: unknown, status: number): { code: ErrorCode; message: string } | undefined {
	if (typeof body !== 'object' || body === null) return undefined;
	const { code, type, title, detail } = body as Record<string, unknown>;
	const message = [detail, title].find((text) => typeof text === 'string' && text !== '');
	if (typeof message !== 'string') return undefined;
	const named = [code, typeof type === 'string' ? type.split(/[/#:]/).at(-1) : undefined].find(
		(name): name is ErrorCode => typeof name === 'string' && Object.hasOwn(errorCatalogue, name),
	);
	return { code: named ?? statusCodes[status] ?? 'request-invalid', message: sentence(message) };
}

/** The first lines of a text answer; a page of HTML says nothing useful. */
function ownWords(refusal: Refusal): string {
	const { body, headers } = refusal;
	if (typeof body !== 'string' || (headers['content-type'] ?? '').includes('html')) return '';
	return sentence(body.trim().slice(0, 2000));
}

function wordless({ status, method, path, address }: Refusal, code: ErrorCode): string {
	if (status === 404 || status === 405) {
		return `${address} knows no ${method} ${path}: is it a Caisson or wfx server, and this port the northbound one?`;
	}
	if (status === 401) return `${address} wants a token, and accepted none from this command.`;
	if (status === 403) return `${address} does not let this command ${method} ${path}.`;
	if (code === 'precondition-failed') return errorCatalogue[code].when;
	return `${address} answered ${method} ${path} with status ${status} and no reason.`;
}

function sentence(text: string): string {
	return /[.!?)\]}"']$/.test(text) || text === '' ? text : `${text}.`;
}
