// The repository of trust over HTTP: metadata for devices (/tuf/…, both ports), and its administration for operators
// (spec/caisson.openapi.yaml).

import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CaissonError } from '../errors.ts';
import { type Call, type Handlers, type Outcome, send } from '../web/api.ts';
import { sendSource } from '../web/file-reply.ts';
import { errorReply, textReply } from '../web/problem.ts';
import { adoptRepository, readImport } from './repository/adopt.ts';
import { abortPending, addSignature, offerDocument, prepareRole } from './repository/offer.ts';
import { repositoryStatus } from './repository/status.ts';
import { changeTargets, releaseTargets, type WantedTarget } from './repository/targets.ts';
import { changeSettings, pendingOf, type RepositoryWorld, repositorySettings } from './repository/world.ts';
import { jsonOfCanonical } from './rules/metadata/canonical.ts';
import { expiryTime } from './rules/metadata/expiry.ts';
import { quoted } from './rules/metadata/failure.ts';
import { isImmutable, requestedFile } from './rules/metadata/file-names.ts';
import { serializeMetadata } from './rules/metadata/make.ts';
import type { Signature, TargetFile } from './rules/metadata/model.ts';
import { day, type RepositorySettings } from './rules/repository/settings.ts';
import type { MetadataFiles, StoredTarget } from './store.ts';

export interface ServedMetadata {
	readonly files: Pick<MetadataFiles, 'read'>;
	/** Caches between client and server may keep what they see: not where a credential was asked for. */
	readonly shared: boolean;
	readonly onFailure: (error: unknown, request: FastifyRequest) => void;
}

/** Serves GET and HEAD of metadata, as any web server would serve the folder. */
export function serveMetadata(app: FastifyInstance, served: ServedMetadata): void {
	const cache = new FileCache();
	app.route({
		method: ['GET', 'HEAD'],
		exposeHeadRoute: false,
		url: '/tuf/:name',
		handler: (request, reply) => serve(served, cache, request, reply),
	});
}

async function serve(
	{ files, shared, onFailure }: ServedMetadata,
	cache: FileCache,
	request: FastifyRequest,
	reply: FastifyReply,
): Promise<FastifyReply> {
	try {
		const name = requestedFile((request.params as { name: string }).name);
		const bytes = name === undefined ? undefined : (cache.get(name) ?? (await files.read(name)));
		if (name === undefined || bytes === undefined) {
			// Clients end the chain of roots by the first one that is not there: nobody may remember that.
			return send(reply, textReply(404, '404 page not found', { 'Cache-Control': 'no-store' }));
		}
		const fixed = isImmutable(name);
		if (fixed) cache.put(name, bytes);
		const keep = fixed ? 'max-age=31536000, immutable' : 'no-cache';
		return await sendSource(request, reply, {
			...{ size: bytes.length, contentType: 'application/json' },
			etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`,
			headers: { 'Cache-Control': `${shared ? 'public' : 'private'}, ${keep}`, 'X-Content-Type-Options': 'nosniff' },
			async readAt(into, position) {
				const part = bytes.subarray(position, position + into.length);
				into.set(part);
				return part.length;
			},
			close: async () => undefined,
		});
	} catch (error) {
		onFailure(error, request);
		reply.header('Cache-Control', 'no-store');
		return send(reply, errorReply(error, { strict: false }));
	}
}

/** Versioned files, those that were asked for last: a fleet asks for the same ones. */
class FileCache {
	static readonly #most = 32 * 2 ** 20;
	readonly #files = new Map<string, Uint8Array>();
	#bytes = 0;

	get(name: string): Uint8Array | undefined {
		const bytes = this.#files.get(name);
		if (bytes === undefined) return undefined;
		this.#files.delete(name);
		this.#files.set(name, bytes);
		return bytes;
	}

	put(name: string, bytes: Uint8Array): void {
		if (this.#files.has(name) || bytes.length > FileCache.#most / 4) return;
		this.#files.set(name, bytes);
		this.#bytes += bytes.length;
		for (const [oldest, { length }] of this.#files) {
			if (this.#bytes <= FileCache.#most) return;
			this.#files.delete(oldest);
			this.#bytes -= length;
		}
	}
}

const largestDocument = 64 * 2 ** 20;
const largestImport = 400 * 2 ** 20;

/** The operations of the document under /trust. */
export function trustHandlers(world: RepositoryWorld): Handlers {
	return { ...documentHandlers(world), ...targetHandlers(world), ...serviceHandlers(world) };
}

const value = (shown: unknown): Outcome => ({ status: 200, value: shown });
const document = (body: string): Outcome => ({ reply: { status: 200, contentType: 'application/json', body } });

function serviceHandlers(world: RepositoryWorld): Handlers {
	const { trust } = world.storage;
	return {
		'GET /trust': async () => value(await repositoryStatus(world)),
		'GET /trust/settings': async () => value(await repositorySettings(trust)),
		'PUT /trust/settings': async ({ body, by }) => {
			await changeSettings(world, body as RepositorySettings, by);
			return value(await repositorySettings(trust));
		},
		'POST /trust/publish': async ({ by }) => {
			await refuseWithoutRoot(world);
			return value({ published: (await world.publisher.publish(by)) ?? null });
		},
		'POST /trust/online': async ({ by }) => {
			await refuseWithoutRoot(world);
			return value({ published: (await world.publisher.signAll(by)) ?? null });
		},
		'POST /trust/import': async (call) => {
			const files = readImport(await collected(call, largestImport));
			return value(await adoptRepository(world, files, call.by));
		},
	};
}

function documentHandlers(world: RepositoryWorld): Handlers {
	const { trust } = world.storage;
	return {
		'GET /trust/documents/{role}': async ({ params: { role = '' }, query }) => {
			const version = query.version as number | undefined;
			const found = await trust.document(role, version);
			if (found !== undefined) return document(found.body);
			const which = version === undefined ? 'no document' : `no version ${version}`;
			throw new CaissonError('trust-role-unknown', `there is ${which} of the role ${quoted(role)}`);
		},
		'POST /trust/documents/{role}': async (call) => {
			const bytes = await collected(call, largestDocument);
			return value(await offerDocument(world, call.params.role ?? '', bytes, call.by));
		},
		'GET /trust/pending/{role}': async ({ params: { role = '' } }) => document((await pendingOf(trust, role)).body),
		'POST /trust/pending/{role}': async ({ params: { role = '' }, body, by }) => {
			const { expires } = body as { expires?: string };
			const metadata = await prepareRole(world, role, by, expires === undefined ? undefined : endOf(world, expires));
			return document(new TextDecoder().decode(serializeMetadata(metadata)));
		},
		'DELETE /trust/pending/{role}': async ({ params: { role = '' }, by }) => {
			await abortPending(world, role, by);
			return { reply: { status: 204, body: '' } };
		},
		'POST /trust/pending/{role}/signatures': async ({ params: { role = '' }, body, by }) => {
			const { keyid, sig } = body as Signature;
			return value(await addSignature(world, role, { keyid, sig }, by));
		},
	};
}

/** A time in the future, and not in a hundred years. */
function endOf({ now }: RepositoryWorld, expires: string): number {
	const time = expiryTime(expires);
	if (time !== undefined && time > now() && time - now() < 36_500 * day) return time;
	throw new CaissonError('request-invalid', 'expires: it is no time in the future of the form YYYY-MM-DDTHH:MM:SSZ');
}

interface TargetQuery {
	readonly prefix?: string;
	readonly role?: string;
	readonly waiting?: boolean;
	readonly after?: string;
	readonly limit?: number;
}

interface TargetBody {
	readonly path: string;
	readonly target?: TargetFile;
	readonly removed?: boolean;
	readonly held?: boolean;
}

function targetHandlers(world: RepositoryWorld): Handlers {
	const { trust } = world.storage;
	return {
		'GET /trust/targets': async ({ query }) => {
			const { prefix, role, waiting, after = '', limit = 100 } = query as TargetQuery;
			const filter = {
				...(prefix !== undefined && { prefix }),
				...(role !== undefined && { role }),
				...(waiting !== undefined && { waiting }),
			};
			const found = await trust.targets(filter, after, limit + 1);
			const next = found.length > limit ? found[limit - 1]?.path : undefined;
			return value({ targets: found.slice(0, limit).map(shown), ...(next !== undefined && { next }) });
		},
		'PUT /trust/targets': async ({ body, by }) => {
			const { targets, publish = false } = body as { targets: readonly TargetBody[]; publish?: boolean };
			await changeTargets(world, targets.map(wantedOf), by);
			const published = publish ? await world.publisher.publish(by) : undefined;
			return value({ changed: targets.length, ...(publish && { published: published ?? null }) });
		},
		'POST /trust/targets/release': async ({ body, by }) => {
			const { paths, publish = false } = body as { paths?: readonly string[]; publish?: boolean };
			const released = await releaseTargets(world, paths, by);
			const published = publish ? await world.publisher.publish(by) : undefined;
			return value({ released, ...(publish && { published: published ?? null }) });
		},
	};
}

function wantedOf({ path, target, removed = false, held }: TargetBody): WantedTarget {
	if (removed === (target !== undefined)) {
		throw new CaissonError('request-invalid', `the target ${quoted(path)} has either "target" or "removed": true`);
	}
	return { path, ...(target !== undefined && { target }), ...(held !== undefined && { held }) };
}

function shown({ path, role, wanted, published, held }: StoredTarget) {
	const parsed = (body: string | null) => (body === null ? null : JSON.parse(jsonOfCanonical(body)));
	return { path, role, wanted: parsed(wanted), published: parsed(published), held };
}

async function refuseWithoutRoot({ storage }: RepositoryWorld): Promise<void> {
	if (((await storage.trust.role('root'))?.version ?? 0) > 0) return;
	throw new CaissonError('trust-not-bootstrapped', 'the repository has no root yet');
}

/** The body whole. @throws CaissonError request-too-large, request-invalid where it ends early */
async function collected(call: Call, most: number): Promise<Uint8Array> {
	const tooLarge = () => new CaissonError('request-too-large', `the body has more than ${most} bytes`);
	if (Number(call.header('content-length') ?? 0) > most) throw tooLarge();
	const request = call.body as IncomingMessage;
	const chunks: Uint8Array[] = [];
	let size = 0;
	try {
		for await (const chunk of request.iterator({ destroyOnReturn: false })) {
			size += chunk.length;
			if (size > most) throw tooLarge();
			chunks.push(chunk);
		}
	} catch (cause) {
		if (cause instanceof CaissonError) throw cause;
		throw new CaissonError('request-invalid', 'the body ended early', { cause });
	}
	return Buffer.concat(chunks);
}
