// Puts the guards of both ports together from the configuration: which credentials open them, how often one may ask, what
// is asked of the decision hook, and what becomes of denials. The guard itself is src/web/port-guard.ts, the table of who
// may call what src/access/rules/roles.ts.

import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Logger } from 'pino';
import { RateLimiter } from '../../src/access/rules/rate.ts';
import { mayCall } from '../../src/access/rules/roles.ts';
import { countDenial, type DenialWindow, noDenials } from '../../src/access/rules.ts';
import { type AccessWorld, TokenCheck } from '../../src/access/tokens.ts';
import type { DecisionHook } from '../../src/outside/decision-hook.ts';
import type { Storage } from '../../src/storage/store.ts';
import {
	type AccessDenial,
	bearerToken,
	type DeniedRequest,
	judgeSessionUse,
	sessionOf,
	wrongToken,
} from '../../src/web/authentication.ts';
import { anonymous, type Identity } from '../../src/web/identity.ts';
import type { Arrival, PortGuard } from '../../src/web/port-guard.ts';
import { TrustedProxies } from '../../src/web/trusted-proxy.ts';
import { type CertificateTrust, certificateReader } from './certificates.ts';
import type { Port } from './listeners.ts';
import type { OptionValues } from './options.ts';

export interface AccessParts {
	readonly values: OptionValues;
	readonly storage: Storage;
	readonly log: Logger;
	/** Absent: northbound requests are not asked for one. */
	readonly operatorToken: string | undefined;
	/** Names by which requests may call the northbound port. */
	readonly names: ReadonlySet<string>;
	readonly hook: DecisionHook | undefined;
	/** Which client certificates are believed, as the files say now. */
	readonly trust: () => CertificateTrust;
	/** Counts a denial. */
	readonly measured: (reason: string) => void;
}

export interface Access {
	readonly world: AccessWorld;
	readonly check: TokenCheck;
	/** A port without one is open: nobody is asked anything there. */
	readonly guards: Readonly<Record<Port, PortGuard | undefined>>;
	/** Records a denial that comes after the guard. */
	readonly denied: (denial: AccessDenial, request: DeniedRequest) => void;
}

export function createAccess(parts: AccessParts): Access {
	const { values, storage, hook } = parts;
	const world = accessWorld(storage);
	const check = new TokenCheck(world);
	const record = recordDenials(storage, parts.log, Date.now);
	const denied: typeof record = (denial, request) => {
		parts.measured(denial.reason);
		record(denial, request);
	};
	const proxies = new TrustedProxies(values['trusted-proxy']);
	const certificateOf = certificateReader(parts.trust, values['device-identity'], Date.now);
	const guard = (port: Port): PortGuard | undefined => {
		const access = port === 'southbound' ? southboundAccess(values, check) : northboundAccess(parts, check);
		const rate = rateOf(values, port);
		if (access === undefined && rate === 0 && hook === undefined) return undefined;
		const limiter = rate > 0 ? new RateLimiter({ rate, burst: Math.max(1, 2 * rate) }) : undefined;
		return {
			...{ port, proxies, certificateOf, denied },
			...(access && { access }),
			...(limiter && { limit: (caller: string) => limiter.take(caller, performance.now()) }),
			...(hook && { decide: (question) => hook.ask(question) }),
		};
	};
	return { world, check, guards: { southbound: guard('southbound'), northbound: guard('northbound') }, denied };
}

export function accessWorld(storage: Storage): AccessWorld {
	return {
		tokens: storage.tokens,
		commit: storage.commit,
		now: Date.now,
		newId: randomUUID,
		random: randomBytes,
		sha256: (text) => createHash('sha256').update(text).digest('hex'),
	};
}

/** Requests a second of one caller where the option says nothing: none where nobody is asked who they are. */
const usualRates = { southbound: 50, northbound: 500 } as const;

function rateOf(values: OptionValues, port: Port): number {
	const open = port === 'southbound' ? values['southbound-auth'] === 'open' : values['northbound-auth'] === 'none';
	return values[`${port}-rate`] ?? (open ? 0 : usualRates[port]);
}

function southboundAccess(values: OptionValues, check: TokenCheck): PortGuard['access'] | undefined {
	const mode = values['southbound-auth'];
	if (mode === 'open') return undefined;
	return {
		identify: mode === 'mtls' ? byCertificate : (arrival) => byDeviceToken(arrival, check),
		permits: (identity, operation) => identity.kind === 'device' && mayCall(['device'], operation),
	};
}

function byCertificate({ certificate }: Arrival): Identity | AccessDenial {
	if (certificate === undefined) {
		const message = 'this port needs a client certificate';
		return { reason: 'no-certificate', code: 'not-authenticated', message };
	}
	if (certificate.clientId === undefined) {
		const message = 'the client certificate does not name one device (see --device-identity)';
		return { reason: 'unusable-certificate', code: 'forbidden', message };
	}
	return { kind: 'device', clientId: certificate.clientId, how: 'certificate' };
}

async function byDeviceToken({ request }: Arrival, check: TokenCheck): Promise<Identity | AccessDenial> {
	const secret = bearerToken(request.headers.authorization);
	if (secret === undefined) return anonymous;
	const token = secret === '' ? undefined : await check.find(secret, ['device']);
	if (token?.clientId === undefined) return wrongToken;
	return { kind: 'device', clientId: token.clientId, how: 'token' };
}

function northboundAccess({ operatorToken, names }: AccessParts, check: TokenCheck): PortGuard['access'] | undefined {
	if (operatorToken === undefined) return undefined;
	const digest = (text: string) => createHash('sha256').update(text).digest();
	const expected = digest(operatorToken);
	return {
		names,
		async identify({ request }) {
			const secret = bearerToken(request.headers.authorization);
			if (secret === undefined) return bySession(request, check);
			// Digests have one length, so the comparison takes the same time wherever they differ.
			if (timingSafeEqual(digest(secret), expected)) {
				return { kind: 'operator', name: 'operator', roles: ['admin'], how: 'operator-token' };
			}
			const token = secret === '' ? undefined : await check.find(secret, ['operator']);
			if (token === undefined) return wrongToken;
			return { kind: 'operator', name: token.name, roles: token.roles, how: 'api-token', tokenId: token.id };
		},
		permits: (identity, operation) => {
			if (identity.kind === 'operator') return mayCall(identity.roles, operation);
			return identity.kind === 'anonymous' && mayCall(['anyone'], operation);
		},
	};
}

/** A session that is over is none: its browser is asked for a credential like anybody else. */
async function bySession(request: Arrival['request'], check: TokenCheck): Promise<Identity | AccessDenial> {
	const secret = sessionOf(request.headers.cookie);
	const token = secret === undefined ? undefined : await check.find(secret, ['session']);
	if (token === undefined) return anonymous;
	const denial = judgeSessionUse(request);
	if (denial !== undefined) return denial;
	return { kind: 'operator', name: token.name, roles: token.roles, how: 'session', tokenId: token.id };
}

const longestPath = 200;

/**
 * Records denials: a line in the log and an audit row, as far as the limit on rows allows, for each port by itself. The
 * requests are not held up by it, and a row that cannot be written is only logged.
 */
export function recordDenials(
	storage: Pick<Storage, 'commit'>,
	log: Logger,
	now: () => number,
): (denial: AccessDenial, request: DeniedRequest) => void {
	const windows: Record<Port, DenialWindow> = { southbound: noDenials, northbound: noDenials };
	return ({ reason }, { port, method, path, remoteAddress, by }) => {
		const time = now();
		const counted = countDenial(windows[port], time);
		windows[port] = counted.window;
		if (!counted.write) return;
		const detail = {
			...{ reason, port, method },
			...(remoteAddress === undefined ? {} : { remoteAddress }),
			...(counted.unwritten > 0 ? { unwrittenBefore: counted.unwritten } : {}),
		};
		const subject = path.slice(0, longestPath);
		log.warn({ ...detail, by, path: subject }, `${port} request denied`);
		const row = { time, actor: by, action: 'access.denied', subject, detail };
		storage
			.commit(({ audit }) => audit.append(row))
			.catch((error: unknown) => log.error({ err: error }, 'the audit row of a denied request was not written'));
	};
}
