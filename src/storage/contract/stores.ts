// What the suite needs of a store under test, and the values that its tests put in.

import { test } from 'node:test';
import type { Job } from '../../job/rules/model.ts';
import type { NewJobEvent } from '../../job/store.ts';
import type { Workflow } from '../../workflow/rules/model.ts';
import type { Storage } from '../store.ts';

export interface OpenedStore {
	readonly storage: Storage;
	/** Closes and opens the same database again. */
	reopen(): Promise<Storage>;
	/** Closes and removes it. */
	destroy(): Promise<void>;
}

/** A store that several servers may use at once. */
export interface SharedStore extends OpenedStore {
	/** Opens the same database once more, as another server does; closed together with the store. */
	another(): Promise<Storage>;
}

export type OpenStore = () => Promise<OpenedStore>;

/** A test with a store of its own, which holds `sampleWorkflow` and nothing else. */
export function storeTest(
	name: string,
	open: OpenStore,
	body: (storage: Storage, store: OpenedStore) => Promise<void>,
): void {
	test(name, async () => {
		const store = await open();
		try {
			await store.storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
			await body(store.storage, store);
		} finally {
			await store.destroy();
		}
	});
}

/** NEW is in no group. */
export const sampleWorkflow: Workflow = {
	name: 'sample',
	description: 'for tests',
	states: [{ name: 'NEW' }, { name: 'RUNNING', description: 'läuft' }, { name: 'DONE' }, { name: 'FAILED' }],
	groups: [
		{ name: 'OPEN', states: ['RUNNING'] },
		{ name: 'CLOSED', states: ['DONE', 'FAILED'] },
	],
	transitions: [
		{ from: 'NEW', to: 'RUNNING', eligible: 'CLIENT' },
		{ from: 'RUNNING', to: 'DONE', eligible: 'CLIENT', action: 'WAIT', description: 'finished' },
		{ from: 'RUNNING', to: 'FAILED', eligible: 'CLIENT' },
	],
};

export function sampleJob(id: string, changes: Partial<Job> = {}): Job {
	return {
		id,
		clientId: 'device-1',
		workflow: sampleWorkflow,
		tags: [],
		status: { state: 'NEW', clientId: 'device-1', definitionHash: '00' },
		stime: 1000,
		mtime: 1000,
		version: 1,
		reports: 1,
		...changes,
	};
}

export function sampleEvent(jobId: string, changes: Partial<NewJobEvent> = {}): NewJobEvent {
	return {
		ctime: 1000,
		action: 'UPDATE_STATUS',
		jobId,
		clientId: 'device-1',
		workflow: sampleWorkflow.name,
		job: JSON.stringify({ id: jobId }),
		...changes,
	};
}

export async function insertJobs(storage: Storage, jobs: readonly Job[]): Promise<void> {
	await storage.commit(async (unit) => {
		for (const job of jobs) await unit.jobs.insert(job);
	});
}

/** Finds the job and saves it with `changes`, one version up, its old status in the history. */
export async function changeJob(storage: Storage, id: string, changes: Partial<Job>): Promise<Job> {
	return storage.commit(async (unit) => {
		const job = await unit.jobs.find(id);
		if (job === undefined) throw new Error(`no job ${id}`);
		const changed: Job = { ...job, mtime: job.mtime + 1, ...changes, version: job.version + 1 };
		await unit.jobs.save(changed, [{ mtime: job.mtime, status: job.status, reports: job.reports }]);
		return changed;
	});
}

/** For assert.rejects. */
export function withCode(code: string): (error: unknown) => boolean {
	return (error) => error instanceof Error && 'code' in error && error.code === code;
}
