// Which digests do unfinished jobs name? A job is unfinished while its state is in the group OPEN or while an edge leads
// out of it. The jobs are read once, state by state, while others change them; what changed meanwhile is in the events,
// and is looked at again. It leaves out what the names are for.

import type { Job } from '../job/rules/model.ts';
import type { EventReader, JobReader } from '../job/store.ts';
import type { Workflow } from '../workflow/rules/model.ts';
import { finalStates, groupOf } from '../workflow/rules/walk.ts';
import type { WorkflowReader } from '../workflow/store.ts';
import type { Names } from './references.ts';
import { digestsIn } from './rules.ts';
import type { DefinitionReader } from './store.ts';

export interface JobsWorld {
	readonly jobs: JobReader;
	readonly workflows: WorkflowReader;
	readonly events: EventReader;
	readonly definitions: DefinitionReader;
}

const pageSize = 500;

/** The digests that unfinished jobs name, each with one of its jobs. @throws CaissonError storage-unavailable */
export async function namedByOpenJobs(world: JobsWorld): Promise<Names> {
	const all = new Map<string, string>();
	const add = (jobId: string, definition: string) => {
		for (const digest of digestsIn(definition)) if (!all.has(digest)) all.set(digest, `the unfinished job ${jobId}`);
	};
	// Before the jobs are read: whatever changes from here on has an event behind this one.
	let { last } = await world.events.range();
	for (const [state, workflows] of await unfinished(world)) {
		for (let page = await world.definitions.inState(state, undefined, pageSize); page.length > 0; ) {
			for (const { jobId, workflow, definition } of page) if (workflows.has(workflow)) add(jobId, definition);
			if (page.length < pageSize) break;
			page = await world.definitions.inState(state, page.at(-1)?.place, pageSize);
		}
	}
	return {
		all,
		async refresh() {
			for (;;) {
				const events = await world.events.read(last, pageSize);
				for (const id of new Set(events.map(({ jobId }) => jobId))) {
					const job = await world.jobs.find(id);
					if (job?.definition !== undefined && isUnfinished(job)) add(id, JSON.stringify(job.definition));
				}
				last = events.at(-1)?.id ?? last;
				if (events.length < pageSize) return;
			}
		},
	};
}

/** The unfinished states of all workflows, each with the workflows in which it is one. */
async function unfinished(world: JobsWorld): Promise<Map<string, Set<string>>> {
	const states = new Map<string, Set<string>>();
	for (let offset = 0; ; offset += 100) {
		const { workflows } = await world.workflows.list({ offset, limit: 100, sort: 'asc', total: false });
		for (const workflow of workflows) {
			for (const state of unfinishedStates(workflow)) {
				states.set(state, (states.get(state) ?? new Set()).add(workflow.name));
			}
		}
		if (workflows.length < 100) return states;
	}
}

/** The states in which a job of this workflow still has something before it. */
export function unfinishedStates(workflow: Workflow): string[] {
	const final = new Set(finalStates(workflow));
	return workflow.states
		.map(({ name }) => name)
		.filter((name) => !final.has(name) || groupOf(workflow, name) === 'OPEN');
}

function isUnfinished({ workflow, status }: Job): boolean {
	return unfinishedStates(workflow).includes(status.state);
}
