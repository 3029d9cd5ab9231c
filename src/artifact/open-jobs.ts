// Does an unfinished job name an artifact? A job is unfinished while its state is in the group OPEN or while an edge
// leads out of it. The jobs are looked through page by page while others change them; what changed meanwhile is looked
// at again. It leaves out jobs that are created after the look: they are free to name what no longer exists.

import { CaissonError } from '../errors.ts';
import type { Job } from '../job/rules/model.ts';
import type { EventReader, JobReader } from '../job/store.ts';
import type { Workflow } from '../workflow/rules/model.ts';
import { finalStates, groupOf } from '../workflow/rules/walk.ts';
import type { WorkflowReader } from '../workflow/store.ts';
import { mentions } from './rules.ts';

export interface JobsWorld {
	readonly jobs: JobReader;
	readonly workflows: WorkflowReader;
	readonly events: EventReader;
}

/** Jobs, and events since the beginning, that are looked through before giving up. */
const mostJobs = 100_000;
const pageSize = 500;
/** How far pages overlap: a page that shares no job with the one before may have a gap before it. */
const overlap = 50;

/**
 * The id of an unfinished job whose definition mentions the digest; undefined where there is none.
 * @throws CaissonError artifact-in-use where there are more unfinished jobs than are looked through
 */
export async function openJobNaming(world: JobsWorld, digest: string): Promise<string | undefined> {
	const { last } = await world.events.range();
	const budget = { left: mostJobs };
	for (let offset = 0; ; offset += 100) {
		const { workflows } = await world.workflows.list({ offset, limit: 100, sort: 'asc', total: false });
		for (const workflow of workflows) {
			for (const state of unfinishedStates(workflow)) {
				const found = await lookThrough(world.jobs, workflow.name, state, digest, budget);
				if (found !== undefined) return found;
			}
		}
		if (workflows.length < 100) break;
	}
	return changedMeanwhile(world, last, digest, budget);
}

/** The states in which a job of this workflow still has something before it. */
export function unfinishedStates(workflow: Workflow): string[] {
	const final = new Set(finalStates(workflow));
	return workflow.states
		.map(({ name }) => name)
		.filter((name) => !final.has(name) || groupOf(workflow, name) === 'OPEN');
}

async function lookThrough(
	jobs: JobReader,
	workflow: string,
	state: string,
	digest: string,
	budget: { left: number },
): Promise<string | undefined> {
	const page = { limit: pageSize, sort: 'asc', total: false } as const;
	let before = new Set<string>();
	for (let offset = 0; ; offset += pageSize - overlap) {
		const { jobs: found } = await jobs.query({ workflow, state }, { ...page, offset });
		// Jobs left the state meanwhile, and the others moved up by more than the overlap.
		if (offset > 0 && !found.some(({ id }) => before.has(id))) throw cannotTell('they change too quickly; try again');
		const naming = found.find((job) => mentions(job.definition, digest));
		if (naming !== undefined) return naming.id;
		if (found.length < pageSize) return undefined;
		spend(budget, found.length);
		before = new Set(found.map(({ id }) => id));
	}
}

/** Jobs that were created, moved or redefined since the event `after`: they may have slipped past. */
async function changedMeanwhile(
	world: JobsWorld,
	after: number,
	digest: string,
	budget: { left: number },
): Promise<string | undefined> {
	for (let last = after; ; ) {
		const events = await world.events.read(last, pageSize);
		for (const id of new Set(events.map(({ jobId }) => jobId))) {
			const job = await world.jobs.find(id);
			if (job !== undefined && isUnfinished(job) && mentions(job.definition, digest)) return id;
		}
		if (events.length < pageSize) return undefined;
		spend(budget, events.length);
		last = events.at(-1)?.id ?? last;
	}
}

function isUnfinished({ workflow, status }: Job): boolean {
	return unfinishedStates(workflow).includes(status.state);
}

function spend(budget: { left: number }, jobs: number): void {
	budget.left -= jobs;
	if (budget.left < 0) throw cannotTell(`there are more than ${mostJobs}`);
}

function cannotTell(why: string): CaissonError {
	return new CaissonError('artifact-in-use', `whether an unfinished job names the artifact cannot be told: ${why}`);
}
