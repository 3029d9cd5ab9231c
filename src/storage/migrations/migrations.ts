// The list of migrations, in the order in which they run. A migration that has been released is never changed; a new
// one gets the next number. Their names are stored in each database, which is how one written by a newer Caisson is
// recognised.

import type { Migration, MigrationProvider } from 'kysely/migration';
import { firstTables } from './001-first-tables.ts';
import { auditSeal } from './002-audit-seal.ts';
import type { ColumnTypes } from './column-types.ts';

const all: Readonly<Record<string, (types: ColumnTypes) => Migration>> = {
	'001-first-tables': firstTables,
	'002-audit-seal': auditSeal,
};

/** The names, ascending. */
export const migrationNames: readonly string[] = Object.keys(all).sort();

/** What kysely's Migrator asks for. */
export function migrationProvider(types: ColumnTypes): MigrationProvider {
	const migrations = Object.fromEntries(Object.entries(all).map(([name, make]) => [name, make(types)]));
	return { getMigrations: async () => migrations };
}
