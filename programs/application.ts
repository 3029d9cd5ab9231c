// Puts nouns, stores and HTTP plumbing together into the two request handlers of a server, south and north. It opens
// no socket and reads no configuration (server.ts does), so tests run the very thing that is served.

import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { parse } from 'yaml';
import type { ConsoleLink } from '../src/access/console-link.ts';
import { accessHandlers } from '../src/access/routes.ts';
import { namedByOpenJobs } from '../src/artifact/open-jobs.ts';
import { Resumption } from '../src/artifact/resumption.ts';
import { artifactHandlers, type ServedWorld, serveArtifacts } from '../src/artifact/routes.ts';
import type { BlobStore } from '../src/artifact/store.ts';
import { TrafficCount } from '../src/artifact/traffic.ts';
import { auditHandlers } from '../src/audit/routes.ts';
import { chainHead, type SealingWorld, sealCommitted } from '../src/audit/sealing.ts';
import { meaningOf } from '../src/errors.ts';
import { bulkJobHandlers } from '../src/job/bulk-routes.ts';
import { EventFeed } from '../src/job/event-feed.ts';
import { Folding } from '../src/job/folding.ts';
import { type RetentionRules, sweep } from '../src/job/housekeeping.ts';
import { jobHandlers } from '../src/job/routes.ts';
import { type JobWorld, writeFolded } from '../src/job/steps.ts';
import { trustHash, trustSha256, verifyTrustSignature } from '../src/outside/signer/trust-verify.ts';
import type { Storage } from '../src/storage/store.ts';
import { Housekeeping } from '../src/trust/housekeeping.ts';
import { Publisher } from '../src/trust/publisher.ts';
import { type RepositoryWorld, repositorySettings } from '../src/trust/repository/world.ts';
import { serveMetadata, trustHandlers } from '../src/trust/routes.ts';
import type { OnlineSigner } from '../src/trust/signer.ts';
import type { MetadataFiles } from '../src/trust/store.ts';
import {
	type ApiOptions,
	type Call,
	type Handlers,
	type Port,
	send,
	serveApi,
	serveErrors,
	serveNotFound,
} from '../src/web/api.ts';
import type { ByteRates } from '../src/web/byte-rate.ts';
import { serveDownloads } from '../src/web/downloads.ts';
import type { EventStreamLimits } from '../src/web/event-stream.ts';
import { type OpenApiDocument, requireKnownKeywords } from '../src/web/openapi.ts';
import { emptyReply, jsonReply } from '../src/web/problem.ts';
import { shapeRates } from '../src/web/rate-shaping.ts';
import { ResponseFilter } from '../src/web/response-filter.ts';
import { swaggerOf } from '../src/web/swagger.ts';
import { workflowHandlers } from '../src/workflow/routes.ts';
import type { Access } from './server/access.ts';

export interface ApplicationParts {
	readonly storage: Storage;
	/** Where the bytes of artifacts are. */
	readonly blobs: BlobStore;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
	/** A new unique id for a job: UUIDv4. */
	readonly newId: () => string;
	readonly log: Logger;
	/** What /version says. */
	readonly version: { readonly version: string; readonly commit: string };
	/** Schema and internal errors as application/problem+json instead of wfx's text. */
	readonly strict: boolean;
	/** Requests to the port are authenticated: then no other origin may read the answers. */
	readonly southboundAuthenticated: boolean;
	readonly northboundAuthenticated: boolean;
	/** What tokens and sessions stand on; `denied` records a denial that comes after the guard of the port. */
	readonly access: Pick<Access, 'world' | 'check' | 'denied'> & { readonly link: ConsoleLink | undefined };
	/** Hooks of the program on each port's instance (authentication, metrics), before any route. */
	readonly prepare: (app: FastifyInstance, port: Port) => void;
	/** Folder served under /download/; undefined answers 404 as wfx does. */
	readonly downloads: () => string | undefined;
	/** Largest request body in bytes. */
	readonly maxBodySize: number;
	/** Largest artifact in bytes. */
	readonly maxArtifactSize: () => number;
	/** How artifacts are served. */
	readonly artifacts: () => {
		readonly rates: ByteRates;
		/** Milliseconds for which it is kept what was downloaded; 0: for ever. */
		readonly trafficRetention: number;
	};
	readonly onArtifactSent: (port: Port, bytes: number, ranges: number) => void;
	readonly eventStreams: () => EventStreamLimits;
	readonly onSubscribers: (change: 1 | -1) => void;
	readonly retention: () => RetentionRules;
	/** The repository of trust: where its metadata is served from, and the keys that this server signs with. */
	readonly trust: { readonly files: MetadataFiles; readonly signers: readonly OnlineSigner[] };
	/** Told when each role of trust expires, in milliseconds since the epoch. */
	readonly onTrustExpiries: (expiries: readonly { readonly name: string; readonly expires: number }[]) => void;
}

export interface Application {
	readonly southbound: (request: IncomingMessage, response: ServerResponse) => void;
	readonly northbound: (request: IncomingMessage, response: ServerResponse) => void;
	/** Ends event streams, so that connections can close. */
	endStreams(): void;
	/** Writes what is still folded in memory and stops all background work; the storage stays open. Last call. */
	drain(): Promise<void>;
}

const wfxDocument = readDocument('wfx.openapi.yaml');
const caissonDocument = readDocument('caisson.openapi.yaml');

function readDocument(name: string): OpenApiDocument {
	const document = parse(readFileSync(new URL(`../spec/${name}`, import.meta.url), 'utf8')) as OpenApiDocument;
	requireKnownKeywords(document);
	return document;
}

/** How often folded reports are looked at, and how often old jobs and events are. */
const foldingRound = 250;
const retentionRound = 60_000;
/** How often committed audit rows are sealed, and how often the head of their chain is logged. */
const sealingRound = 10_000;
const headRound = 3_600_000;
/** How often uploads that nobody goes on with are looked for. */
const expiryRound = 3_600_000;
/** How often it is written what was downloaded. */
const trafficRound = 10_000;
/** How often it is looked whether metadata of trust is to be signed or written, and how often old documents are forgotten. */
const trustRound = 60_000;
const outdatedRound = 3_600_000;
/** How often it is written when tokens were last used. */
const usesRound = 60_000;

export async function createApplication(parts: ApplicationParts): Promise<Application> {
	const { storage, log, access } = parts;
	const stopping = new AbortController();
	const filter = new ResponseFilter();
	const feed = new EventFeed(storage.events, storage.onEvents);
	await feed.start();
	const world: JobWorld = {
		jobs: storage.jobs,
		commit: storage.commit,
		folding: new Folding(),
		now: parts.now,
		newId: parts.newId,
		sha256,
	};
	const sealing = { chain: storage.chain, commit: storage.commit, now: parts.now, sha256 };
	const streams = { feed, limits: parts.eventStreams, stopping: stopping.signal, onSubscribers: parts.onSubscribers };
	const wfxHandlers: Handlers = {
		...jobHandlers(world, streams),
		...workflowHandlers({ workflows: storage.workflows, commit: storage.commit, now: parts.now }),
		'GET /health': async () => ({ reply: await health(parts) }),
		'GET /version': async () => ({ status: 200, value: { ...parts.version, apiVersion: 'v1' } }),
	};

	const traffic = new TrafficCount(storage.commit, parts.now);
	const shaping = shapeRates(
		() => parts.artifacts().rates,
		() => performance.now(),
	);
	const artifacts: ServedWorld = {
		...{ blobs: parts.blobs, maximum: parts.maxArtifactSize, now: parts.now, commit: storage.commit },
		references: [() => namedByOpenJobs(storage)],
		traffic: storage.traffic,
		writeTraffic: () => traffic.write(parts.artifacts().trafficRetention),
	};
	const resumption = new Resumption(artifacts);
	const trust = trustWorld(parts);
	const housekeeping = trustHousekeeping(parts, trust);
	const exportFailed = (error: unknown) => log.error({ err: error }, 'an export of the audit trail broke off');
	const caissonHandlers: Handlers = {
		...bulkJobHandlers(world),
		...accessHandlers({
			...access.world,
			check: access.check,
			link: access.link,
			wrongCode: recordWrongCode(access.denied),
		}),
		...artifactHandlers(artifacts, resumption),
		...trustHandlers(trust),
		...auditHandlers({ ...sealing, failed: exportFailed }),
	};
	const instance = async (port: Port): Promise<FastifyInstance> => {
		const app = bareInstance(parts);
		parts.prepare(app, port);
		const options: ApiOptions = {
			document: wfxDocument,
			port,
			strict: parts.strict,
			filter,
			openToOrigins: port === 'southbound' ? !parts.southboundAuthenticated : !parts.northboundAuthenticated,
			onFailure: (error, request) => logFailure(log, error, request),
		};
		serveApi(app, options, wfxHandlers);
		if (port === 'northbound') serveApi(app, { ...options, document: caissonDocument, strict: true }, caissonHandlers);
		serveRoot(app, parts);
		serveDownloads(app, parts.downloads);
		serveArtifacts(app, {
			...{ blobs: parts.blobs, shared: options.openToOrigins, onFailure: options.onFailure, shaping },
			// What operators fetch is no device's.
			...(port === 'southbound' && { traffic }),
			onSent: (bytes, ranges) => parts.onArtifactSent(port, bytes, ranges),
		});
		serveMetadata(app, { files: parts.trust.files, shared: options.openToOrigins, onFailure: options.onFailure });
		serveErrors(app, options);
		serveNotFound(app, options);
		await app.ready();
		return app;
	};
	const [south, north] = [await instance('southbound'), await instance('northbound')];

	const rounds = [
		every(foldingRound, async () => void (await writeFolded(world, world.folding.due(parts.now()))), log),
		every(retentionRound, () => forget(world, parts), log),
		every(sealingRound, async () => void (await sealCommitted(sealing)), log),
		every(usesRound, () => access.check.writeUses(), log),
		every(expiryRound, () => resumption.expire(), log),
		every(trafficRound, () => artifacts.writeTraffic(), log),
		every(headRound, () => logHead(sealing, log), log),
		every(trustRound, () => trustTurn(parts, housekeeping), log, true),
		every(outdatedRound, async () => void (await housekeeping.forget()), log),
	];
	return {
		southbound: (request, response) => south.routing(request, response),
		northbound: (request, response) => north.routing(request, response),
		endStreams: () => stopping.abort(),
		drain: async () => {
			stopping.abort();
			await Promise.all(rounds.map((stop) => stop()));
			await writeFolded(world, world.folding.all());
			// What is not sealed now is by the next start.
			await sealCommitted(sealing).catch((error: unknown) => log.error({ err: error }, 'audit rows were not sealed'));
			await access.check
				.writeUses()
				.catch((error: unknown) => log.error({ err: error }, 'last uses of tokens were not written'));
			await artifacts
				.writeTraffic()
				.catch((error: unknown) => log.error({ err: error }, 'what was downloaded last was not written'));
			feed.stop();
			await filter.close();
			await Promise.all([south.close(), north.close()]);
		},
	};
}

function trustWorld({ storage, trust: { files, signers }, now }: ApplicationParts): RepositoryWorld {
	const crypto = { sha256: trustSha256, hash: trustHash, verify: verifyTrustSignature };
	const settings = () => repositorySettings(storage.trust);
	const publisher = new Publisher({ storage, files, settings, signers, sha256: trustSha256, now });
	return { ...crypto, storage, publisher, now, onlineKeyids: new Set(signers.map(({ keyid }) => keyid)) };
}

function trustHousekeeping(parts: ApplicationParts, { publisher }: RepositoryWorld): Housekeeping {
	const { storage, now, log } = parts;
	const { files, signers } = parts.trust;
	return new Housekeeping({
		...{ storage, files, publisher, now, signs: signers.length > 0 },
		alarm: ({ role, state, expires, remedy }) => {
			const fields = { role, expires: new Date(expires).toISOString(), remedy };
			log.warn(fields, state === 'expired' ? 'a role of trust has expired' : 'a role of trust expires soon');
		},
	});
}

async function trustTurn(parts: ApplicationParts, housekeeping: Housekeeping): Promise<void> {
	try {
		await housekeeping.round();
	} finally {
		parts.onTrustExpiries(housekeeping.expiries);
	}
}

/** Fastify without its own ideas of bodies and errors: bytes in, and every error goes through one place. */
function bareInstance(parts: ApplicationParts): FastifyInstance {
	const app = Fastify({
		logger: false,
		genReqId: () => randomUUID(),
		bodyLimit: parts.maxBodySize,
		exposeHeadRoutes: false,
		routerOptions: { maxParamLength: 4096, ignoreTrailingSlash: false, caseSensitive: true },
		forceCloseConnections: true,
		// A path that cannot be decoded; Go's server answers it before any routing.
		frameworkErrors: (_error, _request, reply) => {
			reply.header('Connection', 'close');
			return send(reply, { status: 400, contentType: 'text/plain; charset=utf-8', body: '400 Bad Request' });
		},
	});
	app.removeAllContentTypeParsers();
	app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
	return app;
}

/** What wfx serves outside its API's document. */
function serveRoot(app: FastifyInstance, parts: ApplicationParts): void {
	const base = wfxDocument.servers[0].url;
	const openapi = `${JSON.stringify(wfxDocument, undefined, 2)}`;
	const swagger = JSON.stringify(swaggerOf(wfxDocument));
	const get = { method: ['GET', 'HEAD'], exposeHeadRoute: false };
	app.route({
		...get,
		url: '/',
		handler: (request, reply) => {
			const link = `<${request.protocol}://${request.host}${base}/openapi.json>; rel="service-desc"`;
			return send(reply, emptyReply(204, { Link: link }));
		},
	});
	app.route({
		...get,
		url: `${base}/openapi.json`,
		handler: (_request, reply) => send(reply, { status: 200, contentType: 'application/json', body: openapi }),
	});
	app.route({
		...get,
		url: `${base}/swagger.json`,
		// wfx sets no content type here, and Go finds text; SWUpdate reads it as JSON either way.
		handler: (_request, reply) => send(reply, { status: 200, contentType: 'text/plain; charset=utf-8', body: swagger }),
	});
	app.route({ ...get, url: '/health', handler: async (_request, reply) => send(reply, await health(parts)) });
	app.route({
		...get,
		url: '/version',
		handler: (_request, reply) => send(reply, jsonReply(200, { ...parts.version, apiVersion: 'v1' })),
	});
}

async function health({ storage, now }: ApplicationParts) {
	const headers = { 'Cache-Control': 'no-cache', Pragma: 'no-cache', Expires: 'Thu, 01 Jan 1970 00:00:00 GMT' };
	const timestamp = new Date(now()).toISOString();
	try {
		await storage.check();
		return jsonReply(200, { details: { persistence: { status: 'up', timestamp } }, status: 'up' }, headers);
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		const details = { persistence: { status: 'down', timestamp, error: reason } };
		return jsonReply(503, { details, status: 'down' }, headers);
	}
}

function sha256(bytes: Uint8Array): string {
	return createHash('sha256').update(bytes).digest('hex');
}

/** A wrong code is a denial like those of the guard, which lets everybody through to where codes are taken. */
function recordWrongCode(denied: Access['denied']): (call: Call) => void {
	return ({ port, by, reply: { request } }) => {
		const message = 'the code of the one-time link is not valid';
		const { method, url, socket } = request.raw;
		denied(
			{ reason: 'wrong-code', code: 'not-authenticated', message },
			{ port, by, method: method ?? '', path: url ?? '', remoteAddress: socket.remoteAddress },
		);
	};
}

/** In the log, which is usually kept elsewhere too, it shows later whether seals were cut off. */
async function logHead({ chain, sha256 }: SealingWorld, log: Logger): Promise<void> {
	const head = await chainHead(chain, sha256);
	if (head !== undefined) log.info({ ...head }, 'head of the audit chain');
}

async function forget(world: JobWorld, parts: ApplicationParts): Promise<void> {
	const deleted = await sweep(world, parts.storage.events, parts.retention());
	if (deleted.jobs + deleted.events > 0) parts.log.info(deleted, 'housekeeping deleted old jobs and events');
}

function logFailure(log: Logger, error: unknown, request: FastifyRequest): void {
	const { code, http } = meaningOf(error);
	const { id, method, url } = request;
	const line = { requestId: id, method, path: url.split('?')[0], code, err: error };
	// A filter is the client's own program: that it fails is no failure of the server.
	if (http >= 500 && code !== 'filter-failed') log.error(line, 'request failed');
	else log.debug(line, 'request refused');
}

/** Runs `work` again and again, never twice at once; `now`: for the first time at once. @returns stops it and waits for a run under way */
function every(interval: number, work: () => Promise<void>, log: Logger, now = false): () => Promise<void> {
	let running: Promise<void> = Promise.resolve();
	let busy = false;
	const run = () => {
		if (busy) return;
		busy = true;
		running = work()
			.catch((error: unknown) => log.error({ err: error }, 'background work failed; it is tried again'))
			.finally(() => {
				busy = false;
			});
	};
	const timer = setInterval(run, interval);
	timer.unref();
	if (now) run();
	return async () => {
		clearInterval(timer);
		await running;
	};
}
