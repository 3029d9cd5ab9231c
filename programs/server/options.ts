// The table of all options of `caisson up`, as data: names and defaults (wfx's where wfx has the option), how a text
// becomes a value, whether a change takes effect while the server runs, and the help. Flags, environment variables,
// files, the help and the reload are all driven by it. It leaves out where values come from: see configuration.ts.

import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { parseS3Address } from '../../src/outside/blobs/s3-address.ts';
import { parseHookAddress } from '../../src/outside/decision-hook.ts';
import { isPkcs11Uri } from '../../src/outside/signer/pkcs11-uri.ts';
import { DatabaseAddress } from '../../src/storage/postgres/address.ts';
import { deviceIdentityForms } from '../../src/web/client-certificate.ts';
import { parseNetwork } from '../../src/web/trusted-proxy.ts';
import { parseDuration, parseSize } from './duration.ts';

export interface Option<Value> {
	/** One text in, one value out. Given '' only where the option allows to be emptied. @throws RangeError */
	readonly read: (text: string) => Value;
	/** In the notation of a flag; undefined: without a value until one is given. */
	readonly default: string | undefined;
	/** What stands for the value in the help; '' for a switch. */
	readonly value: string;
	/** Takes effect on a reload; otherwise at the next start. */
	readonly live: boolean;
	readonly help: string;
}

export interface ListOption<Value> extends Omit<Option<Value>, 'default'> {
	/** May be given several times, or as one text with commas, or as a list in a file. */
	readonly many: true;
	readonly default: readonly string[];
	/** Two items with the same key contradict each other. */
	key?(item: NoInfer<Value>): string;
}

/** setTimeout fires at once for more than 2^31-1 ms, so a duration that a timer runs for must stay below. */
const longestTimer = 24 * 86_400_000;

function timer(text: string): number {
	const ms = parseDuration(text);
	if (ms > longestTimer) throw new RangeError(`'${text}' is longer than 24d`);
	return ms;
}

function interval(text: string): number {
	const ms = timer(text);
	if (ms < 1) throw new RangeError(`'${text}' is too short for an interval`);
	return ms;
}

function age(text: string): number {
	const ms = parseDuration(text);
	if (ms > 36_525 * 86_400_000) throw new RangeError(`'${text}' is longer than 100 years`);
	return ms;
}

function port(text: string): number {
	if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
		throw new RangeError(`'${text}' is not a port: a whole number from 0 to 65535`);
	}
	return Number(text);
}

function switched(text: string): boolean {
	// strconv.ParseBool, which reads wfx's switches
	if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
	if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false;
	throw new RangeError(`'${text}' is neither true nor false`);
}

function host(text: string): string {
	const bare = text.replace(/^\[(.*)\]$/, '$1');
	if (isIP(bare) === 0 && !/^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$/.test(bare)) {
		throw new RangeError(`'${text}' is neither an IP address nor a host name`);
	}
	return bare.toLowerCase();
}

function path(text: string): string {
	return resolve(text);
}

function size(smallest: number, largest: number) {
	return (text: string): number => {
		const bytes = parseSize(text);
		if (bytes < smallest || bytes > largest) {
			throw new RangeError(`'${text}' is out of range: ${smallest} to ${largest} bytes`);
		}
		return bytes;
	};
}

function choice<const Choice extends string>(...choices: readonly Choice[]) {
	return (text: string): Choice => {
		const found = choices.find((candidate) => candidate === text);
		if (found === undefined) throw new RangeError(`'${text}' is not one of ${choices.join(', ')}`);
		return found;
	};
}

function rate(text: string): number {
	const value = Number(text);
	if (!/^\d+(\.\d+)?$/.test(text) || value > 1e6) throw new RangeError(`'${text}' is not a number from 0 to 1000000`);
	return value;
}

/** Bytes a second: 0, or enough that a connection does not look dead between two turns. */
function byteRate(text: string): number {
	const bytes = parseSize(text);
	if (bytes !== 0 && (bytes < 1024 || bytes > 2 ** 40)) {
		throw new RangeError(`'${text}' is neither 0 nor from 1024 to ${2 ** 40} bytes a second`);
	}
	return bytes;
}

/** How long jobs in one state are kept after their last change. */
export interface Retention {
	readonly state: string;
	/** Milliseconds. */
	readonly age: number;
}

function retention(text: string): Retention {
	const at = text.lastIndexOf('=');
	if (at < 1) throw new RangeError(`'${text}' is not STATE=AGE, for instance ACTIVATED=90d`);
	return { state: text.slice(0, at).trim(), age: age(text.slice(at + 1).trim()) };
}

type Given<Value> = Omit<Option<Value>, 'default'>;
const one = <Value>(option: Given<Value> & { default: string }): Option<Value> => option;
const optional = <Value>(option: Given<Value>): Option<Value | undefined> => ({ ...option, default: undefined });
const many = <Value>(option: Omit<ListOption<Value>, 'many'>): ListOption<Value> => ({ ...option, many: true });

function listenOptions(name: 'client' | 'mgmt', what: string, plain: string, tls: string) {
	return {
		host: one({ read: host, default: '127.0.0.1', value: 'HOST', live: false, help: `${what}: address for http` }),
		port: one({ read: port, default: plain, value: 'PORT', live: false, help: `${what}: port for http` }),
		tlsHost: one({ read: host, default: '127.0.0.1', value: 'HOST', live: false, help: `${what}: address for https` }),
		tlsPort: one({ read: port, default: tls, value: 'PORT', live: false, help: `${what}: port for https` }),
		unixSocket: optional({
			read: path,
			value: 'PATH',
			live: false,
			help: `${what}: unix socket (default: ${name}.sock in the data directory)`,
		}),
	};
}

const client = listenOptions('client', 'southbound (devices)', '8080', '8443');
const mgmt = listenOptions('mgmt', 'northbound (operators)', '8081', '8444');

/** Every option by its name, in the order of the help. */
export const options = {
	data: optional({
		read: path,
		value: 'DIR',
		live: false,
		help: 'data directory: database, token, sockets (default: the one of this user)',
	}),
	database: optional({
		read: (text: string) => new DatabaseAddress(text),
		value: 'URL',
		live: false,
		help: 'PostgreSQL that several servers share: postgres://USER@HOST/NAME (default: a file in the data directory)',
	}),
	blobs: optional({
		read: parseS3Address,
		value: 'URL',
		live: false,
		help: 'bucket for artifacts: s3://BUCKET/PREFIX?endpoint=URL&region=NAME (default: blobs in the data directory)',
	}),
	scheme: many({
		read: choice('http', 'https', 'unix'),
		default: ['http'],
		value: 'SCHEME',
		live: false,
		key: (scheme: string) => scheme,
		help: 'listeners to open: http, https, unix; repeatable',
	}),
	'client-host': client.host,
	'client-port': client.port,
	'client-tls-host': client.tlsHost,
	'client-tls-port': client.tlsPort,
	'client-unix-socket': client.unixSocket,
	'mgmt-host': mgmt.host,
	'mgmt-port': mgmt.port,
	'mgmt-tls-host': mgmt.tlsHost,
	'mgmt-tls-port': mgmt.tlsPort,
	'mgmt-unix-socket': mgmt.unixSocket,
	'mgmt-name': many({
		read: host,
		default: [],
		value: 'NAME',
		live: false,
		help: 'further name under which operators reach the northbound port; repeatable',
	}),
	'northbound-auth': one({
		read: choice('token', 'none'),
		default: 'token',
		value: 'MODE',
		live: false,
		help: 'token: every northbound request carries a token or a session; none: plain wfx, on loopback only',
	}),
	'southbound-auth': one({
		read: choice('open', 'mtls', 'token'),
		default: 'open',
		value: 'MODE',
		live: false,
		help: 'open: plain wfx, on loopback; mtls: client certificates of --tls-ca, https only; token: device tokens',
	}),
	'device-identity': one({
		read: choice(...deviceIdentityForms),
		default: 'cn',
		value: 'FORM',
		live: false,
		help: 'where a certificate names the device: cn, san-dns, san-uri',
	}),
	'decision-hook': optional({
		read: parseHookAddress,
		value: 'URL',
		live: false,
		help: 'service that is asked before a request proceeds: http://HOST:PORT/PATH or unix:/PATH',
	}),
	'decision-timeout': one({
		read: interval,
		default: '2s',
		value: 'TIME',
		live: false,
		help: 'longest time it may take to answer; after that the request is refused',
	}),
	'southbound-rate': optional({
		read: rate,
		value: 'NUMBER',
		live: false,
		help: 'requests a second of one device, or else of one address; 0: no limit (default: 50, with open 0)',
	}),
	'northbound-rate': optional({
		read: rate,
		value: 'NUMBER',
		live: false,
		help: 'requests a second of one operator, or else of one address; 0: no limit (default: 500, with none 0)',
	}),
	'trusted-proxy': many({
		read: parseNetwork,
		default: [],
		value: 'ADDRESS',
		live: false,
		help: 'address or network of a proxy whose X-Forwarded-For and Client-Cert are believed; repeatable',
	}),
	'insecure-open': one({
		read: switched,
		default: 'false',
		value: '',
		live: false,
		help: 'serve devices, who are not authenticated, on addresses that are not loopback',
	}),
	'tls-certificate': optional({ read: path, value: 'FILE', live: false, help: 'certificate chain, PEM' }),
	'tls-key': optional({ read: path, value: 'FILE', live: false, help: 'its private key, PEM, no passphrase' }),
	'tls-ca': optional({
		read: path,
		value: 'FILE',
		live: false,
		help: 'CA whose client certificates are required on https, PEM',
	}),
	'tls-crl': optional({
		read: path,
		value: 'FILE',
		live: false,
		help: 'revocation lists of that CA, PEM; read again when the file changes',
	}),
	'trust-key': many({
		read: (text: string) => (isPkcs11Uri(text) ? text : path(text)),
		default: [],
		value: 'FILE',
		live: false,
		key: (key: string) => key,
		help: 'key that this server signs trust metadata with: PEM file or PKCS#11 URI; repeatable',
	}),
	'trust-passphrase-file': optional({
		read: path,
		value: 'FILE',
		live: false,
		help: 'file whose first line is the passphrase of these keys (default: systemd credential caisson-key-passphrase)',
	}),
	'trust-pin-file': optional({
		read: path,
		value: 'FILE',
		live: false,
		help: 'file (0600) whose first line is the PIN of their token (default: systemd credential caisson-token-pin)',
	}),
	'trust-pkcs11-module': optional({
		read: path,
		value: 'FILE',
		live: false,
		help: 'PKCS#11 module of their token (default: the one that its URI names, or else p11-kit)',
	}),
	'simple-fileserver': optional({
		read: path,
		value: 'DIR',
		live: true,
		help: 'folder served under /download/',
	}),
	strict: one({
		read: switched,
		default: 'false',
		value: '',
		live: false,
		help: 'schema and internal errors as application/problem+json instead of text',
	}),
	'max-body-size': one({
		read: size(1024, 2 ** 30),
		default: '16MiB',
		value: 'BYTES',
		live: false,
		help: 'largest request body',
	}),
	'max-artifact-size': one({
		read: size(1024, 2 ** 40),
		default: '16GiB',
		value: 'BYTES',
		live: true,
		help: 'largest artifact that is uploaded',
	}),
	'artifact-rate': one({
		read: byteRate,
		default: '0',
		value: 'BYTES',
		live: true,
		help: 'bytes of artifacts a second that this server sends at most; 0: no limit',
	}),
	'artifact-device-rate': one({
		read: byteRate,
		default: '0',
		value: 'BYTES',
		live: true,
		help: 'the same for one device, where devices are known (--southbound-auth mtls or token); 0: no limit',
	}),
	'max-header-size': one({
		read: size(1024, 2 ** 24),
		default: '1000000',
		value: 'BYTES',
		live: false,
		help: 'largest request line and headers together',
	}),
	'keep-alive': one({
		read: switched,
		default: 'true',
		value: '',
		live: false,
		help: 'keep connections open between requests',
	}),
	'cleanup-timeout': one({
		read: timer,
		default: '10s',
		value: 'TIME',
		live: false,
		help: 'close connections that are idle between requests for so long',
	}),
	'read-timeout': one({
		read: timer,
		default: '30s',
		value: 'TIME',
		live: false,
		help: 'longest time to receive a whole request; 0: no limit',
	}),
	'write-timeout': one({
		read: timer,
		default: '10m',
		value: 'TIME',
		live: false,
		help: 'close connections on which no byte moved for so long; 0: never',
	}),
	'graceful-timeout': one({
		read: timer,
		default: '15s',
		value: 'TIME',
		live: true,
		help: 'longest time to finish requests at shutdown',
	}),
	'sse-ping-interval': one({
		read: interval,
		default: '30s',
		value: 'TIME',
		live: true,
		help: 'time between keep-alives on event streams',
	}),
	'sse-grace-interval': one({
		read: interval,
		default: '1m',
		value: 'TIME',
		live: true,
		help: 'drop event subscribers that do not read for so long',
	}),
	retention: many({
		read: retention,
		default: [],
		value: 'STATE=AGE',
		live: true,
		key: (item: Retention) => item.state,
		help: 'delete jobs in this state so long after their last change; repeatable',
	}),
	'event-retention': one({
		read: age,
		default: '30d',
		value: 'AGE',
		live: true,
		help: 'forget events older than this; 0: keep all',
	}),
	'traffic-retention': one({
		read: age,
		default: '400d',
		value: 'AGE',
		live: true,
		help: 'forget what was downloaded longer ago than this; 0: keep all',
	}),
	'log-level': one({
		read: choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'panic'),
		default: 'info',
		value: 'LEVEL',
		live: true,
		help: 'trace, debug, info, warn, error, fatal',
	}),
	'log-format': one({
		read: choice('json', 'pretty', 'journald', 'auto'),
		default: 'auto',
		value: 'FORMAT',
		live: false,
		help: 'json, pretty, journald; auto: whichever fits where stderr goes',
	}),
} as const satisfies Record<string, Option<unknown> | ListOption<unknown>>;

export type OptionName = keyof typeof options;
type Table = typeof options;

/** The value of each option under its name: a list for repeatable ones, undefined where none was given or defaulted. */
export type OptionValues = {
	readonly [Name in OptionName]: Table[Name] extends ListOption<infer Item>
		? readonly Item[]
		: Table[Name] extends Option<infer Value>
			? Value
			: never;
};

/** Options of wfx that name things which Caisson does not have, and what to do instead. */
export const refusedOptions: Readonly<Record<string, string>> = {
	storage: "names one of wfx's databases; Caisson keeps its own under --data DIR",
	'storage-opt': "is for wfx's databases; Caisson keeps its own under --data DIR",
	'client-plugins-dir': 'is for plugins; Caisson asks a service instead: --decision-hook URL',
	'mgmt-plugins-dir': 'is for plugins; Caisson asks a service instead: --decision-hook URL',
};
