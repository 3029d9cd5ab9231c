// Making, revoking and checking tokens. A secret is shown once, when it is made; what is stored and compared is its
// SHA-256. It decides what a token is worth at a moment; it leaves out HTTP (routes.ts) and which role may do what
// (rules/roles.ts).

import { CaissonError } from '../errors.ts';
import type { Commit } from '../unit-of-work.ts';
import type { AccessUnit, NewToken, StoredToken, TokenKind, TokenReader } from './store.ts';

export interface AccessWorld {
	readonly tokens: TokenReader;
	readonly commit: Commit<AccessUnit>;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
	readonly newId: () => string;
	/** That many bytes from a cryptographic source. */
	readonly random: (bytes: number) => Buffer;
	/** Hex SHA-256. */
	readonly sha256: (text: string) => string;
}

export interface TokenRequest {
	readonly kind: TokenKind;
	readonly name: string;
	readonly clientId?: string;
	readonly roles: readonly string[];
	/** Milliseconds from now. */
	readonly lifetime?: number;
}

/** By its beginning a person, and a program that looks for leaked secrets, sees what it is. */
const prefixes: Readonly<Record<TokenKind, string>> = {
	operator: 'caisson-api-',
	device: 'caisson-device-',
	session: 'caisson-session-',
};

const auditNames: Readonly<Record<'made' | 'ended', Readonly<Record<TokenKind, string>>>> = {
	made: { operator: 'access.token-create', device: 'access.token-create', session: 'access.session-start' },
	ended: { operator: 'access.token-revoke', device: 'access.token-revoke', session: 'access.session-end' },
};

/** Makes a token of 256 random bits. @returns it, and the secret, which is nowhere else */
export async function issueToken(
	world: AccessWorld,
	request: TokenRequest,
	by: string,
): Promise<{ token: NewToken; secret: string }> {
	const { kind, name, clientId, roles, lifetime } = request;
	const secret = prefixes[kind] + world.random(32).toString('base64url');
	const created = world.now();
	const token: NewToken = {
		...{ id: world.newId(), kind, name, roles, created, createdBy: by },
		...(clientId !== undefined && { clientId }),
		...(lifetime !== undefined && { expires: created + lifetime }),
	};
	await world.commit(async (unit) => {
		await unit.tokens.insert(token, world.sha256(secret));
		const detail = { ...(kind === 'device' ? { clientId } : { roles }), name, ...expiry(token) };
		await unit.audit.append({ time: created, actor: by, action: auditNames.made[kind], subject: token.id, detail });
	});
	return { token, secret };
}

function expiry({ expires }: NewToken): { expires?: string } {
	return expires === undefined ? {} : { expires: new Date(expires).toISOString() };
}

/** Ends a token at once on this server, and within seconds on others (see TokenCheck). @throws CaissonError token-not-found */
export async function revokeToken(world: AccessWorld, check: TokenCheck, id: string, by: string): Promise<void> {
	const token = await world.tokens.find(id);
	if (token === undefined) throw new CaissonError('token-not-found', `there is no token ${id}`);
	if (token.revoked === undefined) {
		const time = world.now();
		const { kind, name, clientId } = token;
		const detail = { name, ...(clientId !== undefined && { clientId }) };
		await world.commit(async (unit) => {
			await unit.tokens.revoke(id, time);
			await unit.audit.append({ time, actor: by, action: auditNames.ended[kind], subject: id, detail });
		});
	}
	check.forget(id);
}

/** How long a token that was found is believed without looking again: so long another server's revocation may take. */
const believedFor = 5000;
/** Tokens that are remembered. */
const mostRemembered = 20_000;

/** Whose token a secret is. Valid ones are remembered for some seconds, as devices and operators come back soon. */
export class TokenCheck {
	readonly #world: Pick<AccessWorld, 'tokens' | 'commit' | 'now' | 'sha256'>;
	/** By hash. */
	readonly #known = new Map<string, { readonly token: StoredToken; readonly until: number }>();
	/** Last uses not yet written, by id. */
	#uses = new Map<string, number>();

	constructor(world: Pick<AccessWorld, 'tokens' | 'commit' | 'now' | 'sha256'>) {
		this.#world = world;
	}

	/** @returns undefined where the secret is of no token of these kinds that is valid now */
	async find(secret: string, kinds: readonly TokenKind[]): Promise<StoredToken | undefined> {
		const hash = this.#world.sha256(secret);
		const now = this.#world.now();
		const known = this.#known.get(hash);
		const fresh = known !== undefined && now < known.until && now >= known.until - believedFor;
		const token = fresh ? known.token : await this.#world.tokens.findByHash(hash);
		if (token === undefined || !isValid(token, now) || !kinds.includes(token.kind)) {
			this.#known.delete(hash);
			return undefined;
		}
		if (!fresh) this.#remember(hash, token, now);
		this.#uses.set(token.id, now);
		return token;
	}

	/** From now on it is looked up anew. */
	forget(id: string): void {
		for (const [hash, { token }] of this.#known) if (token.id === id) this.#known.delete(hash);
	}

	/** Writes when tokens were last used, as one change. What could not be written is written the next time. */
	async writeUses(): Promise<void> {
		if (this.#uses.size === 0) return;
		const uses = this.#uses;
		this.#uses = new Map();
		try {
			await this.#world.commit((unit) => unit.tokens.used([...uses].map(([id, time]) => ({ id, time }))));
		} catch (error) {
			for (const [id, time] of uses) if (!this.#uses.has(id)) this.#uses.set(id, time);
			throw error;
		}
	}

	#remember(hash: string, token: StoredToken, now: number): void {
		if (this.#known.size >= mostRemembered) this.#known.clear();
		this.#known.set(hash, { token, until: now + believedFor });
	}
}

export function isValid({ revoked, expires }: StoredToken, now: number): boolean {
	return revoked === undefined && (expires === undefined || now < expires);
}
