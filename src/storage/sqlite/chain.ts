// Reading the audit chain of the embedded store: rows exactly as they are stored, and the seals over them. It is also
// opened by itself, read-only, for checking a database beside a running server or without one.

import { existsSync } from 'node:fs';
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite';
import type { AuditChainReader, RawAuditRow, StoredSeal } from '../../audit/store.ts';
import { CaissonError } from '../../errors.ts';
import { ReadConnection } from './readers.ts';
import { withStorageErrors } from './sqlite-error.ts';

type Row = Record<string, SQLOutputValue>;

export const lastSealQuery = 'select number, body from audit_seal order by number desc limit 1';

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

const columns = 'select id, time, actor, action, subject, detail from audit';

export function auditChainReader(connection: ReadConnection): AuditChainReader {
	return {
		rows: async (after, limit) =>
			connection.read((statement) =>
				statement(`${columns} where id > ? order by id limit ?`).all(after, limit).map(rawRow),
			),
		rowsBefore: async (before, limit) =>
			connection.read((statement) =>
				statement(`${columns} where id < ? order by id desc limit ?`).all(before, limit).map(rawRow),
			),
		seals: async (after, limit) =>
			connection.read((statement) =>
				statement('select number, body from audit_seal where number > ? order by number limit ?')
					.all(after, limit)
					.map((row) => sealFromRow(row) as StoredSeal),
			),
		lastSeal: async () => connection.read((statement) => sealFromRow(statement(lastSealQuery).get())),
	};
}

/** How long a lock of another process is waited for (ms). */
const BUSY_TIMEOUT = 5000;

/**
 * The chain of the database in `file`, of one moment: a transaction is held until `close`, and a server may write on.
 * @throws CaissonError file-unusable where there is no such file, storage-damaged where it holds no chain
 */
export function openAuditChain(file: string): AuditChainReader & { close(): void } {
	if (!existsSync(file)) throw new CaissonError('file-unusable', `There is no database ${file}.`);
	return withStorageErrors(() => {
		const database = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT });
		try {
			const known = database.prepare(
				"select count(*) as tables from sqlite_schema where name in ('audit', 'audit_seal')",
			);
			if (Number(known.get()?.tables) !== 2) {
				const why = 'an older Caisson wrote it, or it is none of Caisson; start a server on it first';
				throw new CaissonError('storage-damaged', `The database ${file} has no sealed audit trail: ${why}.`);
			}
			database.exec('begin');
			const connection = new ReadConnection(database);
			return { ...auditChainReader(connection), close: () => connection.close() };
		} catch (error) {
			database.close();
			throw error;
		}
	});
}
