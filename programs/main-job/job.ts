// The job of the main job: created over the API, then followed live from the server's events until it has ended. It
// leaves out how that is shown.

import { CaissonError } from '../../src/errors.ts';
import type { JobStatus, JsonObject } from '../../src/job/rules/model.ts';
import type { ApiClient } from '../../src/terminal/api-client.ts';
import { builtinWorkflow } from '../../src/workflow/builtin.ts';

export const api = '/api/wfx/v1';
export const workflowName = 'wfx.workflow.dau.direct';

/** Creates the workflow where the server does not hold it yet. @returns whether it did */
export async function ensureWorkflow(client: ApiClient): Promise<boolean> {
	try {
		await client.request('POST', `${api}/workflows`, { body: builtinWorkflow(workflowName) });
		return true;
	} catch (error) {
		if (error instanceof CaissonError && error.code === 'workflow-exists') return false;
		throw error;
	}
}

/** What the device shall install: the definition of the DAU workflows. The type is not firmware: no reboot is needed. */
export function definitionOf(name: string, version: string, uri: string): JsonObject {
	return { version, type: ['application'], artifacts: [{ name, version, uri }] };
}

export async function createJob(client: ApiClient, clientId: string, definition: JsonObject): Promise<string> {
	const body = { clientId, workflow: workflowName, definition, tags: ['main-job'] };
	const answer = await client.request('POST', `${api}/jobs`, { body });
	return (answer.body as { id: string }).id;
}

/**
 * Follows the jobs of one device from now on: the stream is open when this resolves, so that no later event is missed.
 * @returns a function that calls `seen` with each status until the job has ended, and resolves with its last status
 */
export async function followDevice(
	client: ApiClient,
	clientId: string,
	signal: AbortSignal,
): Promise<(job: string, seen: (status: JobStatus) => void) => Promise<JobStatus>> {
	const opened = Promise.withResolvers<void>();
	const over = new AbortController();
	const ending = AbortSignal.any([signal, over.signal]);
	const request = { query: { clientIds: clientId } };
	const events = client.events(`${api}/jobs/events`, request, ending, { open: () => opened.resolve() });
	const statuses = statusesOf(events);
	// The first event is asked for now: asking opens the connection.
	const first = statuses.next();
	await Promise.race([opened.promise, first]);
	return async (job, seen) => {
		try {
			for (let next = await first; !next.done; next = await statuses.next()) {
				const { id, status } = next.value;
				if (id !== job) continue;
				seen(status);
				if (isOver(status)) return status;
			}
		} finally {
			over.abort();
		}
		signal.throwIfAborted();
		throw new CaissonError('server-unreachable', 'The stream of events ended before the job did.');
	};
}

export function isOver(status: JobStatus): boolean {
	return status.state === 'ACTIVATED' || status.state === 'TERMINATED';
}

async function* statusesOf(
	events: AsyncIterable<{ readonly data: string }>,
): AsyncGenerator<{ readonly id: string; readonly status: JobStatus }> {
	for await (const event of events) {
		const { job } = JSON.parse(event.data) as { job?: { id?: string; status?: JobStatus } };
		if (job?.id !== undefined && job.status !== undefined) yield { id: job.id, status: job.status };
	}
}
