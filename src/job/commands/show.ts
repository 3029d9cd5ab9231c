// How jobs look as text: a table, one job in full, one event a line, and which command is useful next. It decides
// nothing about jobs; what an operator may do comes from the job's own workflow.

import { shortTime, showFields } from '../../terminal/fields.ts';
import type { Column, Terminal } from '../../terminal/terminal.ts';
import type { Workflow } from '../../workflow/rules/model.ts';
import { groupOf } from '../../workflow/rules/walk.ts';
import type { JobStatus } from '../rules/model.ts';
import type { HistoryWire, JobWire } from '../rules/wire.ts';

/** `INSTALLING 40 %` */
export function stateText(status: Partial<JobStatus> | undefined): string {
	const progress = status?.progress;
	return `${status?.state ?? ''}${progress === undefined || progress === 0 ? '' : ` ${progress} %`}`;
}

/** What a table of jobs needs of a job: kept instead of the job where there are many. */
export interface JobRow {
	readonly id: string;
	readonly client: string;
	readonly workflow: string;
	readonly state: string;
	readonly changed: string;
	readonly tags: string;
}

export function jobRow(job: JobWire): JobRow {
	return {
		id: job.id,
		client: job.clientId ?? '',
		workflow: job.workflow?.name ?? '',
		state: stateText(job.status),
		changed: shortTime(job.mtime),
		tags: (job.tags ?? []).join(', '),
	};
}

const jobColumns: readonly Column<JobRow>[] = [
	{ title: 'ID', value: (row) => row.id },
	{ title: 'CLIENT', value: (row) => row.client },
	{ title: 'STATE', value: (row) => row.state },
	{ title: 'CHANGED', value: (row) => row.changed },
	{ title: 'WORKFLOW', value: (row) => row.workflow },
	{ title: 'TAGS', value: (row) => row.tags },
];

/** Jobs as a table; the tags only where a job has any. */
export function showJobs(terminal: Terminal, rows: readonly JobRow[]): void {
	const tagged = rows.some((row) => row.tags !== '');
	terminal.table(rows, tagged ? jobColumns : jobColumns.slice(0, -1));
}

/** One job in full. @param version as the server's ETag names it */
export function showJob(terminal: Terminal, job: JobWire, version: string | undefined): void {
	const { workflow, status } = job;
	const group = isWhole(workflow) ? groupOf(workflow, status?.state ?? '') : '';
	showFields(terminal, [
		['Id', job.id],
		['Client', job.clientId],
		['Workflow', workflow?.name],
		['State', `${stateText(status)}${group === '' ? '' : ` (${group})`}`],
		['Message', status?.message],
		['Tags', job.tags?.join(', ')],
		['Created', shortTime(job.stime)],
		['Changed', shortTime(job.mtime)],
		['Version', version],
		['Definition', job.definition && JSON.stringify(job.definition)],
		['Hash', status?.definitionHash],
		['Context', status?.context && JSON.stringify(status.context)],
	]);
	if (job.history !== undefined) {
		terminal.print('');
		terminal.table(job.history, historyColumns);
	}
}

const historyColumns: readonly Column<HistoryWire>[] = [
	{ title: 'BEFORE', value: (entry) => shortTime(entry.mtime) },
	// wfx writes an empty state where tags or the definition were changed.
	{ title: 'STATE', value: (entry) => stateText(entry.status) || '(no change)' },
	{ title: 'REPORTS', value: (entry) => String(entry.count ?? 1), align: 'right' },
	{ title: 'MESSAGE', value: (entry) => entry.status?.message ?? '' },
];

function isWhole(workflow: Partial<Workflow> | undefined): workflow is Workflow {
	return Array.isArray(workflow?.states) && Array.isArray(workflow.transitions);
}

/** The states that an operator can move the job to now; the device's and the server's own moves are left out. */
export function operatorMoves(job: JobWire): string[] {
	const { workflow, status } = job;
	if (!isWhole(workflow)) return [];
	const moves = workflow.transitions.filter(
		(edge) =>
			edge.from === status?.state && edge.to !== edge.from && edge.eligible === 'WFX' && edge.action !== 'IMMEDIATE',
	);
	return [...new Set(moves.map((edge) => edge.to))];
}

/** A note with the next useful command for this job. */
export function noteNext(terminal: Terminal, job: JobWire): void {
	const moves = operatorMoves(job);
	if (moves.length === 0) {
		terminal.note(`Watch it with: caisson job events --job-id ${job.id}`);
		return;
	}
	terminal.note('It waits for an operator:');
	for (const state of moves) terminal.note(`  caisson job update-status ${job.id} --state ${state}`);
}

/** The payload of a job event. */
export interface EventWire {
	readonly ctime?: string;
	readonly action?: string;
	readonly job?: Partial<JobWire>;
	readonly tags?: readonly string[] | null;
}

/** One event on one line. */
export function eventLine({ ctime, action = '', job = {} }: EventWire): string {
	const what = action.endsWith('TAGS') ? (job.tags ?? []).join(', ') : stateText(job.status);
	const words = [
		shortTime(ctime),
		action.padEnd(17),
		job.id ?? '',
		job.clientId ?? '',
		what,
		job.status?.message ?? '',
	];
	return words.join('  ').replaceAll('\n', '\\n').trimEnd();
}
