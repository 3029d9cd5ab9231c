// python-tuf's ngclient, the reference implementation of a TUF client, as an oracle: Debian's python3-tuf in a root of its
// own. `whyNoPythonTuf` says why it cannot run on a machine, for the skip of a test.

import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Oracle, OracleAnswer } from './oracle.ts';
import { type PythonTufRoot, runPython } from './python-root.ts';

export { type PythonTufRoot, pythonTufRoot, whyNoPythonTuf } from './python-root.ts';

/** Limits of python-tuf that a large repository needs raised: see tuf.ngclient.config.UpdaterConfig. */
export interface PythonTufConfig {
	readonly max_root_rotations?: number;
	readonly max_delegations?: number;
	readonly root_max_length?: number;
	readonly timestamp_max_length?: number;
	readonly snapshot_max_length?: number;
	readonly targets_max_length?: number;
	readonly prefix_targets_with_hash?: boolean;
}

/** python-tuf as an oracle, from the root that pythonTufRoot() gave. */
export function pythonTuf(root: PythonTufRoot, config: PythonTufConfig = {}): Oracle {
	return async ({ metadataUrl, targetUrl, root: trusted, targets = [], folder }) => {
		const work = folder ?? (await mkdtemp(join(tmpdir(), 'caisson-python-tuf-')));
		try {
			const initial = join(work, 'metadata', 'root.json');
			await mkdir(join(work, 'metadata'), { recursive: true });
			await access(initial).catch(() => writeFile(initial, trusted));
			const request = { metadataUrl, targetUrl, targets, config };
			return (await runPython(root, 'refresh.py', work, request)) as OracleAnswer;
		} finally {
			if (folder === undefined) await rm(work, { recursive: true, force: true });
		}
	};
}
