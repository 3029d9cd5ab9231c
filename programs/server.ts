// The server program: takes a configuration and runs it, from the lock on the data directory to the last answered
// request. It puts parts in order and undoes them in reverse; what each part does stands in server/. The command
// `caisson up` is in server/up.ts.

import { randomBytes, randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import {
	announceServer,
	type DataDirectory,
	defaultDataDirectory,
	openDataDirectory,
	withdrawServer,
} from '../src/access/data-directory.ts';
import { ensureOperatorToken, operatorTokenFile } from '../src/access/operator-token.ts';
import { CaissonError } from '../src/errors.ts';
import type { DatabaseAddress } from '../src/storage/postgres/address.ts';
import type { Storage } from '../src/storage/store.ts';
import { requireOperatorToken } from '../src/web/authentication.ts';
import { createMetrics } from '../src/web/metrics.ts';
import type { Application, ApplicationParts } from './application.ts';
import { ownVersion } from './cli/own-version.ts';
import { recordDenials } from './server/access.ts';
import type { Configuration } from './server/configuration.ts';
import { formatDuration } from './server/duration.ts';
import {
	closeListeners,
	createHttpServer,
	type Listener,
	type ListenerPlan,
	openListener,
} from './server/listeners.ts';
import { northboundNames, planListeners } from './server/plan.ts';
import { type LiveOptions, liveOptions, watchFiles } from './server/reload.ts';
import { activatedSockets, forgetSystemd, serviceManager } from './server/systemd.ts';
import { expiryOf, readTlsFiles, type TlsFiles } from './server/tls.ts';
import { checkTrustBoundary } from './server/trust-boundary.ts';

/** What a server is put together from; tests hand in other parts. */
export interface ServerParts {
	readonly log: Logger;
	/** Takes effect at once when log-level is reloaded. */
	readonly setLogLevel: (level: string) => void;
	/** Reads the configuration anew, for a reload. @throws CaissonError configuration-invalid */
	readonly readConfiguration: () => Configuration;
	/** @param file of the embedded store @param database where --database names one: used instead */
	readonly openStorage: (file: string, database: DatabaseAddress | undefined) => Promise<Storage>;
	readonly createApplication: (parts: ApplicationParts) => Application | Promise<Application>;
	/** The process's own; what systemd passed in it is taken out. */
	readonly environment: Record<string, string | undefined>;
}

export interface RunningServer {
	readonly listeners: readonly Listener[];
	readonly dataDirectory: string;
	/** Reads configuration and certificates anew; what has a fault is logged and changes nothing. */
	reload(): void;
	/** Finishes what is under way within graceful-timeout, then lets go of everything. May be called again. */
	stop(): Promise<void>;
}

/**
 * Starts a server and resolves when it answers.
 * @throws CaissonError data-directory-refused, configuration-invalid, key-unusable, listen-failed, storage-damaged or
 * storage-unavailable; then nothing is left open
 */
export async function serve(configuration: Configuration, parts: ServerParts): Promise<RunningServer> {
	const undo: (() => unknown)[] = [];
	try {
		return await start(configuration, parts, undo);
	} catch (error) {
		for (const step of undo.reverse()) await step();
		throw error;
	}
}

async function start(
	configuration: Configuration,
	parts: ServerParts,
	undo: (() => unknown)[],
): Promise<RunningServer> {
	const { log, environment } = parts;
	const { values } = configuration;
	const activated = activatedSockets(environment, process.pid);
	const manager = serviceManager({ ...environment }, process.pid, (reason) => {
		log.warn({ reason }, 'systemd cannot be told how the service does: systemd-notify failed');
	});
	undo.push(manager.close);
	forgetSystemd(environment);
	for (const warning of configuration.warnings) log.warn(warning);

	const directory = openDataDirectory(values.data ?? defaultDataDirectory(environment), 'caisson up');
	undo.push(directory.release);
	const plans = await planListeners(configuration, directory.path, activated);
	const offered = plans.flatMap(({ port, named, scheme, at }) =>
		'fd' in at
			? []
			: [{ port, named, address: 'address' in at ? at.address : undefined, encrypted: scheme === 'https' }],
	);
	const policy = { northboundAuth: values['northbound-auth'], insecureOpen: values['insecure-open'] };
	for (const warning of checkTrustBoundary(offered, policy)) log.warn(warning);

	const operatorToken =
		values['northbound-auth'] === 'none' ? undefined : ensureOperatorToken(directory.path, randomBytes);
	const live = liveOptions(configuration);
	const storage = await parts.openStorage(directory.file('caisson.db'), values.database);
	undo.push(() => storage.close());
	const application = await parts.createApplication(
		applicationParts({ live, storage, log, operatorToken, names: northboundNames(configuration) }),
	);
	undo.push(() => application.drain());
	const { listeners, reloadTls, tlsFiles } = await openListeners(plans, configuration, application, log, undo);
	announce(directory, listeners);
	undo.push(() => withdrawServer(directory));

	let stopping: Promise<void> | undefined;
	const reload = () => {
		if (stopping) return;
		manager.reloading();
		applyReload(parts, live);
		reloadTls();
		manager.ready('serving');
	};
	const unwatch = watchFiles([...configuration.files, ...tlsFiles], reload);
	undo.push(unwatch);
	logStart(log, listeners, directory, values['northbound-auth']);
	manager.ready('serving');

	const stop = async () => {
		manager.stopping();
		unwatch();
		const graceful = live.current['graceful-timeout'];
		log.info(`stopping: requests under way have ${formatDuration(graceful)}`);
		const closed = closeListeners(listeners, graceful);
		application.endStreams();
		const cut = await closed;
		if (cut > 0) log.warn({ connections: cut }, 'graceful-timeout passed: connections were cut');
		await application.drain();
		await storage.close();
		withdrawServer(directory);
		directory.release();
		manager.close();
		log.info('stopped');
	};
	return {
		listeners,
		dataDirectory: directory.path,
		reload,
		stop() {
			stopping ??= stop();
			return stopping;
		},
	};
}

function applicationParts(from: {
	live: LiveOptions;
	storage: Storage;
	log: Logger;
	/** Absent: northbound requests are not asked for one. */
	operatorToken: string | undefined;
	names: ReadonlySet<string>;
}): ApplicationParts {
	const { live, storage, log, operatorToken: token, names } = from;
	const metrics = createMetrics();
	const record = recordDenials(storage, log, Date.now);
	const denied: typeof record = (denial, request) => {
		metrics.denied(denial.reason);
		record(denial, request);
	};
	return {
		storage,
		log,
		now: Date.now,
		newId: randomUUID,
		version: { version: ownVersion(), commit: 'unknown' },
		strict: live.current.strict,
		southboundAuthenticated: false,
		northboundAuthenticated: token !== undefined,
		maxBodySize: live.current['max-body-size'],
		prepare(app, port) {
			metrics.observe(app, port);
			if (port === 'southbound') return;
			if (token !== undefined) requireOperatorToken(app, { token, names, denied });
			metrics.serve(app);
		},
		onSubscribers: metrics.subscribers,
		// Asked when they are needed, so that a reload takes effect.
		downloads: () => live.current['simple-fileserver'],
		eventStreams: () => ({
			pingInterval: live.current['sse-ping-interval'],
			graceInterval: live.current['sse-grace-interval'],
		}),
		retention: () => ({ jobs: live.current.retention, events: live.current['event-retention'] }),
	};
}

async function openListeners(
	plans: readonly ListenerPlan[],
	configuration: Configuration,
	application: Application,
	log: Logger,
	undo: (() => unknown)[],
) {
	const { values } = configuration;
	const files = plans.some(({ scheme }) => scheme === 'https') ? tlsFilesOf(configuration) : undefined;
	const options = files && readTlsFiles(files);
	if (options) warnOfExpiry(log, expiryOf(options));
	const tls = options && { options, clientCertificates: files?.ca !== undefined };
	const listeners: Listener[] = [];
	undo.push(() => closeListeners(listeners, 0));
	for (const plan of plans) {
		const server = createHttpServer(application[plan.port], values, plan.scheme === 'https' ? tls : undefined);
		const listener = await openListener(plan, server, log);
		listeners.push(listener);
		checkActivated(listener, configuration, log);
	}
	const reloadTls = () => {
		if (files === undefined) return;
		try {
			const next = readTlsFiles(files);
			for (const { server } of listeners) {
				// Connections that are open keep what they agreed on; new ones get the new certificate.
				if ('setSecureContext' in server) server.setSecureContext(next);
			}
			log.info('certificates read');
			warnOfExpiry(log, expiryOf(next));
		} catch (error) {
			log.error({ err: error }, 'the certificates cannot be used; the running ones stay');
		}
	};
	const tlsFiles = files ? [files.certificate, files.key, ...(files.ca ? [files.ca] : [])] : [];
	return { listeners, reloadTls, tlsFiles };
}

function tlsFilesOf({ values, origin }: Configuration): TlsFiles {
	const { 'tls-certificate': certificate, 'tls-key': key, 'tls-ca': ca } = values;
	if (certificate === undefined || key === undefined) {
		const missing = certificate === undefined ? 'tls-certificate' : 'tls-key';
		throw new CaissonError('configuration-invalid', `${missing} is needed for https (${origin(missing)})`);
	}
	return { certificate, key, ca };
}

const day = 86_400_000;

function warnOfExpiry(log: Logger, expiry: number): void {
	const days = Math.floor((expiry - Date.now()) / day);
	if (days < 0) log.error({ expired: new Date(expiry).toISOString() }, 'the TLS certificate has expired');
	else if (days < 30) log.warn({ expires: new Date(expiry).toISOString(), days }, 'the TLS certificate expires soon');
}

/** Where systemd opened the socket, its address is known only now; nothing has been accepted on it yet. */
function checkActivated({ plan, server }: Listener, { values }: Configuration, log: Logger): void {
	if (!('fd' in plan.at)) return;
	const bound = server.address();
	const address = bound !== null && typeof bound === 'object' ? bound.address : undefined;
	const offered = { port: plan.port, named: plan.named, address, encrypted: plan.scheme === 'https' };
	const policy = { northboundAuth: values['northbound-auth'], insecureOpen: values['insecure-open'] };
	for (const warning of checkTrustBoundary([offered], policy)) log.warn(warning);
}

/** Notes the addresses for commands of this machine: the socket file where there is one, else plain http, else https. */
function announce(directory: DataDirectory, listeners: readonly Listener[]): void {
	const urls = (port: Listener['plan']['port']) =>
		listeners.filter(({ plan }) => plan.port === port).map(({ url }) => url);
	const preferred = (port: Listener['plan']['port']) => {
		const found = urls(port);
		const order = ['unix:/', 'http:', 'https:'];
		const best = order.map((start) => found.find((url) => url.startsWith(start))).find((url) => url !== undefined);
		// An address that stands for all of them is reached on loopback from here.
		return (best ?? '').replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
	};
	announceServer(directory, {
		pid: process.pid,
		client: preferred('southbound'),
		mgmt: preferred('northbound'),
		southbound: urls('southbound'),
		northbound: urls('northbound'),
	});
}

function logStart(
	log: Logger,
	listeners: readonly Listener[],
	directory: DataDirectory,
	auth: Configuration['values']['northbound-auth'],
): void {
	for (const { plan, url } of listeners) {
		if (plan.port === 'southbound') log.info({ url }, 'southbound (devices)');
		else if (auth === 'none') log.info({ url }, 'northbound (operators), open to this machine');
		else log.info({ url, tokenFile: directory.file(operatorTokenFile) }, 'northbound (operators)');
	}
	log.info({ data: directory.path, pid: process.pid }, 'serving');
}

/** Puts a newly read configuration into effect as far as a running server can. */
function applyReload(parts: ServerParts, live: LiveOptions): void {
	const { log } = parts;
	let next: Configuration;
	try {
		next = parts.readConfiguration();
	} catch (error) {
		log.error({ err: error }, 'the configuration was refused; the running one stays');
		return;
	}
	for (const warning of next.warnings) log.warn(warning);
	for (const { name, before, after, origin, live: now } of live.replace(next)) {
		const fields = { option: name, before, after, origin };
		if (now) log.info(fields, 'option changed');
		else log.warn(fields, 'option changed in the configuration; it takes effect at the next start');
	}
	parts.setLogLevel(live.current['log-level']);
	log.info('configuration read');
}
