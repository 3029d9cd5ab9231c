// Copies a database into an empty one, row by row with all numbers, reads the copy back and compares, all inside one
// transaction of the target. It decides what must hold before, and what is compared after.

import type { CopiedTable, Progress } from '../../database/store.ts';
import { CaissonError } from '../../errors.ts';
import { migrationNames } from '../migrations/migrations.ts';
import type { Row } from '../rows.ts';
import { type Column, type Table, type TableDatabase, TableDigest, type TableTarget, tables } from './tables.ts';

/** @throws CaissonError database-not-empty, database-not-copied; the target is then as it was */
export async function copyDatabase(
	source: TableDatabase,
	target: TableTarget,
	progress: Progress,
): Promise<readonly CopiedTable[]> {
	if (source.version !== migrationNames.length) {
		throw notCopied(`${source.name} has tables of version ${source.version}: run \`caisson db migrate\` on it first`);
	}
	await requireEmpty(target);
	const copied: CopiedTable[] = [];
	for (const table of tables) copied.push(await copyTable(source, target, table, progress));
	await target.setLastNumbers(await source.lastNumbers());
	for (const { table, rows, digest } of copied) {
		const found = await digestOf(target, tables.find(({ name }) => name === table) as Table);
		if (found.rows !== rows || found.digest !== digest) {
			throw notCopied(`${table} differs after copying: ${rows} rows were read and ${found.rows} are there`);
		}
	}
	await target.commit();
	return copied;
}

async function requireEmpty(target: TableTarget): Promise<void> {
	for (const { name } of tables) {
		const [row] = await target.query(`select count(*) as count from ${name}`);
		if (Number(row?.count) > 0) {
			throw new CaissonError(
				'database-not-empty',
				`${target.name} is not empty: the table ${name} has ${row?.count} rows.`,
			);
		}
	}
	// Numbers that were given are never given again, so a database that had rows is not an empty one.
	for (const [table, last] of Object.entries(await target.lastNumbers())) {
		if (last > 0)
			throw new CaissonError('database-not-empty', `${target.name} was in use: rows of ${table} were deleted.`);
	}
}

async function copyTable(
	source: TableDatabase,
	target: TableTarget,
	table: Table,
	progress: Progress,
): Promise<CopiedTable> {
	const columns = await source.columns(table.name);
	const there = await target.columns(table.name);
	if (JSON.stringify(columns) !== JSON.stringify(there)) throw notCopied(`the columns of ${table.name} differ`);
	const digest = new TableDigest();
	for await (const page of source.pages(table)) {
		for (const row of page) requireStorable(table, columns, row);
		digest.add(columns, page);
		await target.insert(table.name, columns, page);
		progress(table.name, digest.rows);
	}
	return { table: table.name, rows: digest.rows, digest: digest.digest() };
}

/** SQLite takes U+0000 in a text, PostgreSQL does not. */
function requireStorable({ name, key }: Table, columns: readonly Column[], row: Row): void {
	const column = columns.find((one) => String(row[one.name]).includes('\0'));
	if (column === undefined) return;
	const which = key.map((part) => `${part} ${JSON.stringify(row[part])}`).join(', ');
	throw notCopied(`${name} (${which}) has a U+0000 in ${column.name}, which PostgreSQL cannot store`);
}

async function digestOf(database: TableDatabase, table: Table): Promise<{ rows: number; digest: string }> {
	const columns = await database.columns(table.name);
	const digest = new TableDigest();
	for await (const page of database.pages(table)) digest.add(columns, page);
	return { rows: digest.rows, digest: digest.digest() };
}

function notCopied(why: string): CaissonError {
	return new CaissonError('database-not-copied', `Nothing was copied: ${why}.`);
}
