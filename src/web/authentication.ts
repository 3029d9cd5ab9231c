// Who may use the northbound port: whoever carries the operator token, through a name of this server, from a page of
// this server or from no page at all. It leaves out where the token is kept, what becomes of denials, and roles.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { CaissonError, type ErrorCode } from '../errors.ts';
import { setIdentity } from './identity.ts';

export interface NorthboundAccess {
	readonly token: string;
	/** Names, in lower case, by which requests may call this server, beside the addresses that it has. */
	readonly names: ReadonlySet<string>;
	/** Is told of each denial; must not throw. */
	readonly denied: (denial: AccessDenial, request: DeniedRequest) => void;
}

export interface DeniedRequest {
	readonly method: string;
	/** Without the query. */
	readonly path: string;
	/** Absent on a unix socket. */
	readonly remoteAddress: string | undefined;
}

export type DenialReason = 'token-in-url' | 'foreign-host' | 'foreign-origin' | 'no-token' | 'wrong-token';

export interface AccessDenial {
	readonly reason: DenialReason;
	readonly code: ErrorCode;
	readonly message: string;
}

/** What a request shows of itself before it is believed. `localAddress` is absent on a unix socket. */
export interface ShownRequest {
	readonly url: string;
	readonly headers: Pick<IncomingHttpHeaders, 'host' | 'origin' | 'authorization'>;
	readonly localAddress: string | undefined;
	/** The connection is TLS; behind a proxy that ends it, false. */
	readonly encrypted: boolean;
}

/** Denies what may not pass, on every route of the instance, also on those that do not exist. */
export function requireOperatorToken(app: FastifyInstance, access: NorthboundAccess): void {
	app.addHook('onRequest', (request, reply, done) => {
		const { headers, socket, url, method } = request.raw;
		const encrypted = 'encrypted' in socket;
		const shown = { url: url ?? '', headers, localAddress: socket.localAddress, encrypted };
		const denial = judge(shown, access);
		if (denial === undefined) {
			setIdentity(request.raw, { kind: 'operator', name: 'operator', roles: ['admin'], how: 'operator-token' });
			return done();
		}
		const path = (url ?? '').split('?', 1)[0] ?? '';
		access.denied(denial, { method: method ?? '', path, remoteAddress: socket.remoteAddress });
		// RFC 9110, section 11.6.1: a 401 names the scheme. RFC 6750, section 3: and what was wrong with the token.
		if (denial.reason === 'no-token') reply.header('WWW-Authenticate', 'Bearer realm="caisson"');
		if (denial.reason === 'wrong-token') {
			reply.header('WWW-Authenticate', 'Bearer realm="caisson", error="invalid_token"');
		}
		return done(new CaissonError(denial.code, denial.message));
	});
}

/** @returns why the request may not pass; undefined where it may */
export function judge(
	{ url, headers, localAddress, encrypted }: ShownRequest,
	access: Pick<NorthboundAccess, 'token' | 'names'>,
): AccessDenial | undefined {
	if (tokenInUrl(url)) {
		return {
			reason: 'token-in-url',
			code: 'request-invalid',
			message: 'a token in a URL ends up in logs and histories: send it in the Authorization header, and change it',
		};
	}
	// A page whose name was rebound to this address (DNS rebinding) still calls it by that name. A unix socket is
	// reached by no page, and what stands in Host there means nothing.
	if (localAddress !== undefined && !hostIsOurs(headers.host, localAddress, access.names)) {
		return {
			reason: 'foreign-host',
			code: 'forbidden',
			message: 'this server is not known by the name in the Host header; --mgmt-name adds names',
		};
	}
	// RFC 6454, section 7: a browser names the page that asks. Other programs send none.
	if (headers.origin !== undefined && !sameOrigin(headers.origin, headers.host, encrypted)) {
		return { reason: 'foreign-origin', code: 'forbidden', message: 'pages of other origins may not use this port' };
	}
	if (headers.authorization === undefined) {
		return {
			reason: 'no-token',
			code: 'not-authenticated',
			message: 'this port needs the operator token: Authorization: Bearer …',
		};
	}
	// RFC 6750, section 2.1; the scheme's case does not matter (RFC 9110, section 11.1).
	const given = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(headers.authorization)?.[1];
	if (given !== undefined && equal(given, access.token)) return undefined;
	return { reason: 'wrong-token', code: 'not-authenticated', message: 'the token is not the one of this server' };
}

function tokenInUrl(url: string): boolean {
	const at = url.indexOf('?');
	if (at < 0) return false;
	const query = new URLSearchParams(url.slice(at + 1));
	return query.has('token') || query.has('access_token');
}

/** Takes the same time wherever the two differ: digests of one length are compared. */
function equal(left: string, right: string): boolean {
	const digest = (text: string) => createHash('sha256').update(text).digest();
	return timingSafeEqual(digest(left), digest(right));
}

function hostIsOurs(host: string | undefined, localAddress: string, names: ReadonlySet<string>): boolean {
	// HTTP/1.0 has no Host; browsers do not speak it.
	if (host === undefined) return true;
	const name = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(host)?.[1]?.toLowerCase();
	if (name === undefined) return false;
	const address = name.replace(/^\[(.*)\]$/, '$1');
	if (isIP(address) === 0) return names.has(address);
	return address === plainAddress(localAddress) || /^127(\.\d{1,3}){3}$|^::1$/.test(address) || names.has(address);
}

/** An IPv4 address as a socket for both families shows it (RFC 4291, section 2.5.5.2), without the prefix. */
function plainAddress(address: string): string {
	return address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
}

/** The scheme counts only where this connection is TLS: elsewhere a proxy in front may have ended it. */
function sameOrigin(origin: string, host: string | undefined, encrypted: boolean): boolean {
	if (host === undefined) return false;
	const [, scheme, authority] = /^(https?):\/\/([^/]+)$/i.exec(origin) ?? [];
	if (scheme === undefined || authority === undefined) return false;
	if (encrypted && scheme.toLowerCase() !== 'https') return false;
	const port = scheme.toLowerCase() === 'https' ? '443' : '80';
	const withPort = (text: string) => (/:\d+$/.test(text) ? text : `${text}:${port}`).toLowerCase();
	return withPort(authority) === withPort(host);
}
