// What the tests of the server share: certificates made by openssl, and a server as a process of its own. It checks
// nothing itself.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A new empty directory that the tests of this file remove at their end. */
export function temporaryFolder(remove: (step: () => void) => void): string {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-server-'));
	remove(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

export interface CertificateFiles {
	readonly certificate: string;
	readonly key: string;
}

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];

/** A certificate authority for one day. */
export function makeCa(folder: string, name: string): CertificateFiles {
	const files = { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
	openssl([
		'req',
		'-x509',
		...curve,
		'-days',
		'1',
		'-subj',
		`/CN=${name}`,
		'-keyout',
		files.key,
		'-out',
		files.certificate,
	]);
	return files;
}

/** A certificate for localhost and 127.0.0.1, for servers and clients, that `ca` issued. */
export function makeCertificate(folder: string, name: string, ca: CertificateFiles, days = 60): CertificateFiles {
	const files = { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
	openssl([
		...['req', '-x509', ...curve, '-days', String(days), '-subj', `/CN=${name}`],
		...['-CA', ca.certificate, '-CAkey', ca.key, '-addext', 'basicConstraints=critical,CA:FALSE'],
		...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', files.key, '-out', files.certificate],
	]);
	return files;
}

/** Why tests that need certificates cannot run; false where they can. */
export function opensslMissing(): string | false {
	return spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed';
}

function openssl(words: readonly string[]): void {
	execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}

export interface LogLine {
	readonly level: string;
	readonly msg: string;
	readonly [field: string]: unknown;
}

export interface LaunchedServer {
	readonly pid: number;
	/** Everything it wrote to stderr so far. */
	readonly text: () => string;
	/** The first line of the log with this message, also a past one. @throws where the process ends without it */
	logged(message: string | RegExp): Promise<LogLine>;
	/** The URL of a port, from the log; of the first listener, or of the first with this scheme. */
	url(port: 'southbound' | 'northbound', scheme?: string): Promise<string>;
	kill(signal: NodeJS.Signals): void;
	/** The exit code, or the signal that ended it. */
	readonly ended: Promise<number | NodeJS.Signals>;
}

export interface LaunchOptions {
	readonly environment?: Readonly<Record<string, string>>;
	/** File descriptors to hand over, as 3, 4, … with what systemd would set. */
	readonly sockets?: { readonly fds: readonly number[]; readonly names?: string };
}

const cli = join(import.meta.dirname, '..', 'cli.ts');

/** Runs `caisson up` on ports of its own choice, without the configuration of whoever runs the tests. */
export function launch(words: readonly string[], { environment = {}, sockets }: LaunchOptions = {}): LaunchedServer {
	const ports = ['client', 'mgmt', 'client-tls', 'mgmt-tls'].flatMap((name) => [`--${name}-port`, '0']);
	const node = [process.execPath, '--disable-warning=ExperimentalWarning', cli, 'up', ...ports, ...words];
	// The shell becomes Node, so that LISTEN_PID is Node's process id, as it is under systemd.
	const script = sockets ? 'LISTEN_PID=$$ exec "$@"' : 'exec "$@"';
	const systemd = sockets && { LISTEN_FDS: String(sockets.fds.length), LISTEN_FDNAMES: sockets.names ?? '' };
	const { PATH = '', HOME = '' } = process.env;
	const child = spawn('/bin/sh', ['-c', script, 'sh', ...node], {
		env: { PATH, HOME, CAISSON_CONFIG: '/dev/null', ...systemd, ...environment },
		stdio: ['ignore', 'inherit', 'pipe', ...(sockets?.fds ?? [])],
	});
	const lines: string[] = [];
	const stderr = child.stderr as NodeJS.ReadableStream;
	const reader = createInterface(stderr).on('line', (line) => lines.push(line));
	const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
	const find = (fits: (line: LogLine) => boolean) => lines.map(parseLine).find((line) => line && fits(line));
	const awaited = async (what: string, fits: (line: LogLine) => boolean): Promise<LogLine> => {
		for (;;) {
			const found = find(fits);
			if (found) return found;
			const next = await Promise.race([once(reader, 'line'), ended.then(() => 'ended')]);
			if (next === 'ended' && !find(fits)) throw new Error(`ended before it logged ${what}:\n${lines.join('\n')}`);
		}
	};
	return {
		pid: child.pid ?? 0,
		text: () => lines.join('\n'),
		logged: (message) =>
			awaited(String(message), ({ msg }) => (typeof message === 'string' ? msg === message : message.test(msg))),
		url: async (port, scheme = '') => {
			const fits = ({ msg, url }: LogLine) => msg?.startsWith(port) && String(url).startsWith(scheme);
			return String((await awaited(`the URL of ${port}`, fits)).url);
		},
		kill: (signal) => child.kill(signal),
		ended,
	};
}

function parseLine(line: string): LogLine | undefined {
	try {
		return JSON.parse(line) as LogLine;
	} catch {
		return undefined;
	}
}

/** The headers with which requests pass the northbound port of this data directory. */
export function operator(dataDirectory: string): { authorization: string } {
	return { authorization: `Bearer ${readFileSync(join(dataDirectory, 'operator-token'), 'utf8').trim()}` };
}
