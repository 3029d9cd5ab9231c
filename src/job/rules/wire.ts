// Jobs as wfx's API writes them (spec/wfx.openapi.yaml): which fields appear and which are left out when empty. The
// folding count is Caisson's addition: `count`, only where it is above 1.

import type { Workflow } from '../../workflow/rules/model.ts';
import { workflowWire } from '../../workflow/rules/normal.ts';
import type { HistoryEntry, Job, JobStatus, JsonObject, NewJobEvent } from './model.ts';

export interface JobWire {
	readonly id: string;
	readonly clientId?: string;
	readonly workflow?: Partial<Workflow>;
	readonly tags?: readonly string[];
	readonly definition?: JsonObject;
	readonly status?: JobStatus;
	readonly stime?: string;
	readonly mtime?: string;
	readonly history?: readonly HistoryWire[];
}

export interface HistoryWire {
	readonly mtime: string;
	readonly status: JobStatus;
	readonly definition?: JsonObject;
	/** How many equal reports this entry stands for. */
	readonly count?: number;
}

/** A job as GET answers it; `history`, where given, is newest first. */
export function jobWire(job: Job, history?: readonly HistoryEntry[]): JobWire {
	return {
		id: job.id,
		...(job.clientId && { clientId: job.clientId }),
		workflow: workflowWire(job.workflow),
		tags: job.tags,
		...definitionWire(job),
		status: job.status,
		stime: new Date(job.stime).toISOString(),
		mtime: new Date(job.mtime).toISOString(),
		...(history && history.length > 0 && { history: history.map(historyWire) }),
	};
}

/** An empty definition is left out of jobs and events; only its own route shows it. */
export function definitionWire({ definition }: Pick<Job, 'definition'>): Pick<JobWire, 'definition'> {
	return definition && Object.keys(definition).length > 0 ? { definition } : {};
}

function historyWire(entry: HistoryEntry): HistoryWire {
	return {
		mtime: new Date(entry.mtime).toISOString(),
		// wfx writes an empty state where a change left the status alone (tags).
		status: entry.status ?? { state: '' },
		...(entry.definition && { definition: entry.definition }),
		...(entry.reports > 1 && { count: entry.reports }),
	};
}

/** The JSON text of one server-sent event; its job is sent as it was committed. */
export function eventWire(event: NewJobEvent, tags: readonly string[] | undefined): string {
	const head = JSON.stringify({ ctime: new Date(event.ctime).toISOString(), action: event.action });
	return `${head.slice(0, -1)},"job":${event.job},"tags":${JSON.stringify(tags ?? null)}}`;
}
