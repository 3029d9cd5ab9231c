// Artifacts over HTTP: the bytes, for devices and operators (/artifacts/sha256/…), and their administration for
// operators (spec/caisson.openapi.yaml).

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CaissonError } from '../errors.ts';
import { type Call, type Handlers, send } from '../web/api.ts';
import { sendSource } from '../web/file-reply.ts';
import { identityOf } from '../web/identity.ts';
import { errorReply } from '../web/problem.ts';
import type { RateShaping } from '../web/rate-shaping.ts';
import { collectGarbage } from './garbage.ts';
import { parseContentRange, type Resumption } from './resumption.ts';
import { artifactPath, contentDisposition, fileNameProblem, isDigest } from './rules.ts';
import { type ArtifactWorld, addArtifact, artifactNotFound, deleteArtifact, findArtifact } from './steps.ts';
import type { BlobFacts, BlobStore, TrafficKey, TrafficReader } from './store.ts';
import { dayOf, type TrafficCount } from './traffic.ts';

export interface ServedArtifacts {
	readonly blobs: BlobStore;
	/** Caches between client and server may keep what they see: not where a credential was asked for. */
	readonly shared: boolean;
	readonly shaping: RateShaping;
	/** Absent: what is downloaded here is not counted by artifact and device. */
	readonly traffic?: TrafficCount;
	/** Told of what went out, at once. */
	readonly onSent: (bytes: number, ranges: number) => void;
	readonly onFailure: (error: unknown, request: FastifyRequest) => void;
}

/** Serves GET and HEAD of the bytes: whole, ranges, conditions; under their digest, and as targets of trust. */
export function serveArtifacts(app: FastifyInstance, served: ServedArtifacts): void {
	for (const url of ['/artifacts/sha256/:digest', '/artifacts/sha256/:digest/:name']) {
		app.route({
			method: ['GET', 'HEAD'],
			exposeHeadRoute: false,
			url,
			handler: (request, reply) => {
				const { digest, name } = request.params as { digest: string; name?: string };
				return serve(served, digest, name, request, reply);
			},
		});
	}
	// As clients of The Update Framework ask for targets: the digest before the last part of the path (specification, 6.2).
	app.route({
		method: ['GET', 'HEAD'],
		exposeHeadRoute: false,
		url: '/tuf/targets/*',
		handler: (request, reply) => {
			const last = (request.params as { '*': string })['*'].split('/').at(-1) ?? '';
			const digest = last.charAt(64) === '.' ? last.slice(0, 64) : '';
			return serve(served, digest, undefined, request, reply);
		},
	});
}

async function serve(
	served: ServedArtifacts,
	digest: string,
	name: string | undefined,
	request: FastifyRequest,
	reply: FastifyReply,
): Promise<FastifyReply> {
	try {
		const blob =
			isDigest(digest) && !(name !== undefined && fileNameProblem(name)) && (await served.blobs.open(digest));
		if (!blob) throw artifactNotFound(isDigest(digest) ? digest : 'of this address');
		const identity = identityOf(request.raw);
		const device = identity.kind === 'device' ? identity.clientId : undefined;
		return await sendSource(request, reply, {
			flow: served.shaping.flow(device),
			sent: (bytes, ranges) => {
				served.onSent(bytes, ranges);
				served.traffic?.add(digest, device ?? '', bytes, ranges);
			},
			failed: (error) => served.onFailure(error, request),
			...{ size: blob.size, contentType: 'application/octet-stream', etag: `"${digest}"` },
			headers: headersOf(served, digest, name),
			readRange: blob.readRange,
			...(blob.readAt && { readAt: blob.readAt }),
			...(blob.readNow && { readNow: blob.readNow }),
			close: blob.close,
		});
	} catch (error) {
		if (!(error instanceof CaissonError && error.code === 'artifact-not-found')) served.onFailure(error, request);
		reply.header('Cache-Control', 'no-store');
		return send(reply, errorReply(error, { strict: false }));
	}
}

function headersOf({ shared }: ServedArtifacts, digest: string, name: string | undefined): Record<string, string> {
	return {
		// The address holds the digest of the bytes: they never change (RFC 8246).
		'Cache-Control': shared ? 'public, max-age=31536000, immutable' : 'private, max-age=31536000, immutable',
		'Repr-Digest': representationDigest(digest),
		'X-Content-Type-Options': 'nosniff',
		...(name !== undefined && { 'Content-Disposition': contentDisposition(name) }),
	};
}

/** The last one written: a delta update asks for the same artifact again and again. */
let written = { digest: '', header: '' };

/** RFC 9530: of the whole representation, also beside a range. */
function representationDigest(digest: string): string {
	if (written.digest !== digest) {
		written = { digest, header: `sha-256=:${Buffer.from(digest, 'hex').toString('base64')}:` };
	}
	return written.header;
}

export interface ServedWorld extends ArtifactWorld {
	readonly traffic: TrafficReader;
	/** Writes what is counted and not yet stored, so that an answer has it. */
	readonly writeTraffic: () => Promise<void>;
}

/** The operations of the document under /artifacts. */
export function artifactHandlers(world: ServedWorld, resumption: Resumption): Handlers {
	return {
		'GET /artifacts': async ({ query }) => {
			const { after, limit = 100 } = query as { after?: string; limit?: number };
			if (after !== undefined && !isDigest(after)) throw noDigest('after');
			// One more than asked for tells whether there is another page.
			const blobs = await world.blobs.list({ ...(after !== undefined && { after }), limit: limit + 1 });
			const artifacts = blobs.slice(0, limit).map(shown);
			const next = blobs.length > limit ? artifacts.at(-1)?.digest : undefined;
			return { status: 200, value: { artifacts, ...(next !== undefined && { next }) } };
		},
		'POST /artifacts/collect': async ({ body, by }) => {
			const { olderThan = defaultAge, dryRun = false, limit = 1000 } = (body ?? {}) as CollectBody;
			const collected = await collectGarbage(world, { olderThan: olderThan * 1000, dryRun, limit, by });
			return { status: 200, value: { ...collected, removed: collected.removed.map(shown) } };
		},
		'GET /artifacts/traffic': async ({ query }) => {
			const { digest, clientId, since, by = 'artifact', after, limit = 100 } = query as TrafficQuery;
			for (const one of digest ?? []) if (!isDigest(one)) throw noDigest('digest');
			if (since !== undefined && !isDay(since)) {
				throw new CaissonError('request-invalid', 'since: a day is written as 2026-11-23');
			}
			await world.writeTraffic();
			const filter = {
				...(digest !== undefined && { digests: digest }),
				...(clientId !== undefined && { clientId }),
				...(since !== undefined && { since }),
			};
			const page = { ...(after !== undefined && { after }), limit: limit + 1 };
			const sums = await world.traffic.sums(filter, by, page);
			const traffic = sums.slice(0, limit);
			const next = sums.length > limit ? traffic.at(-1)?.key : undefined;
			return { status: 200, value: { by, traffic, ...(next !== undefined && { next }) } };
		},
		'GET /artifacts/sha256/{digest}': async ({ params }) => {
			return { status: 200, value: shown(await findArtifact(world, digestOf(params))) };
		},
		'PUT /artifacts/sha256/{digest}': async (call) => {
			const digest = digestOf(call.params);
			refuseAnnounced(call, world.maximum());
			const bytes = bytesOf(call.body as IncomingMessage);
			const part = call.header('content-range');
			const added =
				part === undefined
					? await addArtifact(world, digest, bytes, call.by)
					: await resumption.add(digest, parseContentRange(part), bytes, call.by);
			if ('offset' in added) return { status: 202, value: { digest, offset: added.offset } };
			const headers = { Location: artifactPath(digest) };
			return { status: added.created ? 201 : 200, value: shown(added.facts), headers };
		},
		'GET /artifacts/sha256/{digest}/upload': async ({ params }) => {
			const digest = digestOf(params);
			return { status: 200, value: { digest, offset: await resumption.offset(digest) } };
		},
		'DELETE /artifacts/sha256/{digest}': async ({ params, by }) => {
			await deleteArtifact(world, digestOf(params), by);
			return { reply: { status: 204, body: '' } };
		},
	};
}

interface CollectBody {
	/** Seconds. */
	readonly olderThan?: number;
	readonly dryRun?: boolean;
	readonly limit?: number;
}

interface TrafficQuery {
	readonly digest?: readonly string[];
	readonly clientId?: string;
	readonly since?: string;
	readonly by?: TrafficKey;
	readonly after?: string;
	readonly limit?: number;
}

/** 30 days, in seconds. */
const defaultAge = 30 * 86_400;

function isDay(text: string): boolean {
	const time = Date.parse(`${text}T00:00:00Z`);
	return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(time) && dayOf(time) === text;
}

function shown({ digest, size, stored }: BlobFacts) {
	return { digest, size, stored: new Date(stored).toISOString(), path: artifactPath(digest) };
}

function digestOf({ digest = '' }: Readonly<Record<string, string>>): string {
	if (!isDigest(digest)) throw noDigest('digest');
	return digest;
}

function noDigest(field: string): CaissonError {
	return new CaissonError('request-invalid', `${field}: a SHA-256 is 64 hexadecimal digits in lower case`);
}

/** A body whose length is announced is refused before a byte of it is read. */
function refuseAnnounced(call: Call, maximum: number): void {
	if (Number(call.header('content-length') ?? 0) <= maximum) return;
	throw new CaissonError('request-too-large', `the artifact has more than ${maximum} bytes (--max-artifact-size)`);
}

/** The body as it comes. Leaving it early does not cut the connection: the refusal has to go out on it. */
async function* bytesOf(request: IncomingMessage): AsyncGenerator<Uint8Array> {
	try {
		yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
	} catch (cause) {
		throw new CaissonError('request-invalid', 'the upload ended early', { cause });
	}
}
