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
	/** How often (ms) it is asked anew who is behind requests that last, such as event streams. */
	readonly recheckInterval?: number;
	/** Counts a request of this caller. @returns 0, or milliseconds to wait */
	readonly limit?: (caller: string) => number;
	/** @throws CaissonError decision-unavailable */
	readonly decide?: (question: DecisionQuestion) => Promise<Decision>;
	/** Is told of each denial; must not throw. */
	readonly denied: (denial: AccessDenial, request: DeniedRequest) => void;
}

/** Call it before any route is registered. */
export function guardPort(app: FastifyInstance, guard: PortGuard): void {
	const lasting = guard.access && watchLasting(app, guard);
	app.addHook('onRequest', async (request, reply) => {
		const proxied = guard.proxies.read(request.raw);
		const facts: Facts = { remoteAddress: proxied.remoteAddress, credential: anonymous };
		const verdict = await judge(guard, request, proxied, facts);
		if (!('reason' in verdict)) {
			setIdentity(request.raw, verdict);
			lasting?.add(request, reply, facts);
			return;
		}
		refuse(guard, verdict, request, reply, facts);
	});
}

const usualRecheck = 15_000;

/**
 * A request that lasts (an event stream, a long download) may outlive what let it in. Each is looked at again from time to
 * time, and cut once its certificate or token is not valid any more. The hook is not asked again.
 */
function watchLasting(app: FastifyInstance, guard: PortGuard) {
	const open = new Map<FastifyRequest, { readonly since: number; readonly facts: Facts }>();
	const interval = guard.recheckInterval ?? usualRecheck;
	const look = async () => {
		for (const [request, { since, facts }] of open) {
			if (performance.now() - since < interval) continue;
			const found = await identified(guard, request, guard.proxies.read(request.raw));
			if (!('reason' in found.verdict) && actorOf(found.verdict) === actorOf(facts.credential)) continue;
			const denial = 'reason' in found.verdict ? found.verdict : changed;
			guard.denied(denial, deniedRequest(guard, request, facts));
			request.raw.socket.destroy();
		}
	};
	// Where it cannot be told (the storage is away) nobody is cut: the next round tells.
	const timer = setInterval(() => void look().catch(() => undefined), interval).unref();
	app.addHook('onClose', async () => clearInterval(timer));
	return {
		add(request: FastifyRequest, reply: FastifyReply, facts: Facts) {
			open.set(request, { since: performance.now(), facts });
			reply.raw.once('close', () => open.delete(request));
		},
	};
}

const changed: AccessDenial = {
	reason: 'wrong-token',
	code: 'not-authenticated',
	message: 'the credential is another identity now',
};

/** What is known of a request so far. */
interface Facts {
	readonly remoteAddress: string | undefined;
	/** Whose credential it carries. */
	credential: Identity;
}

/** Who asks, by what the request shows, and the certificate that it shows. */
async function identified(
	{ access, certificateOf }: PortGuard,
	{ raw }: FastifyRequest,
	proxied: ProxiedFacts,
): Promise<{ verdict: Identity | AccessDenial; certificate: CertificateFacts | undefined }> {
	const shown = certificateOf(raw, proxied);
	if (shown !== undefined && 'reason' in shown) return { verdict: shown, certificate: undefined };
	const encrypted = 'encrypted' in raw.socket;
	const arrival: Arrival = { request: raw, remoteAddress: proxied.remoteAddress, encrypted, certificate: shown };
	return { verdict: (await access?.identify(arrival)) ?? anonymous, certificate: shown };
}

/** @param facts takes the identity as soon as it is known, for the record of a denial that comes later */
async function judge(
	guard: PortGuard,
	request: FastifyRequest,
	proxied: ProxiedFacts,
	facts: Facts,
): Promise<Identity | AccessDenial> {
	const { raw } = request;
	const early =
		guard.access &&
		(tokenInUrl(raw.url ?? '') ?? (guard.access.names && judgeOrigin(browserFacts(raw), guard.access.names)));
	const { verdict, certificate } = early
		? { verdict: early, certificate: undefined }
		: await identified(guard, request, proxied);
	if (!('reason' in verdict)) facts.credential = verdict;
	// Also before a denial is told: who guesses is slowed down.
	const wait = guard.limit?.(callerOf(facts.credential, proxied.remoteAddress)) ?? 0;
	if (wait > 0) return tooOften(wait);
	if ('reason' in verdict) return verdict;
	const forbidden = guard.access && judgeOperation(guard.access.permits, verdict, request);
	if (forbidden) return forbidden;
	if (guard.decide === undefined) return verdict;
	return decided(guard, await guard.decide(question(guard, request, verdict, certificate, proxied)), verdict);
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
	request: FastifyRequest,
	reply: FastifyReply,
	facts: Facts,
): never {
	guard.denied(denial, deniedRequest(guard, request, facts));
	// RFC 9110, section 11.6.1: a 401 names the scheme. RFC 6750, section 3: and what was wrong with the token.
	if (denial.reason === 'no-token') reply.header('WWW-Authenticate', 'Bearer realm="caisson"');
	if (denial.reason === 'wrong-token') {
		reply.header('WWW-Authenticate', 'Bearer realm="caisson", error="invalid_token"');
	}
	// RFC 9110, section 10.2.3.
	if ('retryAfter' in denial) reply.header('Retry-After', String(denial.retryAfter));
	throw new CaissonError(denial.code, denial.message);
}

function deniedRequest(
	{ port }: PortGuard,
	{ raw }: FastifyRequest,
	{ remoteAddress, credential }: Facts,
): DeniedRequest {
	const path = (raw.url ?? '').split('?', 1)[0] ?? '';
	return { port, method: raw.method ?? '', path, remoteAddress, by: actorOf(credential) };
}
