// What is forgotten by itself: jobs in a named state that nobody changed for a named time, and events past their age.
// Deletion goes the same way as an operator's, with event and audit row. When it runs is the programs' business.

import { deleteJobs, type JobWorld } from './steps.ts';
import type { EventReader } from './store.ts';

export interface RetentionRules {
	/** Jobs in `state` are deleted once they are older than `age` milliseconds, counted from their last change. */
	readonly jobs: readonly { readonly state: string; readonly age: number }[];
	/** Events are forgotten once they are older than this many milliseconds; 0 keeps all. */
	readonly events: number;
}

/** How many jobs one round deletes at most, a rule; the rest is left to the next round. */
const jobsARound = 10_000;

/** One round. @returns what was deleted */
export async function sweep(
	world: JobWorld,
	events: EventReader,
	rules: RetentionRules,
): Promise<{ jobs: number; events: number }> {
	let jobs = 0;
	for (const { state, age } of rules.jobs) {
		jobs += await deleteJobs(world, { state, changedBefore: world.now() - age }, jobsARound, 'caisson');
	}
	const pruned = rules.events > 0 ? await events.prune(world.now() - rules.events) : 0;
	return { jobs, events: pruned };
}
