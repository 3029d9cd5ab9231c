// Does a job match a filter? The same question that the stores answer in SQL, for one job in hand.

import { groupOf } from '../../workflow/rules/walk.ts';
import type { Job } from './model.ts';

/** Filters of different kinds are joined by AND, values of one kind by OR. An absent filter lets everything through. */
export interface JobFilter {
	readonly clientId?: string;
	readonly state?: string;
	readonly workflow?: string;
	/** Names of groups; a job in no group has ''. */
	readonly groups?: readonly string[];
	readonly tags?: readonly string[];
	/** Only jobs last changed before this time (ms): for housekeeping. */
	readonly changedBefore?: number;
}

export function jobMatches(filter: JobFilter, job: Job): boolean {
	const { clientId, state, workflow, groups, tags, changedBefore } = filter;
	return (
		(clientId === undefined || job.clientId === clientId) &&
		(state === undefined || job.status.state === state) &&
		(workflow === undefined || job.workflow.name === workflow) &&
		(groups === undefined || groups.includes(groupOf(job.workflow, job.status.state))) &&
		(tags === undefined || tags.some((tag) => job.tags.includes(tag))) &&
		(changedBefore === undefined || job.mtime < changedBefore)
	);
}
