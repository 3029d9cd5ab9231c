// Caisson's own verdict on a case: the archive as a file, the profile as text, through the same code as the command. The
// recipes in a case's profile become files first. It leaves out comparing.

import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileKeys } from '../../src/outside/signer/keys.ts';
import { checkUpdate } from '../../src/update/check/check-update.ts';
import { parseDeviceProfile } from '../../src/update/rules/device-profile.ts';
import type { Verdict } from '../../src/update/rules/preflight-facts.ts';
import { buildArchive } from './archive.ts';
import { profileOf, signerFiles, type VerdictCase } from './case.ts';
import { contentOf } from './content.ts';

/** @param release of SWUpdate: '2024.12' */
export async function predictedVerdict(each: VerdictCase, release: string): Promise<Verdict> {
	const folder = await mkdtemp(join(tmpdir(), 'caisson-predict-'));
	try {
		const file = join(folder, 'update.swu');
		await writeFile(file, buildArchive(each));
		const profile = parseDeviceProfile(JSON.stringify(await withFiles(each, release, folder)));
		const localFile = (name: string) => name;
		return await checkUpdate({ file, profile, localFile, keys: fileKeys, now: Date.now() });
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

type Mapping = Record<string, unknown>;

/** What the case installs at a target is what the profile says it should become. */
async function withFiles(each: VerdictCase, release: string, folder: string): Promise<Mapping> {
	const profile = profileOf(each);
	const trust = profile.trust as Mapping;
	const targets: Mapping = {};
	for (const [path, target] of Object.entries((profile.targets ?? {}) as Record<string, Mapping>)) {
		const made: Mapping = { ...target };
		if (typeof target.content === 'string') {
			made.content = join(folder, path.replaceAll('/', '-'));
			await writeFile(made.content as string, contentOf(target.content));
		}
		const recipe = each.installs?.[path];
		if (recipe !== undefined) {
			const bytes = contentOf(recipe);
			made.becomes = { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
		}
		targets[path] = made;
	}
	return {
		...profile,
		swupdate: { version: release },
		trust: { ...trust, certificates: signerFiles(trust.certificates as string).certificateFile },
		targets,
	};
}
