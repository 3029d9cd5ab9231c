// Where the server of the local data directory is found: by the note that it leaves there, and only while it runs.

import type { LocalServers } from '../../src/terminal/server-address.ts';

export function localServers(environment: Readonly<Record<string, string | undefined>>): LocalServers {
	return {
		async find(data) {
			// Loaded late: commands with --server, and those without a server, need no data directory.
			const [
				{ defaultDataDirectory, findLocalServer },
				{ operatorTokenFile, readOperatorToken },
				{ existsSync },
				{ join },
			] = await Promise.all([
				import('../../src/access/data-directory.ts'),
				import('../../src/access/operator-token.ts'),
				import('node:fs'),
				import('node:path'),
			]);
			const directory = data ?? defaultDataDirectory(environment);
			if (!existsSync(directory)) return undefined;
			const server = findLocalServer(directory);
			return server && { ...server, token: readOperatorToken(join(directory, operatorTokenFile)) };
		},
	};
}
