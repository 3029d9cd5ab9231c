// Garbage collection: removes artifacts that are old enough and that nothing names. The names are read once; what is named
// meanwhile is seen for each artifact right before it goes (removeUnnamed in steps.ts tells why nothing slips through).
// It may be cut off at any time: what is removed is removed, and the next run goes on.

import { References } from './references.ts';
import { type ArtifactWorld, removeUnnamed } from './steps.ts';
import type { BlobFacts } from './store.ts';

export interface CollectOptions {
	/** Milliseconds since the upload. Younger artifacts are kept: the job that will name them may be yet to come. */
	readonly olderThan: number;
	readonly dryRun: boolean;
	/** Artifacts to remove at most. */
	readonly limit: number;
	readonly by: string;
}

export interface Collected {
	readonly removed: readonly BlobFacts[];
	/** Of what was removed. */
	readonly bytes: number;
	readonly kept: { readonly named: number; readonly young: number };
	/** Updates that are named and could not be looked into: what they name is not known, and was not kept for them. */
	readonly unreadable: readonly string[];
	/** The limit was reached. */
	readonly more: boolean;
}

const pageSize = 1000;

/** @throws CaissonError blobs-unavailable, storage-unavailable; what was removed until then has its audit rows */
export async function collectGarbage(world: ArtifactWorld, options: CollectOptions): Promise<Collected> {
	const { olderThan, dryRun, limit, by } = options;
	const references = await References.read(world.blobs, world.references);
	const removed: BlobFacts[] = [];
	const kept = { named: 0, young: 0 };
	const remove = async (facts: BlobFacts) => {
		if ((await references.naming(facts.digest)) !== undefined) return kept.named++;
		if (dryRun) return removed.push(facts);
		const detail = { size: facts.size, collected: true };
		const outcome = await removeUnnamed(world, references, facts.digest, detail, by);
		if (outcome === 'removed') removed.push(facts);
		else if (outcome !== 'absent') kept.named++;
	};
	let more = false;
	for (let after = ''; !more; ) {
		const page = await world.blobs.list({ after, limit: pageSize });
		for (const facts of page) {
			if (facts.stored > world.now() - olderThan) kept.young++;
			else if (removed.length >= limit) more = true;
			else await remove(facts);
			if (more) break;
		}
		if (page.length < pageSize) break;
		after = page.at(-1)?.digest ?? after;
	}
	const bytes = removed.reduce((sum, { size }) => sum + size, 0);
	return { removed, bytes, kept, unreadable: [...references.unreadable], more };
}
