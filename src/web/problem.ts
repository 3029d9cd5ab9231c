// How a refusal or a failure is sent, in one place: as siemens/wfx sends it (its own JSON for what its API names, text
// for everything else), or with --strict as application/problem+json (RFC 9457) where wfx sends text. The status comes
// from the catalogue of errors, but where wfx answers otherwise. It knows no noun's code, only the codes.

import { CaissonError, type ErrorCode, meaningOf } from '../errors.ts';

export interface Reply {
	readonly status: number;
	readonly contentType?: string;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body: string;
}

interface WfxError {
	readonly code: string;
	readonly logref: string;
	/** wfx's fixed message; absent where it sends the error's own. */
	readonly message?: string;
	/** Where wfx's status is another than the catalogue's. */
	readonly status?: number;
}

/** wfx's error codes (siemens/wfx, api/errors.go), by ours. */
const wfxErrors: Partial<Record<ErrorCode, WfxError>> = {
	'job-not-found': {
		code: 'wfx.jobNotFound',
		logref: '11cc67762090e15b79a1387eca65ba65',
		message: 'Job ID was not found',
	},
	'workflow-not-found': { code: 'wfx.workflowNotFound', logref: 'c452719774086b6e803bb8f6ecea9899' },
	'workflow-exists': { code: 'wfx.workflowNotUnique', logref: 'e1ee1f2aea859b9dd34579610e386da6' },
	'workflow-invalid': { code: 'wfx.workflowInvalid', logref: '18f57adc70dd79c7fb4f1246be8a6e04' },
	'transition-refused': { code: 'wfx.invalidRequest', logref: '96a37ea1f7d205ffbfa12334c6812727' },
	'event-filter-invalid': {
		code: 'wfx.invalidRequest',
		logref: '96a37ea1f7d205ffbfa12334c6812727',
		message: 'The request was invalid and/or could not be completed by the storage',
	},
};

/** Statuses where wfx differs from the catalogue: a client that knows wfx sees what it knows, unless --strict. */
const wfxStatus: Partial<Record<ErrorCode, number>> = { 'workflow-in-use': 500 };

/**
 * The answer to an error.
 * @param options.strict problem+json instead of text
 * @param options.requestId the log lines of the request carry it: sent along where the server is at fault
 * @param options.status overrides the status (wfx answers 400 where a new job names an unknown workflow)
 */
export function errorReply(error: unknown, options: { strict: boolean; status?: number; requestId?: string }): Reply {
	const { code, http, remedy } = meaningOf(error);
	const message = error instanceof CaissonError ? error.message : 'internal error';
	const wfx = wfxErrors[code];
	if (wfx) {
		const item = { code: wfx.code, logref: wfx.logref, message: wfx.message ?? message };
		return jsonReply(options.status ?? http, { errors: [item] });
	}
	const status = options.status ?? (options.strict ? http : (wfxStatus[code] ?? http));
	const trace = options.requestId && http >= 500 ? { 'X-Request-Id': options.requestId } : {};
	if (!options.strict) return textReply(status, message, trace);
	const problem = { type: `urn:caisson:error:${code}`, title: remedy, status, detail: message, code };
	return { status, contentType: 'application/problem+json', headers: trace, body: `${JSON.stringify(problem)}\n` };
}

/** JSON as wfx writes it: one line with its end. */
export function jsonReply(status: number, value: unknown, headers?: Readonly<Record<string, string>>): Reply {
	return {
		status,
		contentType: 'application/json',
		body: `${JSON.stringify(value)}\n`,
		...(headers && { headers }),
	};
}

/** Plain text as Go's http.Error writes it. */
export function textReply(status: number, line: string, headers?: Readonly<Record<string, string>>): Reply {
	return {
		status,
		contentType: 'text/plain; charset=utf-8',
		headers: { 'X-Content-Type-Options': 'nosniff', ...headers },
		body: `${line}\n`,
	};
}

export function emptyReply(status: number, headers?: Readonly<Record<string, string>>): Reply {
	return { status, body: '', ...(headers && { headers }) };
}
