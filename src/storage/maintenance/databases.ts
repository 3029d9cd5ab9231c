// The commands on whole databases, for either engine: chooses by the form of the name and sees to it that what was
// opened is closed.

import type { Databases } from '../../database/store.ts';
import { isDatabaseAddress } from '../postgres/address.ts';
import { checkDatabase } from './check.ts';
import { copyDatabase } from './copy.ts';
import { migratePostgres, readPostgres, writePostgres } from './postgres-tables.ts';
import { migrateSqlite, readSqlite, writeSqlite } from './sqlite-tables.ts';
import type { TableDatabase } from './tables.ts';

const read = (name: string) => (isDatabaseAddress(name) ? readPostgres(name) : readSqlite(name));
const write = (name: string) => (isDatabaseAddress(name) ? writePostgres(name) : writeSqlite(name));

/** Who may open a file is decided before: these take no lock. */
export const databases: Databases = {
	migrate: (name) => (isDatabaseAddress(name) ? migratePostgres(name) : migrateSqlite(name)),
	check: async (name, progress) => using(await read(name), (database) => checkDatabase(database, progress)),
	copy: async (from, to, progress) =>
		using(await read(from), async (source) =>
			using(await write(to), (target) => copyDatabase(source, target, progress)),
		),
};

async function using<Opened extends TableDatabase, Result>(
	database: Opened,
	work: (database: Opened) => Promise<Result>,
): Promise<Result> {
	try {
		return await work(database);
	} finally {
		await database.close();
	}
}
