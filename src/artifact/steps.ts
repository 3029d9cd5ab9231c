// What happens to artifacts: they are added, with their digest checked, and deleted, unless an unfinished job names
// them. Each has an audit row, committed before it takes effect: after a crash a row may stand for something that did
// not happen, but nothing happens without a row.

import type { AuditWriter } from '../audit/store.ts';
import { CaissonError } from '../errors.ts';
import type { Commit } from '../unit-of-work.ts';
import { type NameSource, References } from './references.ts';
import type { BlobFacts, BlobStore } from './store.ts';

export interface ArtifactWorld {
	readonly blobs: BlobStore;
	readonly commit: Commit<{ readonly audit: AuditWriter }>;
	readonly now: () => number;
	/** Everything that keeps an artifact by naming it. */
	readonly references: readonly NameSource[];
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
	const references = await References.read(world.blobs, world.references);
	const refuse = (naming: string) => new CaissonError('artifact-in-use', `${naming} names the artifact ${digest}`);
	// First without touching it, so that a refusal disturbs no download.
	const naming = await references.naming(digest);
	if (naming !== undefined) throw refuse(naming);
	const outcome = await removeUnnamed(world, references, digest, { size }, by);
	if (outcome === 'absent') throw artifactNotFound(digest);
	if (outcome !== 'removed') throw refuse(outcome.naming);
}

/**
 * Removes an artifact that nobody names. It is set aside first, so that nobody finds it any more; then its audit row is
 * committed, and only then it is asked for the last time who names it. Whatever was committed before the row is seen,
 * and the artifact comes back (with a row that says so). So a job that stands before the row has its artifact; one that
 * comes after it names what was gone already, as if it had come a minute later.
 */
export async function removeUnnamed(
	world: ArtifactWorld,
	references: References,
	digest: string,
	detail: Readonly<Record<string, unknown>>,
	by: string,
): Promise<'removed' | 'absent' | { readonly naming: string }> {
	let naming: string | undefined;
	const record = (action: string, about: Readonly<Record<string, unknown>>) =>
		world.commit(({ audit }) => audit.append({ time: world.now(), actor: by, action, subject: digest, detail: about }));
	const keep = async () => {
		naming = await references.naming(digest);
		if (naming !== undefined) return true;
		await record('artifact.delete', detail);
		naming = await references.naming(digest);
		if (naming === undefined) return false;
		await record('artifact.keep', { naming });
		return true;
	};
	const outcome = await world.blobs.removeUnless(digest, keep);
	return outcome === 'kept' ? { naming: naming ?? 'something' } : outcome;
}

export function artifactNotFound(digest: string): CaissonError {
	return new CaissonError('artifact-not-found', `there is no artifact ${digest}`);
}
