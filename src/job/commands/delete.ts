// `caisson job delete`: named jobs, or all that filters find. What filters find is listed and counted first and
// deleted only after a yes; it is not one transaction, and a job that changes in between is deleted all the same.

import { Command } from 'commander';
import { CaissonError } from '../../errors.ts';
import type { ApiClient } from '../../terminal/api-client.ts';
import { duration, withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { printable } from '../../terminal/printable.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import {
	type JobSelection,
	jobPath,
	noteUnchecked,
	selectionQuery,
	severalAtATime,
	versionHeaders,
	withSelection,
	withVersion,
} from './api.ts';
import { everyJob } from './read.ts';
import { type JobRow, jobRow, showJobs } from './show.ts';

interface DeleteOptions extends JobSelection {
	readonly id?: string;
	/** Milliseconds. */
	readonly olderThan?: number;
	readonly yes?: boolean;
	readonly dryRun?: boolean;
	readonly ifMatch?: string;
	readonly format: 'text' | 'json';
}

/** @param now milliseconds since the epoch */
export function deleteCommand(terminal: Terminal, now: () => number): Command {
	const command = withSelection(new Command('delete'))
		.summary('delete jobs, by id or by filters')
		.description(
			'Deletes jobs with their history, and prints their ids. With filters instead of ids, it lists what matches, asks (or needs --yes), and deletes that. A job that changes between listing and deleting is deleted all the same.',
		)
		.argument('[ids...]', 'ids of jobs')
		.option('--id <id>', 'the job, as wfxctl has it')
		.option('--older-than <duration>', 'only jobs not changed for so long: 12h, 90d, 4w', duration)
		.option('-y, --yes', 'do not ask')
		.option('--dry-run', 'list what matches, delete nothing');
	withFormat(withVersion(command));
	withExamples(command, [
		['caisson job delete 8ea1e9d7-28e6-4f1f-b444-a8d2d1ad7618', 'One job'],
		['caisson job delete --state ACTIVATED --older-than 90d --yes', 'Housekeeping: what was done long ago'],
	]);
	withExitCodes(command, {
		0: 'deleted, or nothing matched',
		1: 'there is no such job, or the answer was no',
		2: 'trouble',
	});
	return command.action(async (words: string[], options: DeleteOptions) => {
		const ids = options.id === undefined ? words : [options.id, ...words];
		const filtered =
			Object.values(selectionQuery(options)).some((value) => value !== undefined) || options.olderThan !== undefined;
		if (filtered === ids.length > 0) {
			throw new CaissonError('usage-wrong', 'Name the jobs by their ids, or by at least one filter, but not by both.');
		}
		if (filtered) await deleteMatching(terminal, options, now());
		else await deleteNamed(terminal, ids, options);
	});
}

async function deleteNamed(terminal: Terminal, ids: readonly string[], options: DeleteOptions): Promise<void> {
	if (options.ifMatch !== undefined && ids.length > 1) {
		throw new CaissonError('usage-wrong', '--if-match goes with one job: versions are counted for each job.');
	}
	if (options.dryRun) throw new CaissonError('usage-wrong', '--dry-run goes with filters.');
	const api = await terminal.api();
	const deleted: string[] = [];
	let absent: CaissonError | undefined;
	for (const id of ids) {
		try {
			const answer = await api.request('DELETE', jobPath(id), {
				headers: versionHeaders(options),
				absent: 'job-not-found',
			});
			noteUnchecked(terminal, answer, options);
			deleted.push(id);
			if (options.format === 'text') terminal.print(printable(id));
		} catch (error) {
			if (!(error instanceof CaissonError) || error.code !== 'job-not-found') throw error;
			absent ??= new CaissonError('job-not-found', `There is no job ${id}.`, { cause: error });
		}
	}
	if (options.format === 'json') terminal.json({ deleted });
	if (absent !== undefined) throw absent;
}

async function deleteMatching(terminal: Terminal, options: DeleteOptions, now: number): Promise<void> {
	if (options.ifMatch !== undefined) throw new CaissonError('usage-wrong', '--if-match goes with one job by its id.');
	const api = await terminal.api();
	const rows = await findMatching(terminal, api, options, now);
	if (rows.length === 0) {
		terminal.note('No job matches: nothing is deleted.');
		if (options.format === 'json') terminal.json({ deleted: [] });
		return;
	}
	if (options.dryRun) {
		if (options.format === 'json') return terminal.json({ matching: rows.map((row) => row.id) });
		showJobs(terminal, rows);
		terminal.note(`${matching(rows)}; --dry-run deletes nothing.`);
		return;
	}
	if (!options.yes && !(await confirmed(terminal, rows))) {
		terminal.note('Nothing is deleted.');
		return terminal.exit(1);
	}
	await deleteRows(terminal, api, rows, options.format);
}

async function findMatching(
	terminal: Terminal,
	api: ApiClient,
	options: DeleteOptions,
	now: number,
): Promise<JobRow[]> {
	const before = options.olderThan === undefined ? Number.POSITIVE_INFINITY : now - options.olderThan;
	const rows: JobRow[] = [];
	// Oldest first; a job changes at or after its creation, so from the first one created too late on none is old enough.
	for await (const job of everyJob(api, options, { sort: 'asc' })) {
		if (Date.parse(job.stime ?? '') >= before) break;
		// A job without a time is never old enough.
		if (before !== Number.POSITIVE_INFINITY && !(Date.parse(job.mtime ?? '') < before)) continue;
		rows.push(jobRow(job));
		if (rows.length % 500 === 0) terminal.progress(`${rows.length} jobs found`);
	}
	terminal.progress('');
	return rows;
}

function matching(rows: readonly JobRow[]): string {
	return rows.length === 1 ? '1 job matches' : `${rows.length} jobs match`;
}

/** @throws CaissonError usage-wrong where nobody can be asked */
async function confirmed(terminal: Terminal, rows: readonly JobRow[]): Promise<boolean> {
	const shown = rows.slice(0, 5).map((row) => `  ${row.id}  ${printable(row.client)}  ${row.state}  ${row.changed}`);
	const more = rows.length > shown.length ? [`  and ${rows.length - shown.length} more`] : [];
	const question = `Delete ${rows.length === 1 ? 'this job' : `these ${rows.length} jobs`} with their history? [yes/no] `;
	for (const line of [...shown, ...more]) terminal.note(line);
	const answer = await terminal.ask(question);
	if (answer === undefined) {
		throw new CaissonError('usage-wrong', `${matching(rows)}; nobody can be asked here, so add --yes or --dry-run.`);
	}
	return /^y(es)?$/i.test(answer.trim());
}

async function deleteRows(
	terminal: Terminal,
	api: ApiClient,
	rows: readonly JobRow[],
	format: 'text' | 'json',
): Promise<void> {
	const deleted: string[] = [];
	let gone = 0;
	const counts = () => `${deleted.length} of ${rows.length} deleted${gone === 0 ? '' : `, ${gone} were gone already`}`;
	try {
		await severalAtATime(rows, 8, async ({ id }) => {
			try {
				await api.request('DELETE', jobPath(id), { absent: 'job-not-found' });
				deleted.push(id);
				if (format === 'text') terminal.print(id);
			} catch (error) {
				if (!(error instanceof CaissonError) || error.code !== 'job-not-found') throw error;
				gone++;
			}
			terminal.progress(counts());
		});
	} finally {
		terminal.note(`${counts()}.`);
		if (format === 'json') terminal.json({ deleted });
	}
}
