// tuf-js, the TUF client of npm and sigstore, as an oracle. It runs in this process; its metadata handling is quadratic
// in the number of roles and targets, so large repositories are for python-tuf.

import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Updater, type UpdaterOptions } from 'tuf-js';
import type { Oracle, OracleAnswer } from './oracle.ts';

/** tuf-js as an oracle. Retries are off, so that a refusal comes at once. */
export function tufJs(config: UpdaterOptions['config'] = {}): Oracle {
	return async (request) => {
		const work = request.folder ?? (await mkdtemp(join(tmpdir(), 'caisson-tuf-js-')));
		const metadata = join(work, 'metadata');
		const targets = join(work, 'targets');
		try {
			await mkdir(metadata, { recursive: true });
			await mkdir(targets, { recursive: true });
			const initial = join(metadata, 'root.json');
			await access(initial).catch(() => writeFile(initial, request.root));
			const found: Record<string, string | null> = {};
			const before = process.cpuUsage();
			const error = await run(
				{
					metadataDir: metadata,
					metadataBaseUrl: request.metadataUrl,
					targetDir: targets,
					targetBaseUrl: request.targetUrl,
					config: { fetchRetry: false, ...config },
				},
				request.targets ?? [],
				found,
			);
			const { user, system } = process.cpuUsage(before);
			return {
				accepted: error === null,
				error,
				versions: await heldVersions(metadata),
				targets: found,
				cpuSeconds: (user + system) / 1e6,
			};
		} finally {
			if (request.folder === undefined) await rm(work, { recursive: true, force: true });
		}
	};
}

async function run(
	options: UpdaterOptions,
	targets: readonly string[],
	found: Record<string, string | null>,
): Promise<OracleAnswer['error']> {
	try {
		const updater = new Updater(options);
		await updater.refresh();
		for (const name of targets) {
			const info = await updater.getTargetInfo(name);
			if (info === undefined) found[name] = null;
			else {
				const path = (await updater.findCachedTarget(info)) ?? (await updater.downloadTarget(info));
				found[name] = createHash('sha256')
					.update(await readFile(path))
					.digest('hex');
			}
		}
		return null;
	} catch (error) {
		return { kind: (error as Error).constructor.name, message: (error as Error).message };
	}
}

async function heldVersions(folder: string): Promise<Record<string, number>> {
	const versions: Record<string, number> = {};
	for (const name of (await readdir(folder)).sort()) {
		if (!name.endsWith('.json')) continue;
		const document = JSON.parse(await readFile(join(folder, name), 'utf8'));
		versions[name.slice(0, -'.json'.length)] = document.signed.version;
	}
	return versions;
}
