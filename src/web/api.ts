// Serves the operations of an OpenAPI document with Fastify: each request is read and checked by the document, given
// to its handler, and its answer (or error) sent as siemens/wfx would send it. One document serves both ports: an
// operation that is not tagged `southbound` is forbidden there. It knows no noun.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CaissonError } from '../errors.ts';
import { actorOf, type Identity, identityOf } from './identity.ts';
import { closeLingering } from './lingering-close.ts';
import { allowLongBody } from './long-body.ts';
import type { OpenApiDocument, Operation } from './openapi.ts';
import { emptyReply, errorReply, jsonReply, type Reply, textReply } from './problem.ts';
import { type QueryValue, RequestRefused, readBody, readQuery } from './request-checking.ts';
import type { ResponseFilter } from './response-filter.ts';

export type Port = 'southbound' | 'northbound';

/** A request that has passed the checks of its document. */
export interface Call {
	readonly port: Port;
	readonly params: Readonly<Record<string, string>>;
	readonly query: Readonly<Record<string, QueryValue | undefined>>;
	/** Of the operation's schema; undefined where it takes none; the request itself where it takes bytes (see `streamed`). */
	readonly body: unknown;
	/** A header by its lower-case name. */
	header(name: string): string | undefined;
	/** Who asks, as the guard of the port established it. */
	readonly identity: Identity;
	/** The same as a name for the audit trail. */
	readonly by: string;
	/** May pages of every origin read the answer? */
	readonly openToOrigins: boolean;
	/** For handlers that answer by themselves (event streams). */
	readonly reply: FastifyReply;
}

/** A value to send as JSON, a ready reply, or 'sent' by a handler that took the connection over. */
export type Outcome =
	| { readonly status: number; readonly value: unknown; readonly headers?: Readonly<Record<string, string>> }
	| { readonly reply: Reply }
	| 'sent';

export type Handler = (call: Call) => Promise<Outcome>;

/** Handlers by operation, e.g. 'GET /jobs/{id}' as the document writes it. */
export type Handlers = Readonly<Record<string, Handler>>;

export interface ApiOptions {
	readonly document: OpenApiDocument;
	readonly port: Port;
	readonly strict: boolean;
	readonly filter: ResponseFilter;
	/** Cross-origin reading for everybody, as wfx allows it: only where no credential is asked for. */
	readonly openToOrigins: boolean;
	/** Calls with an error that is not the client's doing. */
	readonly onFailure: (error: unknown, request: FastifyRequest) => void;
}

/** Registers every operation of the document; one without a handler is a mistake and throws. */
export function serveApi(app: FastifyInstance, options: ApiOptions, handlers: Handlers): void {
	const { document } = options;
	serveHiddenMethods(app, options);
	for (const [path, operations] of Object.entries(document.paths)) {
		for (const [method, operation] of Object.entries(operations)) {
			const name = `${method.toUpperCase()} ${path}`;
			const handler = handlers[name];
			if (handler === undefined) throw new RangeError(`no handler for ${name}`);
			const route = {
				method: method.toUpperCase(),
				url: `${document.servers[0].url}${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
				exposeHeadRoute: false,
				config: { operation: `${method.toUpperCase()} ${document.servers[0].url}${path}` },
				handler: (request: FastifyRequest, reply: FastifyReply) => serve(options, operation, handler, request, reply),
			};
			if (!streamed(operation)) app.route(route);
			else app.register(async (apart) => routeStream(apart, route));
		}
	}
}

/** An operation that takes bytes reads them itself, as they come: they are not collected, and --max-body-size is not theirs. */
function streamed({ requestBody }: Operation): boolean {
	return requestBody?.content['application/octet-stream'] !== undefined;
}

function routeStream(apart: FastifyInstance, route: Parameters<FastifyInstance['route']>[0]): void {
	apart.removeAllContentTypeParsers();
	apart.addContentTypeParser('*', (request, _body, done) => {
		allowLongBody(request.raw);
		done(null);
	});
	apart.route(route);
}

/**
 * A path without parameters hides those that would match it with one: DELETE /jobs/events is no deletion of a job named
 * events, but a method that /jobs/events does not have.
 */
function serveHiddenMethods(app: FastifyInstance, options: ApiOptions): void {
	const templates = pathTemplates(options.document);
	for (const [path, operations] of Object.entries(options.document.paths)) {
		const url = options.document.servers[0].url + path;
		const elsewhere = templates.filter(({ pattern }) => pattern.test(url)).flatMap(({ methods }) => methods);
		const hidden = new Set(elsewhere.filter((method) => operations[method.toLowerCase()] === undefined));
		if (path.includes('{') || hidden.size === 0) continue;
		const handler = (request: FastifyRequest, reply: FastifyReply) => {
			crossOrigin(options, request, reply);
			return send(reply, textReply(405, 'method not allowed'));
		};
		app.route({ method: [...hidden], url, config: { operation: null }, handler });
	}
}

function pathTemplates(document: OpenApiDocument): { pattern: RegExp; methods: string[] }[] {
	return Object.entries(document.paths).map(([path, operations]) => ({
		pattern: new RegExp(`^${document.servers[0].url}${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
		methods: Object.keys(operations).map((method) => method.toUpperCase()),
	}));
}

async function serve(
	options: ApiOptions,
	operation: Operation,
	handler: Handler,
	request: FastifyRequest,
	reply: FastifyReply,
): Promise<FastifyReply | undefined> {
	// A parameter is never empty: /jobs/ is no job without a name.
	if (Object.values(request.params as Record<string, string>).includes('')) {
		reply.callNotFound();
		return reply;
	}
	try {
		const call = readCall(options, operation, request, reply);
		crossOrigin(options, request, reply);
		if (options.port === 'southbound' && !operation.tags?.includes('southbound') && operation.tags?.length) {
			return send(reply, emptyReply(403));
		}
		const outcome = await handler(call);
		if (outcome === 'sent') return undefined;
		if ('reply' in outcome) return send(reply, outcome.reply);
		const filter = call.header('x-response-filter');
		if (filter !== undefined && operation.parameters?.some((one) => one.$ref?.endsWith('/responseFilter'))) {
			// Node reads headers as latin1; clients write this one in UTF-8.
			const program = Buffer.from(filter, 'latin1').toString('utf8');
			const lines = await options.filter.apply(program, JSON.stringify(outcome.value));
			return send(reply, {
				status: 200,
				// wfx names no type, so Go finds text where there is anything.
				...(lines !== '' && { contentType: 'text/plain; charset=utf-8' }),
				headers: { 'X-Response-Filter': filter },
				body: lines,
			});
		}
		return send(reply, jsonReply(outcome.status, outcome.value, outcome.headers));
	} catch (error) {
		if (!(error instanceof RequestRefused)) options.onFailure(error, request);
		// What is left of the body is not worth keeping.
		if (streamed(operation) && !request.raw.complete) closeLingering(request.raw, reply);
		if (!(error instanceof RequestRefused && error.binding)) crossOrigin(options, request, reply);
		return send(reply, errorReply(error, { strict: options.strict, requestId: request.id }));
	}
}

function readCall(options: ApiOptions, operation: Operation, request: FastifyRequest, reply: FastifyReply): Call {
	const search = searchOf(request.url);
	const header = (name: string) => {
		const value = request.headers[name];
		return Array.isArray(value) ? value[0] : value;
	};
	const query = readQuery(options.document, operation, search);
	const filters = request.raw.headersDistinct['x-response-filter']?.length ?? 0;
	if (filters > 1) throw new RequestRefused(`Expected one value for X-Response-Filter, got ${filters}`, true);
	const body = streamed(operation)
		? request.raw
		: operation.requestBody
			? readBody(options.document, operation, header('content-type'), request.body as Uint8Array | undefined)
			: undefined;
	const identity = identityOf(request.raw);
	return {
		port: options.port,
		params: request.params as Record<string, string>,
		query,
		body,
		header,
		identity,
		by: actorOf(identity),
		openToOrigins: options.openToOrigins,
		reply,
	};
}

/** The query as Go's url.ParseQuery reads it: a pair with a semicolon or a bad escape is dropped, the others count. */
function searchOf(url: string): URLSearchParams {
	const pairs = url.split('?').slice(1).join('?').split('&');
	return new URLSearchParams(pairs.filter((pair) => !/;|%(?![\da-fA-F]{2})/.test(pair)).join('&'));
}

function crossOrigin(options: ApiOptions, request: FastifyRequest, reply: FastifyReply): void {
	reply.header('Vary', 'Origin');
	if (options.openToOrigins && request.headers.origin) reply.header('Access-Control-Allow-Origin', '*');
}

/** Sends a reply as it is. */
export function send(reply: FastifyReply, { status, contentType, headers, body }: Reply): FastifyReply {
	reply.code(status);
	for (const [name, value] of Object.entries(headers ?? {})) reply.header(name, value);
	if (contentType === undefined) return reply.send();
	reply.header('Content-Type', contentType);
	// Bytes rather than a string: Fastify would add a charset to the content type.
	return reply.send(Buffer.from(body));
}

/** The path as Go's ServeMux cleans it, so that it can send the client there. */
function cleanPath(path: string): string {
	if (path === '/download') return '/download/';
	if (!/\/\/|\/\.{1,2}(\/|$)/.test(path)) return path;
	const kept: string[] = [];
	const steps = path.split('/');
	for (const step of steps) {
		if (step === '..') kept.pop();
		else if (step !== '' && step !== '.') kept.push(step);
	}
	const folder = ['', '.', '..'].includes(steps.at(-1) ?? '') && kept.length > 0;
	return `/${kept.join('/')}${folder ? '/' : ''}`;
}

/**
 * Answers what no route took, as Go's ServeMux does for wfx: an unknown path is an empty 404, another method is 405
 * with the methods that the path has (every path has GET and HEAD, as wfx answers any GET).
 */
export function serveNotFound(app: FastifyInstance, options: ApiOptions): void {
	const templates = pathTemplates(options.document);
	app.addHook('onRequest', (request, reply, done) => {
		const [path = '', ...search] = request.url.split('?');
		const clean = cleanPath(path);
		if (clean === path) return done();
		reply.header('Location', [clean, ...search].join('?'));
		const link = `<a href="${escapeHtml([clean, ...search].join('?'))}">Temporary Redirect</a>.\n\n`;
		const page = { status: 307, contentType: 'text/html; charset=utf-8', body: link };
		// Answered: the request goes no further, so done() is not called.
		send(reply, request.method === 'GET' || request.method === 'HEAD' ? page : emptyReply(307));
	});
	app.setNotFoundHandler((request, reply) => {
		const path = request.url.split('?')[0] ?? '/';
		const methods = new Set(templates.filter(({ pattern }) => pattern.test(path)).flatMap((one) => one.methods));
		if (request.method === 'GET') return send(reply, emptyReply(404));
		if (request.method === 'HEAD') {
			if (!methods.has('GET')) return send(reply, emptyReply(404));
			crossOrigin(options, request, reply);
			return send(reply, textReply(405, 'method not allowed'));
		}
		const allowed = [...new Set([...methods, 'GET', 'HEAD'])].sort().join(', ');
		return send(reply, textReply(405, 'Method Not Allowed', { Allow: allowed }));
	});
}

export function escapeHtml(text: string): string {
	return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&#34;');
}

/** Errors that Fastify raises before or beside the handlers: bodies that are too large or cut off, and mistakes of ours. */
export function serveErrors(app: FastifyInstance, options: ApiOptions): void {
	app.setErrorHandler((error, request, reply) => {
		const { code, statusCode = 500, message } = error as { code?: string; statusCode?: number; message: string };
		if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
			// wfx reads the body first and then finds no such type in its document.
			crossOrigin(options, request, reply);
			const type = JSON.stringify(request.headers['content-type'] ?? '');
			return send(reply, textReply(400, `request body has an error: header Content-Type has unexpected value ${type}`));
		}
		if (statusCode >= 500) options.onFailure(error, request);
		if (statusCode < 500) closeLingering(request.raw, reply);
		const known = code === 'FST_ERR_CTP_BODY_TOO_LARGE' ? new CaissonError('request-too-large', message) : undefined;
		if (known === undefined && statusCode < 500) return send(reply, textReply(statusCode, message));
		return send(reply, errorReply(known ?? error, { strict: options.strict, requestId: request.id }));
	});
}
