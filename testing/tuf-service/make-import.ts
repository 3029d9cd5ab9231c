// Makes testdata/trust/import anew: a repository that python-tuf writes in the layout of RSTUF. Its online key is one that
// tests have (testKey 'server'), so that a server can take it over; the keys of its root are forgotten.
//
//     node testing/tuf-service/make-import.ts

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testKey } from '../tuf-documents/documents.ts';
import { pythonTufRoot, runPython } from '../tuf-oracles/python-root.ts';

if (import.meta.main) {
	const folder = await mkdtemp(join(tmpdir(), 'caisson-import-'));
	try {
		const online = testKey('server').privateKey.export({ type: 'pkcs8', format: 'pem' });
		const script = fileURLToPath(new URL('rstuf_layout.py', import.meta.url));
		const root = await pythonTufRoot((line) => console.error(line));
		await runPython(root, script, folder, { expires: '2126-01-01T00:00:00', online });
		const golden = fileURLToPath(new URL('../../testdata/trust/import/rstuf/', import.meta.url));
		await rm(golden, { recursive: true, force: true });
		await cp(join(folder, 'rstuf'), golden, { recursive: true });
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
