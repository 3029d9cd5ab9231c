// Reading the audit chain on PostgreSQL: rows exactly as they are stored, and the seals over them.

import type { AuditChainReader, RawAuditRow, StoredSeal } from '../../audit/store.ts';
import type { Row } from '../rows.ts';
import type { ReadPool } from './readers.ts';

export const lastSealQuery = 'select number, body from audit_seal order by number desc limit 1';
const columns = 'select id, time, actor, action, subject, detail from audit';

export function sealFromRow(row: Row | undefined): StoredSeal | undefined {
	return row === undefined ? undefined : { number: Number(row.number), body: String(row.body) };
}

function rawRow(row: Row): RawAuditRow {
	return {
		id: Number(row.id),
		time: Number(row.time),
		actor: String(row.actor),
		action: String(row.action),
		subject: String(row.subject),
		detail: row.detail === null ? null : String(row.detail),
	};
}

export function auditChainReader(pool: ReadPool): AuditChainReader {
	return {
		rows: async (after, limit) =>
			(await pool.rows(`${columns} where id > $1::bigint order by id limit $2::bigint`, [after, limit])).map(rawRow),
		rowsBefore: async (before, limit) =>
			(await pool.rows(`${columns} where id < $1::bigint order by id desc limit $2::bigint`, [before, limit])).map(
				rawRow,
			),
		seals: async (after, limit) => {
			const sql = 'select number, body from audit_seal where number > $1::bigint order by number limit $2::bigint';
			return (await pool.rows(sql, [after, limit])).map((row) => sealFromRow(row) as StoredSeal);
		},
		lastSeal: async () => sealFromRow((await pool.rows(lastSealQuery))[0]),
	};
}
