// Creating and deleting many jobs at once (spec/caisson.openapi.yaml).

import { CaissonError } from '../errors.ts';
import type { Handlers } from '../web/api.ts';
import type { JobRequest } from './rules/changes.ts';
import { createJobs, deleteJobs, type JobWorld } from './steps.ts';
import type { JobFilter } from './store.ts';

interface BulkCreate extends Omit<JobRequest, 'clientId'> {
	readonly clientIds: readonly string[];
}

interface BulkDelete extends Omit<JobFilter, 'changedBefore'> {
	/** RFC 3339. */
	readonly changedBefore?: string;
	readonly limit?: number;
}

export function bulkJobHandlers(world: JobWorld): Handlers {
	return {
		'POST /jobs/bulk-create': async ({ body, by }) => {
			const { clientIds, ...request } = body as BulkCreate;
			return { status: 201, value: { jobs: await createJobs(world, clientIds, request, by) } };
		},
		'POST /jobs/bulk-delete': async ({ body, by }) => {
			const { limit = 10_000, changedBefore, ...rest } = body as BulkDelete;
			const filter: JobFilter = { ...rest, ...(changedBefore && { changedBefore: timeOf(changedBefore) }) };
			// An empty filter would match every job: nobody asks for that by leaving something out.
			if (Object.keys(filter).length === 0) throw new CaissonError('request-invalid', 'at least one filter is needed');
			return { status: 200, value: { deleted: await deleteJobs(world, filter, limit, by) } };
		},
	};
}

function timeOf(text: string): number {
	const time = Date.parse(text);
	if (Number.isNaN(time)) throw new CaissonError('request-invalid', `changedBefore: ${text} is no RFC 3339 time`);
	return time;
}
