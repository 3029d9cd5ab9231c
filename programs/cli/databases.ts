// Which database the commands of `caisson db` mean, and that no server uses its file meanwhile.

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { defaultDataDirectory, openDataDirectory } from '../../src/access/data-directory.ts';
import type { DatabaseWorld } from '../../src/database/commands.ts';
import type { Databases } from '../../src/database/store.ts';
import { CaissonError } from '../../src/errors.ts';
import { databases } from '../../src/storage/maintenance/databases.ts';
import { DatabaseAddress, isDatabaseAddress } from '../../src/storage/postgres/address.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export function databaseWorld(environment: Environment): DatabaseWorld {
	return {
		databases: locked(databases),
		choose({ database, data }) {
			if (database !== undefined) return isDatabaseAddress(database) ? checked(database, true) : resolve(database);
			// As for a server: the address of the environment stands for the file of the data directory.
			const named = data === undefined ? environment.CAISSON_DATABASE : undefined;
			if (named) return checked(named, false);
			return join(resolve(data ?? defaultDataDirectory(environment)), 'caisson.db');
		},
	};
}

function checked(text: string, onCommandLine: boolean): string {
	const refuse = (why: string) => {
		throw new CaissonError(
			'configuration-invalid',
			`database: ${why} (${onCommandLine ? '--database' : 'CAISSON_DATABASE'})`,
		);
	};
	try {
		if (new DatabaseAddress(text).hasPassword && onCommandLine) {
			refuse('a password on the command line is seen by every user of this machine: use PGPASSFILE or PGPASSWORD');
		}
	} catch (error) {
		if (!(error instanceof RangeError)) throw error;
		refuse(error.message);
	}
	return text;
}

/** The same, with the lock of the data directory that a file lies in. */
function locked(inner: Databases): Databases {
	return {
		migrate: (database) => holding([database], 'caisson db migrate', () => inner.migrate(database)),
		check: (database, progress) => holding([database], 'caisson db check', () => inner.check(database, progress)),
		copy: (from, to, progress) => holding([from, to], 'caisson db copy', () => inner.copy(from, to, progress)),
	};
}

async function holding<Result>(
	names: readonly string[],
	purpose: string,
	work: () => Promise<Result>,
): Promise<Result> {
	const folders = new Set(names.filter((name) => !isDatabaseAddress(name)).map((file) => dirname(file)));
	// A file elsewhere, such as a copy that was made by hand, is used by nobody.
	const held = [...folders].filter((folder) => existsSync(join(folder, 'lock')));
	const releases: (() => void)[] = [];
	try {
		for (const folder of held) releases.push(openDataDirectory(folder, purpose).release);
		return await work();
	} finally {
		for (const release of releases.reverse()) release();
	}
}
