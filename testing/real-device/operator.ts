// What an operator does in the device tests: creates jobs, approves, changes definitions, and waits for what the device
// makes of them. Over HTTP, northbound. It leaves out judging the outcome.

import { setTimeout as sleep } from 'node:timers/promises';
import { CaissonError } from '../../src/errors.ts';
import type { HistoryEntry, JobStatus, JsonObject } from '../../src/job/rules/model.ts';
import type { ApiClient } from '../../src/terminal/api-client.ts';
import { type BuiltinWorkflowName, builtinWorkflow } from '../../src/workflow/builtin.ts';

const api = '/api/wfx/v1';

export interface SeenJob {
	readonly id: string;
	readonly status: JobStatus;
	readonly definition?: JsonObject;
	/** Newest first. */
	readonly history?: readonly HistoryEntry[];
}

export interface NewJob {
	readonly clientId: string;
	readonly workflow: BuiltinWorkflowName;
	/** 'firmware' is activated by a reboot. */
	readonly type: string;
	readonly uri: string;
}

/** The definition of the DAU workflows for one artifact. */
export function definitionFor(type: string, uri: string): JsonObject {
	return { version: '1.0', type: [type], artifacts: [{ name: 'trial', version: '1.0', uri }] };
}

/** Makes sure that the server holds a built-in workflow. @returns true where it was created now */
export async function ensureWorkflow(client: ApiClient, name: BuiltinWorkflowName): Promise<boolean> {
	try {
		await client.request('POST', `${api}/workflows`, { body: builtinWorkflow(name) });
		return true;
	} catch (error) {
		if (error instanceof CaissonError && error.code === 'workflow-exists') return false;
		throw error;
	}
}

export async function createJob(client: ApiClient, job: NewJob): Promise<string> {
	const { clientId, workflow, type, uri } = job;
	const body = { clientId, workflow, definition: definitionFor(type, uri) };
	const answer = await client.request('POST', `${api}/jobs`, { body });
	return (answer.body as SeenJob).id;
}

export async function readJob(client: ApiClient, id: string): Promise<SeenJob> {
	const answer = await client.request('GET', `${api}/jobs/${id}`, { query: { history: true } });
	return answer.body as SeenJob;
}

/** What an operator may do in a phased workflow: let the job go on to `state`. */
export async function approve(client: ApiClient, id: string, state: string): Promise<void> {
	await client.request('PUT', `${api}/jobs/${id}/status`, { body: { state } });
}

export async function changeDefinition(client: ApiClient, id: string, definition: JsonObject): Promise<void> {
	await client.request('PUT', `${api}/jobs/${id}/definition`, { body: definition });
}

/**
 * The job as soon as its status satisfies `wanted`. A job that ended otherwise is not waited for.
 * @throws Error with what was seen, after `limit` milliseconds or in a terminal state
 */
export async function waitForStatus(
	client: ApiClient,
	id: string,
	wanted: (status: JobStatus) => boolean,
	limit = 60_000,
): Promise<SeenJob> {
	const end = Date.now() + limit;
	for (;;) {
		const job = await readJob(client, id);
		if (wanted(job.status)) return job;
		const over = ['ACTIVATED', 'TERMINATED'].includes(job.status.state);
		if (over || Date.now() > end) {
			const seen = [...(job.history ?? []).toReversed().map((entry) => entry.status), job.status];
			const story = seen.map((status) => `${status?.state} ${status?.progress ?? ''} ${status?.message ?? ''}`);
			throw new Error(`job ${id} ${over ? 'ended as' : 'is still'} ${story.join('\n')}`);
		}
		await sleep(100);
	}
}

/** For waitForStatus: the job is in this state. */
export function inState(state: string): (status: JobStatus) => boolean {
	return (status) => status.state === state;
}

/**
 * For waitForStatus, where an installation fails: the job has ended, as TERMINATED nearly always. Now and then SWUpdate 2024.12
 * writes "Installation failed" into its log and tells wfx all the same that the installation finished (2 of 24 on a busy
 * machine): its client takes the result from another process than the one that installs. The server cannot know better.
 */
export function ended({ state }: JobStatus): boolean {
	return state === 'TERMINATED' || state === 'ACTIVATED';
}
