// The list of migrations, in the order in which they run. A migration that has been released is never changed; a new
// one gets the next number. Their names are stored in each database, which is how one written by a newer Caisson is
// recognised.

import type { Migration, MigrationProvider } from 'kysely/migration';
import { firstTables } from './001-first-tables.ts';
import { auditSeal } from './002-audit-seal.ts';
import { accessToken } from './003-access-token.ts';
import { artifactTraffic } from './004-artifact-traffic.ts';
import { trust } from './005-trust.ts';
import type { ColumnTypes } from './column-types.ts';

interface Step {
	readonly make: (types: ColumnTypes) => Migration;
	/**
	 * The number of the oldest migration whose Caisson still works on a database that has this one: its own number where
	 * it takes something away or changes its meaning (contract), an earlier one where it only adds (expand). Servers of
	 * that age run on beside newer ones during a rolling upgrade; see docs/adr/0008-expand-then-contract.md.
	 */
	readonly minimumReader: number;
}

const all: Readonly<Record<string, Step>> = {
	'001-first-tables': { make: firstTables, minimumReader: 1 },
	'002-audit-seal': { make: auditSeal, minimumReader: 1 },
	'003-access-token': { make: accessToken, minimumReader: 1 },
	'004-artifact-traffic': { make: artifactTraffic, minimumReader: 1 },
	'005-trust': { make: trust, minimumReader: 1 },
};

/** The names, ascending. */
export const migrationNames: readonly string[] = Object.keys(all).sort();

/** What a database says of itself once it has the migration `name`: its version and who may use it. */
export function schemaVersion(name: string): { version: number; minimumReader: number } {
	return { version: migrationNames.indexOf(name) + 1, minimumReader: all[name]?.minimumReader ?? 0 };
}

/** What kysely's Migrator asks for. */
export function migrationProvider(types: ColumnTypes): MigrationProvider {
	const migrations = Object.fromEntries(Object.entries(all).map(([name, { make }]) => [name, make(types)]));
	return { getMigrations: async () => migrations };
}
