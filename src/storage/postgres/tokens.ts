// Tokens on PostgreSQL: the reader, and the statements that write what a batch changed of them. None of them depends on
// what is stored, so nothing is read or locked before.

import type { NewToken, TokenReader } from '../../access/store.ts';
import { tokenColumns, tokenFromRow } from '../rows.ts';
import type { ReadPool } from './readers.ts';

/** What the units of a batch did to tokens, in their order. */
export interface TokenChanges {
	readonly inserted: (NewToken & { readonly hash: string })[];
	readonly revoked: { readonly id: string; readonly time: number }[];
	readonly used: { readonly id: string; readonly time: number }[];
}

export const noTokenChanges = (): TokenChanges => ({ inserted: [], revoked: [], used: [] });

export function addTokenChanges(to: TokenChanges, { inserted, revoked, used }: TokenChanges): void {
	to.inserted.push(...inserted);
	to.revoked.push(...revoked);
	to.used.push(...used);
}

export function tokenReader(pool: ReadPool): TokenReader {
	const one = async (column: 'hash' | 'id', value: string) => {
		if (value.includes('\0')) return undefined;
		const [row] = await pool.rows(`select ${tokenColumns} from access_token where ${column} = $1`, [value]);
		return row === undefined ? undefined : tokenFromRow(row);
	};
	return {
		findByHash: (hash) => one('hash', hash),
		find: (id) => one('id', id),
		async list({ kinds, clientId }, after, limit) {
			if (clientId?.includes('\0')) return [];
			const client = clientId === undefined ? '' : 'and client_id = $4';
			const sql = `select ${tokenColumns} from access_token where kind = any($1) and seq > $2::bigint ${client} order by seq limit $3::bigint`;
			const rows = await pool.rows(sql, [kinds, after, limit, ...(clientId === undefined ? [] : [clientId])]);
			return rows.map(tokenFromRow);
		},
	};
}

interface Statement {
	readonly name: string;
	readonly text: string;
	readonly values: unknown[];
}

/** A token that was made and revoked in one batch is written in this order too. */
export function tokenStatements({ inserted, revoked, used }: TokenChanges): Statement[] {
	const statements: Statement[] = inserted.map((token) => ({
		name: 'insert_token',
		text: 'insert into access_token (id, kind, name, client_id, roles, hash, created, created_by, expires) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)',
		values: [
			...[token.id, token.kind, token.name, token.clientId ?? null, JSON.stringify(token.roles), token.hash],
			...[token.created, token.createdBy, token.expires ?? null],
		],
	}));
	const ids = (list: TokenChanges['used']) => [list.map(({ id }) => id), list.map(({ time }) => time)];
	if (revoked.length > 0) {
		statements.push({
			name: 'revoke_tokens',
			text: `update access_token set revoked = t.time from (select id, min(time) as time from unnest($1::text[], $2::bigint[]) as u(id, time) group by id) as t
				where access_token.id = t.id and access_token.revoked is null`,
			values: ids(revoked),
		});
	}
	if (used.length > 0) {
		statements.push({
			name: 'use_tokens',
			// In the order of ids, so that two servers who note the same tokens stand in line instead of blocking each other.
			text: `with t as (select id, max(time) as time from unnest($1::text[], $2::bigint[]) as u(id, time) group by id),
				locked as (select access_token.seq, t.time from access_token join t on t.id = access_token.id order by access_token.id for update of access_token)
				update access_token set last_used = locked.time from locked
				where access_token.seq = locked.seq and (access_token.last_used is null or access_token.last_used < locked.time)`,
			values: ids(used),
		});
	}
	return statements;
}
