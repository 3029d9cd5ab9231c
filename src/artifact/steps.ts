// What happens to artifacts: they are added, with their digest checked, and deleted, unless an unfinished job names
// them. Each has an audit row, committed before it takes effect: after a crash a row may stand for something that did
// not happen, but nothing happens without a row.

import type { AuditWriter } from '../audit/store.ts';
import { CaissonError } from '../errors.ts';
import type { Commit } from '../unit-of-work.ts';
import { type JobsWorld, openJobNaming } from './open-jobs.ts';
import type { BlobFacts, BlobStore } from './store.ts';

export interface ArtifactWorld extends JobsWorld {
	readonly blobs: BlobStore;
	readonly commit: Commit<{ readonly audit: AuditWriter }>;
	readonly now: () => number;
	/** Largest artifact in bytes. */
	readonly maximum: () => number;
}

/**
 * Stores the bytes under their digest; where the artifact is there already it is written anew.
 * @throws CaissonError digest-mismatch, request-too-large, blobs-unavailable, storage-unavailable, or what `bytes`
 * throws: then nothing of it is kept
 */
export async function addArtifact(
	world: ArtifactWorld,
	digest: string,
	bytes: AsyncIterable<Uint8Array>,
	by: string,
): Promise<{ facts: BlobFacts; created: boolean }> {
	const replaced = (await world.blobs.stat(digest)) !== undefined;
	const beforeVisible = (size: number) =>
		world.commit(({ audit }) =>
			audit.append({
				...{ time: world.now(), actor: by, action: 'artifact.add', subject: digest },
				detail: { size, replaced },
			}),
		);
	await world.blobs.put(digest, bytes, { maximum: world.maximum(), beforeVisible });
	return { facts: await findArtifact(world, digest), created: !replaced };
}

/** @throws CaissonError artifact-not-found, blobs-unavailable */
export async function findArtifact(world: Pick<ArtifactWorld, 'blobs'>, digest: string): Promise<BlobFacts> {
	const facts = await world.blobs.stat(digest);
	if (facts === undefined) throw artifactNotFound(digest);
	return facts;
}

/** @throws CaissonError artifact-not-found, artifact-in-use, blobs-unavailable, storage-unavailable */
export async function deleteArtifact(world: ArtifactWorld, digest: string, by: string): Promise<void> {
	const { size } = await findArtifact(world, digest);
	const job = await openJobNaming(world, digest);
	if (job !== undefined) {
		throw new CaissonError('artifact-in-use', `the unfinished job ${job} names the artifact ${digest}`);
	}
	await world.commit(({ audit }) =>
		audit.append({
			...{ time: world.now(), actor: by, action: 'artifact.delete', subject: digest },
			detail: { size },
		}),
	);
	if (!(await world.blobs.remove(digest))) throw artifactNotFound(digest);
}

export function artifactNotFound(digest: string): CaissonError {
	return new CaissonError('artifact-not-found', `there is no artifact ${digest}`);
}
