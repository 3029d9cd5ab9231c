// Tokens and sessions over HTTP (spec/caisson.openapi.yaml), northbound only. Who may call what is decided by the guard
// of the port from rules/roles.ts.

import { CaissonError } from '../errors.ts';
import type { Call, Handlers, Outcome } from '../web/api.ts';
import { setSessionCookie } from '../web/authentication.ts';
import { emptyReply } from '../web/problem.ts';
import type { ConsoleLink } from './console-link.ts';
import type { NewToken, StoredToken, TokenKind } from './store.ts';
import { type AccessWorld, issueToken, revokeToken, type TokenCheck } from './tokens.ts';

export interface AccessRoutesWorld extends AccessWorld {
	readonly check: TokenCheck;
	/** Absent where the port asks nobody who they are: there is no link then. */
	readonly link: Pick<ConsoleLink, 'redeem'> | undefined;
	/** Is told of a wrong code, for the audit trail. */
	readonly wrongCode: (call: Call) => void;
}

/** How long a session lasts (ms): a working day. */
const sessionLifetime = 12 * 3_600_000;

interface CreateToken {
	readonly kind: 'operator' | 'device';
	readonly name?: string;
	readonly clientId?: string;
	readonly roles?: readonly string[];
	/** Seconds from now. */
	readonly expiresIn?: number;
}

export function accessHandlers(world: AccessRoutesWorld): Handlers {
	return {
		'GET /access/tokens': async ({ query }) => {
			const { kind, clientId, after = 0, limit = 100 } = query as ListQuery;
			const kinds: TokenKind[] = kind === undefined ? ['operator', 'device', 'session'] : [kind];
			const filter = { kinds, ...(clientId !== undefined && { clientId }) };
			const found = await world.tokens.list(filter, after, limit);
			const next = found.length < limit ? null : (found.at(-1)?.number ?? null);
			return { status: 200, value: { tokens: found.map(tokenWire), next } };
		},
		'POST /access/tokens': async ({ body, by }) => createToken(world, body as CreateToken, by),
		'DELETE /access/tokens/{id}': async ({ params, by }) => {
			await revokeToken(world, world.check, params.id ?? '', by);
			return { reply: emptyReply(204) };
		},
		'POST /access/sessions': async (call) => startSession(world, call),
		'GET /access/sessions/current': async ({ identity }) => {
			if (identity.kind !== 'operator') throw noSession();
			const { name, roles, how } = identity;
			return { status: 200, value: { name, roles, how } };
		},
		'DELETE /access/sessions/current': async ({ identity, by, reply }) => {
			if (identity.kind !== 'operator' || identity.how !== 'session') throw noSession();
			await revokeToken(world, world.check, identity.tokenId, by);
			reply.header('Set-Cookie', setSessionCookie('', 0, 'encrypted' in reply.raw.req.socket));
			return { reply: emptyReply(204) };
		},
	};
}

interface ListQuery {
	readonly kind?: TokenKind;
	readonly clientId?: string;
	readonly after?: number;
	readonly limit?: number;
}

async function createToken(world: AccessWorld, body: CreateToken, by: string): Promise<Outcome> {
	const { kind, clientId, roles = [], expiresIn } = body;
	const fault = tokenFault(body);
	if (fault !== undefined) throw new CaissonError('request-invalid', fault);
	const request = {
		...{ kind, roles: [...new Set(roles)], name: body.name ?? clientId ?? '' },
		...(clientId !== undefined && { clientId }),
		...(expiresIn !== undefined && { lifetime: expiresIn * 1000 }),
	};
	const { token, secret } = await issueToken(world, request, by);
	return { status: 201, value: { ...newTokenWire(token), secret }, headers: { 'Cache-Control': 'no-store' } };
}

/** What the schema cannot say: a device's token names the device and no role, an operator's the reverse. */
function tokenFault({ kind, name, clientId, roles = [] }: CreateToken): string | undefined {
	if (kind === 'device') {
		if (clientId === undefined) return 'clientId: a token of a device names the device';
		return roles.length > 0 ? 'roles: a device has none' : undefined;
	}
	if (name === undefined) return 'name: the audit trail calls its user so';
	if (clientId !== undefined) return 'clientId: only a token of a device has one';
	return roles.length === 0 ? 'roles: at least one is needed' : undefined;
}

async function startSession(world: AccessRoutesWorld, call: Call): Promise<Outcome> {
	const { code } = call.body as { code: string };
	if (world.link?.redeem(code) !== true) {
		world.wrongCode(call);
		throw new CaissonError('not-authenticated', 'the code is not valid: it works once, and for an hour');
	}
	const request = { kind: 'session', name: 'first-admin', roles: ['admin'], lifetime: sessionLifetime } as const;
	const { token, secret } = await issueToken(world, request, 'operator:first-admin');
	const encrypted = 'encrypted' in call.reply.raw.req.socket;
	call.reply.header('Set-Cookie', setSessionCookie(secret, sessionLifetime / 1000, encrypted));
	const { name, roles } = token;
	const value = { name, roles, expires: timeText(token.expires) };
	return { status: 201, value, headers: { 'Cache-Control': 'no-store' } };
}

function noSession(): CaissonError {
	return new CaissonError('token-not-found', 'this request has no session');
}

const timeText = (time: number | undefined) => (time === undefined ? undefined : new Date(time).toISOString());

function newTokenWire({ id, kind, name, clientId, roles, created, createdBy, expires }: NewToken) {
	return { id, kind, name, clientId, roles, created: timeText(created), createdBy, expires: timeText(expires) };
}

function tokenWire(token: StoredToken) {
	const times = { revoked: timeText(token.revoked), lastUsed: timeText(token.lastUsed) };
	return { ...newTokenWire(token), ...times };
}
