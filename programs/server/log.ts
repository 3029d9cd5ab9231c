// The server's log: pino underneath, one line a record on stderr, as JSON, for a person, or for the journal. It leaves
// out what is logged. Secrets: credentials in headers and query strings are blanked here, whatever is logged.

import { fstatSync } from 'node:fs';
import { type LevelWithSilent, type Logger, type LoggerOptions, levels, pino, stdSerializers } from 'pino';
import { printable } from '../../src/terminal/printable.ts';

export type LogFormat = 'json' | 'pretty' | 'journald';

export interface ServerLog {
	readonly log: Logger;
	/** Takes effect at once, also for loggers derived from this one before. wfx's 'panic' is pino's 'fatal'. */
	setLevel(level: string): void;
}

interface Output {
	write(line: string): void;
}

/** stderr, which Node writes synchronously to files, pipes and terminals: what was logged survives an abrupt end. */
export const standardError: Output = {
	write(line) {
		process.stderr.write(line);
	},
};

/** 'auto' as wfx decides it: a terminal, the journal (systemd.exec(5), JOURNAL_STREAM), anything else. */
export function chooseLogFormat(
	configured: LogFormat | 'auto',
	terminal: boolean,
	environment: Readonly<Record<string, string | undefined>>,
): LogFormat {
	if (configured !== 'auto') return configured;
	if (terminal) return 'pretty';
	if (environment.JOURNAL_STREAM) {
		try {
			const { dev, ino } = fstatSync(2);
			if (environment.JOURNAL_STREAM === `${dev}:${ino}`) return 'journald';
		} catch {
			// stderr is closed: then it does not matter.
		}
	}
	return 'json';
}

export function createLog(format: LogFormat, level: string, output: Output = standardError): ServerLog {
	let threshold = numberOf(level);
	const options: LoggerOptions = {
		// Derived loggers copy the level when they are made, so all pass everything on and the hook decides.
		level: 'trace',
		hooks: {
			logMethod(parameters, method, recordLevel) {
				if (recordLevel >= threshold) method.apply(this, parameters);
			},
		},
		base: null,
		timestamp: pino.stdTimeFunctions.isoTime,
		formatters: { level: (label) => ({ level: label }) },
		serializers: { req: requestFacts, err: stdSerializers.err },
		redact: {
			paths: ['*.authorization', '*.cookie', 'authorization', 'cookie', 'token', '*.token', 'headers.authorization'],
			censor: '[blanked]',
		},
	};
	const renderers: Record<LogFormat, (line: string) => string> = { json: (line) => line, pretty, journald };
	const render = renderers[format];
	return {
		log: pino(options, { write: (line: string) => output.write(render(line)) }),
		setLevel(next) {
			threshold = numberOf(next);
		},
	};
}

const numberOf = (level: string): number =>
	levels.values[level === 'panic' ? 'fatal' : (level as LevelWithSilent)] ?? 30;

interface LoggedRequest {
	readonly method?: string;
	readonly url?: string;
	readonly ip?: string;
	readonly socket?: { readonly remoteAddress?: string };
}

function requestFacts(request: LoggedRequest) {
	return {
		method: request.method,
		url: blankedUrl(request.url ?? ''),
		remoteAddress: request.ip ?? request.socket?.remoteAddress,
	};
}

/** Without the value of any query parameter that could carry a credential. */
export function blankedUrl(url: string): string {
	return url.replace(/([?&][^=&]*(?:token|secret|password|key|code)[^=&]*=)[^&]*/gi, '$1[blanked]');
}

/** `line` in pieces: pino writes one JSON object a line, with level, time and msg among its members. */
function parts(line: string): {
	level: string;
	time: string;
	message: string;
	rest: string;
	stack: string | undefined;
} {
	const { level, time, msg, err, ...members } = JSON.parse(line);
	const rest = Object.entries(members).map(([name, value]) => `${name}=${shown(value)}`);
	if (err?.message && err.message !== msg) rest.push(`error=${shown(err.message)}`);
	return {
		level: String(level),
		time: String(time),
		message: printable(String(msg ?? '')),
		rest: rest.length > 0 ? `  ${printable(rest.join(' '))}` : '',
		stack: typeof err?.stack === 'string' && !err.code ? err.stack : undefined,
	};
}

function shown(value: unknown): string {
	if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
	return JSON.stringify(value);
}

function pretty(line: string): string {
	const { level, time, message, rest, stack } = parts(line);
	const trace = stack === undefined ? '' : `\n${stack.split('\n').slice(1).map(printable).join('\n')}`;
	return `${time.slice(11, 19)} ${level.toUpperCase().padEnd(5)} ${message}${rest}${trace}\n`;
}

// sd-daemon(3): '<N>' before a line is its syslog priority.
const priorities: Readonly<Record<string, number>> = { fatal: 2, error: 3, warn: 4, info: 6, debug: 7, trace: 7 };

function journald(line: string): string {
	const { level, message, rest, stack } = parts(line);
	const trace = stack === undefined ? '' : `  stack=${printable(JSON.stringify(stack))}`;
	return `<${priorities[level] ?? 6}>${message}${rest}${trace}\n`;
}
