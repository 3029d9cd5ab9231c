// Reading what a request shows of itself, and judging it before anybody is believed: credentials in the wrong place, names
// that are not this server's, pages of other origins, bearer tokens and session cookies. It leaves out whose token it is
// (src/access) and the order of it all (port-guard.ts).

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { ErrorCode } from '../errors.ts';
import { plainAddress } from './trusted-proxy.ts';

export type DenialReason =
	| 'token-in-url'
	| 'foreign-host'
	| 'foreign-origin'
	| 'no-token'
	| 'wrong-token'
	| 'no-certificate'
	| 'unusable-certificate'
	| 'certificate-expired'
	| 'certificate-revoked'
	| 'wrong-code'
	| 'role'
	| 'rate'
	| 'decision-hook';

export interface AccessDenial {
	readonly reason: DenialReason;
	readonly code: ErrorCode;
	/** For the client; never a secret. */
	readonly message: string;
}

export interface DeniedRequest {
	readonly port: 'southbound' | 'northbound';
	readonly method: string;
	/** Without the query. */
	readonly path: string;
	/** Absent on a unix socket. */
	readonly remoteAddress: string | undefined;
	/** Who asked, as far as that was known. */
	readonly by: string;
}

export function tokenInUrl(url: string): AccessDenial | undefined {
	const at = url.indexOf('?');
	if (at < 0) return undefined;
	const query = new URLSearchParams(url.slice(at + 1));
	if (!query.has('token') && !query.has('access_token')) return undefined;
	return {
		reason: 'token-in-url',
		code: 'request-invalid',
		message: 'a token in a URL ends up in logs and histories: send it in the Authorization header, and change it',
	};
}

/** The parts of a request that a browser decides about. `localAddress` is absent on a unix socket. */
export interface BrowserFacts {
	readonly headers: Pick<IncomingHttpHeaders, 'host' | 'origin'>;
	readonly localAddress: string | undefined;
	/** The connection is TLS; behind a proxy that ends it, false. */
	readonly encrypted: boolean;
}

export function browserFacts({ headers, socket }: IncomingMessage): BrowserFacts {
	return { headers, localAddress: socket.localAddress, encrypted: 'encrypted' in socket };
}

/** @param names in lower case, by which requests may call this server, beside the addresses that it has */
export function judgeOrigin(
	{ headers, localAddress, encrypted }: BrowserFacts,
	names: ReadonlySet<string>,
): AccessDenial | undefined {
	// A page whose name was rebound to this address (DNS rebinding) still calls it by that name. A unix socket is
	// reached by no page, and what stands in Host there means nothing.
	if (localAddress !== undefined && !hostIsOurs(headers.host, localAddress, names)) {
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
	return undefined;
}

/**
 * The token of an Authorization header: '' where there is a header without one that could be.
 * RFC 6750, section 2.1; the scheme's case does not matter (RFC 9110, section 11.1).
 */
export function bearerToken(authorization: string | undefined): string | undefined {
	if (authorization === undefined) return undefined;
	return /^Bearer +([A-Za-z0-9._~+/-]{1,512}=*) *$/i.exec(authorization)?.[1] ?? '';
}

export const wrongToken: AccessDenial = {
	reason: 'wrong-token',
	code: 'not-authenticated',
	message: 'the token is not valid here: unknown, expired, revoked, or for the other port',
};

export const sessionCookie = 'caisson-session';

/** The secret of a session; undefined where there is no such cookie, or several. RFC 6265, section 4.2. */
export function sessionOf(cookie: string | undefined): string | undefined {
	const found = (cookie ?? '').split(';').flatMap((pair) => {
		const [name = '', value = ''] = pair.trim().split('=', 2);
		return name === sessionCookie ? [value] : [];
	});
	const [secret] = found;
	return found.length === 1 && secret !== undefined && /^[\w-]{20,128}$/.test(secret) ? secret : undefined;
}

/**
 * A browser adds the cookie to whatever page makes it ask; SameSite=Strict holds back pages of other sites, but other
 * ports of this host are the same site. So the browser must also say that a page of this server asks: by Sec-Fetch-Site
 * (Fetch Metadata, section 2.4), or where it changes something by Origin.
 */
export function judgeSessionUse({ method, headers }: IncomingMessage): AccessDenial | undefined {
	const site = headers['sec-fetch-site'];
	const reads = method === 'GET' || method === 'HEAD';
	// 'none': the person typed the address or used a bookmark.
	const fine =
		site === undefined ? reads || headers.origin !== undefined : site === 'same-origin' || (reads && site === 'none');
	if (fine) return undefined;
	return { reason: 'foreign-origin', code: 'forbidden', message: 'a session is for pages of this server only' };
}

/** The Set-Cookie of a session, or of its end where `secret` is ''. RFC 6265bis, section 4.1.2. */
export function setSessionCookie(secret: string, seconds: number, encrypted: boolean): string {
	const secure = encrypted ? '; Secure' : '';
	return `${sessionCookie}=${secret}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
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
