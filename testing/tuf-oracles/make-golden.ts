// Makes testdata/trust/python-tuf anew: the repositories that python-tuf writes (repositories.py), with new keys.
//
//     node testing/tuf-oracles/make-golden.ts

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonTufRoot, runPython } from './python-root.ts';

/**
 * Lets python-tuf write its repositories into `folder`: a folder each, with metadata/ and targets/.
 * @returns their names
 */
export async function makePythonTufRepositories(folder: string): Promise<readonly string[]> {
	const root = await pythonTufRoot((line) => console.error(line));
	return (await runPython(root, 'repositories.py', folder, { expires: '2126-01-01T00:00:00' })) as string[];
}

if (import.meta.main) {
	const folder = await mkdtemp(join(tmpdir(), 'caisson-golden-'));
	try {
		const golden = fileURLToPath(new URL('../../testdata/trust/python-tuf/', import.meta.url));
		for (const name of await makePythonTufRepositories(folder)) {
			await rm(join(golden, name), { recursive: true, force: true });
			await cp(join(folder, name), join(golden, name), { recursive: true });
			console.log(`testdata/trust/python-tuf/${name}`);
		}
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
