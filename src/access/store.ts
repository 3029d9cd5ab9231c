// What access needs of storage: tokens, of which only the SHA-256 is kept. A token is never changed, only revoked, and
// stays in the table after that, so that the audit trail's names keep their meaning. It leaves out what a token opens.

import type { AuditWriter } from '../audit/store.ts';

/** 'operator': an API token; 'session': what a browser holds after a one-time link; 'device': opens the southbound port. */
export type TokenKind = 'operator' | 'session' | 'device';

export interface NewToken {
	/** Public: names the token in lists and in the audit trail. */
	readonly id: string;
	readonly kind: TokenKind;
	/** Chosen by whoever made it. */
	readonly name: string;
	/** Of a device's token. */
	readonly clientId?: string;
	/** Empty for a device's. */
	readonly roles: readonly string[];
	/** Milliseconds since the epoch. */
	readonly created: number;
	readonly createdBy: string;
	/** Invalid from this time on; absent: it does not expire. */
	readonly expires?: number;
}

export interface StoredToken extends NewToken {
	/** Ascending in the order of creation: what pages of a list go on from. */
	readonly number: number;
	readonly revoked?: number;
	/** Written in batches: may be minutes old, and the last ones may be lost in a crash. */
	readonly lastUsed?: number;
}

/** Reads see committed tokens only. */
export interface TokenReader {
	/** @param hash hex SHA-256 of the secret. Absent: undefined. */
	findByHash(hash: string): Promise<StoredToken | undefined>;
	find(id: string): Promise<StoredToken | undefined>;
	/** Those with a number above `after`, ascending, `limit` at most; revoked and expired ones too. */
	list(filter: TokenFilter, after: number, limit: number): Promise<StoredToken[]>;
}

export interface TokenFilter {
	readonly kinds: readonly TokenKind[];
	readonly clientId?: string;
}

/** Inside a unit of work. */
export interface TokenWriter {
	insert(token: NewToken, hash: string): Promise<void>;
	/** A token that is revoked already keeps its time; an unknown one is passed over. */
	revoke(id: string, time: number): Promise<void>;
	/** Notes when tokens were last used; an earlier time than the stored one is passed over. */
	used(uses: readonly { readonly id: string; readonly time: number }[]): Promise<void>;
}

export interface AccessUnit {
	readonly tokens: TokenWriter;
	readonly audit: AuditWriter;
}
