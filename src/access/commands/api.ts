// What the commands of tokens share: talking to the server, and showing tokens. It knows nothing of roles but their names.

import { CaissonError } from '../../errors.ts';
import type { ApiClient } from '../../terminal/api-client.ts';
import type { Column, Terminal } from '../../terminal/terminal.ts';

export const tokensPath = '/api/caisson/v1/access/tokens';

export interface TokenWire {
	readonly id: string;
	readonly kind: string;
	readonly name: string;
	readonly clientId?: string;
	readonly roles: readonly string[];
	readonly created: string;
	readonly createdBy: string;
	readonly expires?: string;
	readonly revoked?: string;
	readonly lastUsed?: string;
	/** In the answer to its creation only. */
	readonly secret?: string;
}

export interface FormatOption {
	readonly format: 'text' | 'json';
}

/** Makes a token and prints its secret, alone on stdout, so that a script can take it. */
export async function createToken(terminal: Terminal, body: unknown, { format }: FormatOption): Promise<void> {
	const api = await terminal.api();
	const token = (await api.request('POST', tokensPath, { body })).body as Partial<TokenWire> | undefined;
	if (typeof token?.secret !== 'string') throw unexpected(api, 'a new token');
	if (format === 'json') return terminal.json(token);
	terminal.print(token.secret);
	const end = token.expires === undefined ? 'It does not expire.' : `It expires ${token.expires}.`;
	terminal.note(
		`Token ${token.id}. It is shown this once: keep it where its user, and nobody else, can read it. ${end}`,
	);
}

/** All tokens of this kind, page by page. */
export async function listTokens(
	terminal: Terminal,
	query: { readonly kind: 'operator' | 'device'; readonly clientId?: string | undefined },
	all: boolean,
	format: 'text' | 'json',
): Promise<void> {
	const api = await terminal.api();
	const found: TokenWire[] = [];
	for (let after: number | undefined; ; ) {
		const answer = await api.request('GET', tokensPath, { query: { ...query, after, limit: 1000 } });
		const page = answer.body as { tokens?: TokenWire[]; next?: number | null } | undefined;
		if (!Array.isArray(page?.tokens)) throw unexpected(api, 'a list of tokens');
		found.push(...page.tokens);
		if (page.next === null || page.next === undefined) break;
		after = page.next;
	}
	const now = new Date().toISOString();
	const ended = (token: TokenWire) =>
		token.revoked !== undefined || (token.expires !== undefined && token.expires <= now);
	const shown = all ? found : found.filter((token) => !ended(token));
	if (format === 'json') return terminal.json(shown);
	terminal.table(shown, columns(query.kind, now));
}

function columns(kind: 'operator' | 'device', now: string): Column<TokenWire>[] {
	const what: Column<TokenWire> =
		kind === 'device'
			? { title: 'CLIENT', value: ({ clientId }) => clientId ?? '' }
			: { title: 'ROLES', value: ({ roles }) => roles.join(',') };
	return [
		{ title: 'ID', value: ({ id }) => id },
		{ title: 'NAME', value: ({ name }) => name },
		what,
		{ title: 'CREATED', value: ({ created }) => created },
		{ title: 'LAST USED', value: ({ lastUsed }) => lastUsed ?? 'never' },
		{ title: 'VALID', value: (token) => validity(token, now) },
	];
}

function validity({ revoked, expires }: TokenWire, now: string): string {
	if (revoked !== undefined) return `revoked ${revoked}`;
	if (expires === undefined) return 'always';
	return expires <= now ? `expired ${expires}` : `until ${expires}`;
}

/** Revokes tokens by their ids; the first that does not exist ends it. */
export async function revokeTokens(terminal: Terminal, ids: readonly string[]): Promise<void> {
	const api = await terminal.api();
	for (const id of ids) {
		await api.request('DELETE', `${tokensPath}/${encodeURIComponent(id)}`, { absent: 'token-not-found' });
		terminal.print(id);
	}
}

function unexpected(api: ApiClient, what: string): CaissonError {
	return new CaissonError('server-unreachable', `${api.address} answered with something that is not ${what}.`);
}
