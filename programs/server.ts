// The server program: takes a configuration and runs it, from the lock on the data directory to the last answered
// request. It puts parts in order and undoes them in reverse; what each part does stands in server/. The command
// `caisson up` is in server/up.ts.

import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import { ConsoleLink } from '../src/access/console-link.ts';
import {
	announceServer,
	type DataDirectory,
	defaultDataDirectory,
	openDataDirectory,
	withdrawServer,
} from '../src/access/data-directory.ts';
import { ensureOperatorToken, operatorTokenFile } from '../src/access/operator-token.ts';
import type { BlobStore } from '../src/artifact/store.ts';
import type { OpenBlobs } from '../src/outside/blobs/open.ts';
import { type DecisionHook, openDecisionHook } from '../src/outside/decision-hook.ts';
import { openMetadataFiles } from '../src/outside/metadata-files/open.ts';
import type { DatabaseAddress } from '../src/storage/postgres/address.ts';
import type { Storage } from '../src/storage/store.ts';
import { createMetrics } from '../src/web/metrics.ts';
import { guardPort } from '../src/web/port-guard.ts';
import type { Application, ApplicationParts } from './application.ts';
import { ownVersion } from './cli/own-version.ts';
import { createAccess } from './server/access.ts';
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
import { openTls, type ServedTls } from './server/served-tls.ts';
import { activatedSockets, forgetSystemd, serviceManager } from './server/systemd.ts';
import { checkTrustBoundary, type TrustPolicy } from './server/trust-boundary.ts';
import { openTrustKeys } from './server/trust-keys.ts';

/** What a server is put together from; tests hand in other parts. */
export interface ServerParts {
	readonly log: Logger;
	/** Takes effect at once when log-level is reloaded. */
	readonly setLogLevel: (level: string) => void;
	/** Reads the configuration anew, for a reload. @throws CaissonError configuration-invalid */
	readonly readConfiguration: () => Configuration;
	/** @param file of the embedded store @param database where --database names one: used instead */
	readonly openStorage: (file: string, database: DatabaseAddress | undefined) => Promise<Storage>;
	/** Of artifacts: the bucket, or else the folder. */
	readonly openBlobs: OpenBlobs;
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
	for (const warning of checkTrustBoundary(offered, trustPolicy(values))) log.warn(warning);
	const tls = openTls(plans, configuration, log);

	const link = new ConsoleLink(directory.path, Date.now);
	const firstStart = !existsSync(directory.file(operatorTokenFile));
	const operatorToken =
		values['northbound-auth'] === 'none' ? undefined : ensureOperatorToken(directory.path, randomBytes);
	const live = liveOptions(configuration);
	const storage = await parts.openStorage(directory.file('caisson.db'), values.database);
	undo.push(() => storage.close());
	const blobs = await parts.openBlobs(values.blobs, directory.file('blobs'));
	undo.push(() => blobs.close());
	const metadata = await openMetadataFiles(values.blobs, directory.file('tuf'));
	undo.push(() => metadata.close());
	const signers = await openTrustKeys(configuration, log);
	const hook = openHook(values);
	undo.push(() => hook?.close());
	const application = await parts.createApplication(
		applicationParts({
			live,
			storage,
			blobs,
			log,
			operatorToken,
			link,
			tls,
			hook,
			trust: { files: metadata, signers },
			names: northboundNames(configuration),
		}),
	);
	undo.push(() => application.drain());
	const listeners = await openListeners(plans, configuration, application, tls, log, undo);
	if (operatorToken !== undefined && firstStart) writeLink(link, listeners);
	announce(directory, listeners);
	undo.push(() => withdrawServer(directory));

	let stopping: Promise<void> | undefined;
	const reload = () => {
		if (stopping) return;
		manager.reloading();
		applyReload(parts, live);
		tls.reload(listeners);
		manager.ready('serving');
	};
	const unwatch = watchFiles([...configuration.files, ...tls.files], reload);
	undo.push(unwatch);
	logStart(log, listeners, directory, values);
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
		blobs.close();
		metadata.close();
		hook?.close();
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
	blobs: BlobStore;
	log: Logger;
	/** Absent: northbound requests are not asked for one. */
	operatorToken: string | undefined;
	names: ReadonlySet<string>;
	link: ConsoleLink;
	tls: ServedTls;
	hook: DecisionHook | undefined;
	trust: ApplicationParts['trust'];
}): ApplicationParts {
	const { live, storage, blobs, log, operatorToken, names, link, tls, hook, trust } = from;
	const metrics = createMetrics();
	const values = live.current;
	const access = createAccess({
		...{ values, storage, log, operatorToken, names, hook },
		trust: tls.trust,
		measured: metrics.denied,
	});
	return {
		storage,
		blobs,
		log,
		now: Date.now,
		newId: randomUUID,
		version: { version: ownVersion(), commit: 'unknown' },
		strict: live.current.strict,
		southboundAuthenticated: values['southbound-auth'] !== 'open',
		northboundAuthenticated: operatorToken !== undefined,
		access: { ...access, link: operatorToken === undefined ? undefined : link },
		maxBodySize: live.current['max-body-size'],
		maxArtifactSize: () => live.current['max-artifact-size'],
		artifacts: () => ({
			rates: { total: live.current['artifact-rate'], each: live.current['artifact-device-rate'] },
			trafficRetention: live.current['traffic-retention'],
		}),
		onArtifactSent: metrics.artifactSent,
		prepare(app, port) {
			metrics.observe(app, port);
			const guard = access.guards[port];
			if (guard) guardPort(app, guard);
			if (port === 'northbound') metrics.serve(app);
		},
		onSubscribers: metrics.subscribers,
		// Asked when they are needed, so that a reload takes effect.
		downloads: () => live.current['simple-fileserver'],
		eventStreams: () => ({
			pingInterval: live.current['sse-ping-interval'],
			graceInterval: live.current['sse-grace-interval'],
		}),
		retention: () => ({ jobs: live.current.retention, events: live.current['event-retention'] }),
		trust,
		onTrustExpiries: metrics.trustExpiries,
	};
}

async function openListeners(
	plans: readonly ListenerPlan[],
	configuration: Configuration,
	application: Application,
	tls: ServedTls,
	log: Logger,
	undo: (() => unknown)[],
): Promise<readonly Listener[]> {
	const listeners: Listener[] = [];
	undo.push(() => closeListeners(listeners, 0));
	for (const plan of plans) {
		const listenerTls = plan.scheme === 'https' ? tls.listenerTls(plan.port) : undefined;
		const server = createHttpServer(application[plan.port], configuration.values, listenerTls);
		const listener = await openListener(plan, server, log);
		listeners.push(listener);
		checkActivated(listener, configuration, log);
	}
	return listeners;
}

function trustPolicy(values: Configuration['values']): TrustPolicy {
	return {
		southboundAuth: values['southbound-auth'],
		northboundAuth: values['northbound-auth'],
		insecureOpen: values['insecure-open'],
	};
}

function openHook(values: Configuration['values']): DecisionHook | undefined {
	const address = values['decision-hook'];
	return address && openDecisionHook(address, { timeout: values['decision-timeout'] });
}

/** The address of the console, as a browser on this machine reaches it; a unix socket it does not. */
function writeLink(link: ConsoleLink, listeners: readonly Listener[]): void {
	const urls = listeners.filter(({ plan }) => plan.port === 'northbound').map(({ url }) => url);
	const url = urls.find((one) => one.startsWith('http')) ?? '';
	link.write(`${reachable(url)}/ui/`, randomBytes);
}

/** An address that stands for all of them is reached on loopback from here. */
function reachable(url: string): string {
	return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}

/** Where systemd opened the socket, its address is known only now; nothing has been accepted on it yet. */
function checkActivated({ plan, server }: Listener, { values }: Configuration, log: Logger): void {
	if (!('fd' in plan.at)) return;
	const bound = server.address();
	const address = bound !== null && typeof bound === 'object' ? bound.address : undefined;
	const offered = { port: plan.port, named: plan.named, address, encrypted: plan.scheme === 'https' };
	for (const warning of checkTrustBoundary([offered], trustPolicy(values))) log.warn(warning);
}

/** Notes the addresses for commands of this machine: the socket file where there is one, else plain http, else https. */
function announce(directory: DataDirectory, listeners: readonly Listener[]): void {
	const urls = (port: Listener['plan']['port']) =>
		listeners.filter(({ plan }) => plan.port === port).map(({ url }) => url);
	const preferred = (port: Listener['plan']['port']) => {
		const found = urls(port);
		const order = ['unix:/', 'http:', 'https:'];
		const best = order.map((start) => found.find((url) => url.startsWith(start))).find((url) => url !== undefined);
		return reachable(best ?? '');
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
	values: Configuration['values'],
): void {
	for (const { plan, url } of listeners) {
		if (plan.port === 'southbound') log.info({ url, auth: values['southbound-auth'] }, 'southbound (devices)');
		else if (values['northbound-auth'] === 'none') log.info({ url }, 'northbound (operators), open to this machine');
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
