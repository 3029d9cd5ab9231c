// Artifacts over HTTP: the bytes, for devices and operators (/artifacts/sha256/…), and their administration for
// operators (spec/caisson.openapi.yaml).

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CaissonError } from '../errors.ts';
import { type Call, type Handlers, send } from '../web/api.ts';
import { sendSource } from '../web/file-reply.ts';
import { errorReply } from '../web/problem.ts';
import { artifactPath, contentDisposition, fileNameProblem, isDigest } from './rules.ts';
import { type ArtifactWorld, addArtifact, artifactNotFound, deleteArtifact, findArtifact } from './steps.ts';
import type { BlobFacts, BlobStore } from './store.ts';

export interface ServedArtifacts {
	readonly blobs: BlobStore;
	/** Caches between client and server may keep what they see: not where a credential was asked for. */
	readonly shared: boolean;
	readonly onFailure: (error: unknown, request: FastifyRequest) => void;
}

/** Serves GET and HEAD of the bytes: whole, ranges, conditions. */
export function serveArtifacts(app: FastifyInstance, served: ServedArtifacts): void {
	for (const url of ['/artifacts/sha256/:digest', '/artifacts/sha256/:digest/:name']) {
		app.route({
			method: ['GET', 'HEAD'],
			exposeHeadRoute: false,
			url,
			handler: (request, reply) => serve(served, request, reply),
		});
	}
}

async function serve(served: ServedArtifacts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
	const { digest, name } = request.params as { digest: string; name?: string };
	try {
		const blob =
			isDigest(digest) && !(name !== undefined && fileNameProblem(name)) && (await served.blobs.open(digest));
		if (!blob) throw artifactNotFound(isDigest(digest) ? digest : 'of this address');
		return await sendSource(request, reply, {
			...{ size: blob.size, contentType: 'application/octet-stream', etag: `"${digest}"` },
			headers: {
				// The address holds the digest of the bytes: they never change (RFC 8246).
				'Cache-Control': `${served.shared ? 'public' : 'private'}, max-age=31536000, immutable`,
				// RFC 9530: of the whole representation, also beside a range.
				'Repr-Digest': `sha-256=:${Buffer.from(digest, 'hex').toString('base64')}:`,
				'X-Content-Type-Options': 'nosniff',
				...(name !== undefined && { 'Content-Disposition': contentDisposition(name) }),
			},
			readRange: blob.readRange,
			close: blob.close,
		});
	} catch (error) {
		if (!(error instanceof CaissonError && error.code === 'artifact-not-found')) served.onFailure(error, request);
		reply.header('Cache-Control', 'no-store');
		return send(reply, errorReply(error, { strict: false }));
	}
}

/** The operations of the document under /artifacts. */
export function artifactHandlers(world: ArtifactWorld): Handlers {
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
		'GET /artifacts/sha256/{digest}': async ({ params }) => {
			return { status: 200, value: shown(await findArtifact(world, digestOf(params))) };
		},
		'PUT /artifacts/sha256/{digest}': async (call) => {
			const digest = digestOf(call.params);
			refuseAnnounced(call, world.maximum());
			const { facts, created } = await addArtifact(world, digest, bytesOf(call.body as IncomingMessage), call.by);
			return { status: created ? 201 : 200, value: shown(facts), headers: { Location: artifactPath(digest) } };
		},
		'DELETE /artifacts/sha256/{digest}': async ({ params, by }) => {
			await deleteArtifact(world, digestOf(params), by);
			return { reply: { status: 204, body: '' } };
		},
	};
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
		throw new CaissonError('request-invalid', 'the upload ended early: nothing of it was kept', { cause });
	}
}
