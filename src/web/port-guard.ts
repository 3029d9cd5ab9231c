// The guard of a port: every request passes it before its body is read, also those to paths that do not exist. It finds
// out who asks, whether they may call this operation, whether they ask too often, and what the decision hook says; then
// handlers find the identity in identity.ts. It leaves out where tokens are kept, which role may call what, and what
// becomes of denials: those are passed in.

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CaissonError } from '../errors.ts';
import { type AccessDenial, browserFacts, type DeniedRequest, judgeOrigin, tokenInUrl } from './authentication.ts';
import type { CertificateFacts } from './client-certificate.ts';
import { actorOf, anonymous, type Identity, setIdentity } from './identity.ts';
import type { ProxiedFacts, TrustedProxies } from './trusted-proxy.ts';

declare module 'fastify' {
	interface FastifyContextConfig {
		/** The operation as the table of callers names it; null: nothing that could be called. By default method and path. */
		operation?: string | null;
	}
}

/** What the guard has found out when it asks who it is. */
export interface Arrival {
	readonly request: IncomingMessage;
	readonly remoteAddress: string | undefined;
	readonly encrypted: boolean;
	/** Of a client certificate that is trusted, of the connection or passed on by a proxy. */
	readonly certificate: CertificateFacts | undefined;
}

export interface DecisionQuestion {
	readonly port: 'southbound' | 'northbound';
	readonly method: string;
	/** With the query: it never holds a credential. */
	readonly path: string;
	readonly identity: Identity;
	readonly certificate: { readonly subject: string; readonly alternativeNames: readonly string[] } | null;
	readonly remoteAddress: string | null;
	readonly headers: Readonly<Record<string, string>>;
}

export interface Decision {
	readonly allow: boolean;
	readonly reason?: string;
	readonly clientId?: string;
}

export interface PortGuard {
	readonly port: 'southbound' | 'northbound';
	/** Absent: nobody is asked who they are, and nothing is forbidden. */
	readonly access?: {
		/** Host and Origin are checked against these names; absent: browsers have no business here. */
		readonly names?: ReadonlySet<string>;
		/** Who asks; throws nothing but failures of its own (storage). */
		readonly identify: (arrival: Arrival) => Promise<Identity | AccessDenial> | Identity | AccessDenial;
		/** `anonymous` stands for a request without a credential. */
		readonly permits: (identity: Identity, operation: string) => boolean;
	};
	readonly proxies: TrustedProxies;
	/** The certificate of a request; a denial where one was shown that may not be used. */
	readonly certificateOf: (
		request: IncomingMessage,
		proxied: ProxiedFacts,
	) => CertificateFacts | AccessDenial | undefined;
	/** Counts a request of this caller. @returns 0, or milliseconds to wait */
	readonly limit?: (caller: string) => number;
	/** @throws CaissonError decision-unavailable */
	readonly decide?: (question: DecisionQuestion) => Promise<Decision>;
	/** Is told of each denial; must not throw. */
	readonly denied: (denial: AccessDenial, request: DeniedRequest) => void;
}

/** Call it before any route is registered. */
export function guardPort(app: FastifyInstance, guard: PortGuard): void {
	app.addHook('onRequest', async (request, reply) => {
		const proxied = guard.proxies.read(request.raw);
		const facts = { remoteAddress: proxied.remoteAddress, identity: anonymous as Identity };
		const verdict = await judge(guard, request, proxied, facts);
		if (!('reason' in verdict)) {
			setIdentity(request.raw, verdict);
			return;
		}
		refuse(guard, verdict, request, reply, facts);
	});
}

/** @param facts takes the identity as soon as it is known, for the record of a denial that comes later */
async function judge(
	guard: PortGuard,
	request: FastifyRequest,
	proxied: ProxiedFacts,
	facts: { readonly remoteAddress: string | undefined; identity: Identity },
): Promise<Identity | AccessDenial> {
	const { raw } = request;
	const certificate = guard.certificateOf(raw, proxied);
	const encrypted = 'encrypted' in raw.socket;
	const arrival = { request: raw, remoteAddress: proxied.remoteAddress, encrypted };
	const early =
		guard.access &&
		(tokenInUrl(raw.url ?? '') ?? (guard.access.names && judgeOrigin(browserFacts(raw), guard.access.names)));
	const shown = certificate !== undefined && 'reason' in certificate ? certificate : undefined;
	const valid = certificate !== undefined && !('reason' in certificate) ? certificate : undefined;
	const found =
		early ?? shown ?? (await guard.access?.identify({ ...arrival, certificate: valid })) ?? (anonymous as Identity);
	const identity = 'reason' in found ? undefined : found;
	facts.identity = identity ?? anonymous;
	// Also before a denial is told: who guesses is slowed down.
	const wait = guard.limit?.(callerOf(facts.identity, proxied.remoteAddress)) ?? 0;
	if (wait > 0) return tooOften(wait);
	if (identity === undefined) return found as AccessDenial;
	const forbidden = guard.access && judgeOperation(guard.access.permits, identity, request);
	if (forbidden) return forbidden;
	if (guard.decide === undefined) return identity;
	return decided(guard, await guard.decide(question(guard, request, identity, valid, proxied)), identity);
}

function decided({ port }: PortGuard, { allow, reason, clientId }: Decision, identity: Identity) {
	if (!allow) {
		const why = reason === undefined ? '' : `: ${reason}`;
		return { reason: 'decision-hook', code: 'forbidden', message: `the decision hook refuses this${why}` } as const;
	}
	if (port === 'northbound' || clientId === undefined) return identity;
	return { kind: 'device', clientId, how: 'decision-hook' } as const;
}

function judgeOperation(
	permits: (identity: Identity, operation: string) => boolean,
	identity: Identity,
	{ method, routeOptions: { url, config } }: FastifyRequest,
): AccessDenial | undefined {
	const byDefault = url === undefined ? null : `${method === 'HEAD' ? 'GET' : method} ${url}`;
	const operation = config?.operation === undefined ? byDefault : config.operation;
	const needsCredential = identity.kind === 'anonymous';
	if (operation !== null && permits(identity, operation)) return undefined;
	if (needsCredential) {
		const message = 'this port needs a credential: Authorization: Bearer …';
		return { reason: 'no-token', code: 'not-authenticated', message };
	}
	// What does not exist is nobody's: a 404 or 405 follows.
	if (operation === null) return undefined;
	return { reason: 'role', code: 'forbidden', message: `${actorOf(identity)} may not call ${operation}` };
}

/** The bucket of a caller. Of an IPv6 address the first 64 bits: one machine has all that follow. */
function callerOf(identity: Identity, address: string | undefined): string {
	if (identity.kind !== 'anonymous') return actorOf(identity);
	if (address === undefined) return 'local';
	if (!address.includes(':')) return `at ${address}`;
	const [head = '', tail] = address.split('%')[0]?.split('::') ?? [];
	const before = head.split(':').filter((part) => part !== '');
	const after = (tail ?? '').split(':').filter((part) => part !== '');
	const middle = tail === undefined ? [] : Array.from({ length: 8 - before.length - after.length }, () => '0');
	return `at ${[...before, ...middle, ...after].slice(0, 4).join(':')}`;
}

function tooOften(wait: number): AccessDenial & { retryAfter: number } {
	const message = 'too many requests; Retry-After says when to come back';
	return { reason: 'rate', code: 'too-many-requests', message, retryAfter: Math.ceil(wait / 1000) };
}

/** What the hook may see of the headers: never a credential. */
const askedHeaders = [
	'host',
	'origin',
	'user-agent',
	'content-type',
	'content-length',
	'x-client-id',
	'x-client-version',
];

function question(
	{ port }: PortGuard,
	{ raw, headers }: FastifyRequest,
	identity: Identity,
	certificate: CertificateFacts | undefined,
	proxied: ProxiedFacts,
): DecisionQuestion {
	const shown = askedHeaders.flatMap((name) => {
		const value = headers[name];
		return value === undefined ? [] : [[name, String(value)] as const];
	});
	return {
		port,
		method: raw.method ?? '',
		path: raw.url ?? '',
		identity,
		certificate: certificate ? { subject: certificate.subject, alternativeNames: certificate.alternativeNames } : null,
		remoteAddress: proxied.remoteAddress ?? null,
		headers: Object.fromEntries(shown),
	};
}

function refuse(
	guard: PortGuard,
	denial: AccessDenial,
	{ raw }: FastifyRequest,
	reply: FastifyReply,
	{ remoteAddress, identity }: { readonly remoteAddress: string | undefined; readonly identity: Identity },
): never {
	const path = (raw.url ?? '').split('?', 1)[0] ?? '';
	const { port } = guard;
	guard.denied(denial, { port, method: raw.method ?? '', path, remoteAddress, by: actorOf(identity) });
	// RFC 9110, section 11.6.1: a 401 names the scheme. RFC 6750, section 3: and what was wrong with the token.
	if (denial.reason === 'no-token') reply.header('WWW-Authenticate', 'Bearer realm="caisson"');
	if (denial.reason === 'wrong-token') {
		reply.header('WWW-Authenticate', 'Bearer realm="caisson", error="invalid_token"');
	}
	// RFC 9110, section 10.2.3.
	if ('retryAfter' in denial) reply.header('Retry-After', String(denial.retryAfter));
	throw new CaissonError(denial.code, denial.message);
}
