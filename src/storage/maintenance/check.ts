// Reads a whole database and says what cannot be: rows without the row that they belong to, values that do not fit each
// other, numbers above the last one given. It changes nothing and repairs nothing. It leaves out the seals over the
// audit trail (caisson audit verify).

import type { DatabaseReport, Finding, Progress } from '../../database/store.ts';
import type { Workflow } from '../../workflow/rules/model.ts';
import { groupOf } from '../../workflow/rules/walk.ts';
import { migrationNames } from '../migrations/migrations.ts';
import type { Row } from '../rows.ts';
import { type LastNumbers, type TableDatabase, tables } from './tables.ts';

/** Findings of one check that are listed; all are counted. */
const MOST_LISTED = 100;

class Findings {
	readonly listed: Finding[] = [];
	found = 0;
	readonly #counts = new Map<string, number>();

	add(check: string, subject: unknown, detail: string): void {
		this.found++;
		const count = (this.#counts.get(check) ?? 0) + 1;
		this.#counts.set(check, count);
		if (count <= MOST_LISTED) this.listed.push({ check, subject: String(subject), detail });
	}
}

/** @throws CaissonError where it cannot be read; what is read and wrong is a finding */
export async function checkDatabase(database: TableDatabase, progress: Progress): Promise<DatabaseReport> {
	const findings = new Findings();
	const rows: Record<string, number> = {};
	const known = migrationNames.length;
	const report = { database: database.name, version: database.version, known, rows };
	if (database.version < known) {
		findings.add('tables out of date', database.version, `run \`caisson db migrate\`: ${known} is the newest version`);
		return { ...report, findings: findings.listed, found: findings.found };
	}
	for (const text of await database.soundness()) findings.add('damage', database.name, text);
	await checkOrphans(database, findings);
	const workflows = new Map<number, Workflow>();
	const last = await database.lastNumbers();
	const judges: Record<string, (row: Row) => void> = {
		workflow: (row) => judgeWorkflow(row, workflows, findings),
		job: (row) => judgeJob(row, workflows, findings),
		job_history: historyJudge(findings),
		event: numberedJudge('event', 'job', last, findings),
		audit: numberedJudge('audit', 'detail', last, findings),
		audit_seal: sealJudge(findings),
	};
	for (const table of tables) {
		let count = 0;
		for await (const page of database.pages(table)) {
			const judge = judges[table.name];
			if (judge !== undefined) for (const row of page) judge(row);
			count += page.length;
			progress(table.name, count);
		}
		rows[table.name] = count;
	}
	await checkTags(database, findings);
	return { ...report, findings: findings.listed, found: findings.found };
}

const orphans: readonly (readonly [check: string, sql: string, detail: string])[] = [
	[
		'job without a workflow',
		'select job.id as subject from job left join workflow on workflow.seq = job.workflow_seq where workflow.seq is null',
		'its workflow is not there',
	],
	[
		'tag without a job',
		'select job_tag.tag as subject from job_tag left join job on job.seq = job_tag.job_seq where job.seq is null',
		'the job that has it is not there',
	],
	[
		'tag with another time than its job',
		'select job.id as subject from job_tag join job on job.seq = job_tag.job_seq where job.stime <> job_tag.stime',
		'pages of jobs by tag would be in another order',
	],
	[
		'history without a job',
		'select job_history.seq as subject from job_history left join job on job.seq = job_history.job_seq where job.seq is null',
		'the job that it tells of is not there',
	],
];

async function checkOrphans(database: TableDatabase, findings: Findings): Promise<void> {
	for (const [check, sql, detail] of orphans) {
		for (const { subject } of await database.query(sql)) findings.add(check, subject, detail);
	}
}

function json(row: Row, column: string, subject: unknown, findings: Findings): unknown {
	const text = row[column];
	if (text === null) return undefined;
	try {
		return JSON.parse(String(text));
	} catch {
		findings.add('value that is not JSON', subject, `its ${column} cannot be read`);
		return undefined;
	}
}

function judgeWorkflow(row: Row, workflows: Map<number, Workflow>, findings: Findings): void {
	const workflow = json(row, 'body', row.name, findings) as Workflow | undefined;
	if (workflow === undefined) return;
	if (workflow.name !== row.name)
		findings.add('workflow under another name', row.name, `its body says ${workflow.name}`);
	workflows.set(Number(row.seq), workflow);
}

function judgeJob(row: Row, workflows: ReadonlyMap<number, Workflow>, findings: Findings): void {
	const status = json(row, 'status', row.id, findings) as { state?: unknown } | undefined;
	json(row, 'definition', row.id, findings);
	const tags = json(row, 'tags', row.id, findings);
	if (tags !== undefined && !Array.isArray(tags)) findings.add('tags that are no list', row.id, String(row.tags));
	if (Number(row.mtime) < Number(row.stime)) {
		findings.add('job changed before it was made', row.id, `made at ${row.stime}, changed at ${row.mtime}`);
	}
	if (status === undefined) return;
	if (status.state !== row.state) {
		findings.add(
			'state that differs from the status',
			row.id,
			`filters find ${row.state}, the status says ${status.state}`,
		);
	}
	const workflow = workflows.get(Number(row.workflow_seq));
	if (workflow === undefined) return;
	const state = String(status.state);
	if (!workflow.states.some(({ name }) => name === state)) {
		findings.add('state unknown to the workflow', row.id, `${workflow.name} has no state ${state}`);
	} else if (groupOf(workflow, state) !== row.grp) {
		findings.add(
			'group that differs from the state',
			row.id,
			`filters find '${row.grp}', the workflow says '${groupOf(workflow, state)}'`,
		);
	}
}

function historyJudge(findings: Findings): (row: Row) => void {
	return (row) => {
		json(row, 'status', `history ${row.seq}`, findings);
		json(row, 'definition', `history ${row.seq}`, findings);
	};
}

/** Events and audit rows: their numbers ascend and none is above the last one given, or it would be given again. */
function numberedJudge(
	table: 'event' | 'audit',
	column: string,
	last: LastNumbers,
	findings: Findings,
): (row: Row) => void {
	const highest = last[table] ?? 0;
	return (row) => {
		json(row, column, `${table} ${row.id}`, findings);
		if (Number(row.id) < 1)
			findings.add('number below 1', `${table} ${row.id}`, 'whoever reads from the start misses it');
		if (Number(row.id) > highest) {
			findings.add('number above the last one given', `${table} ${row.id}`, `the last one given is ${highest}`);
		}
	};
}

function sealJudge(findings: Findings): (row: Row) => void {
	let next = 1;
	return (row) => {
		if (Number(row.number) !== next) findings.add('seal missing', next, `the next one there is ${row.number}`);
		next = Number(row.number) + 1;
	};
}

/** The tags that filters find are those that the job says. Both are read in the order of jobs and walked side by side. */
async function checkTags(database: TableDatabase, findings: Findings): Promise<void> {
	let after = 0;
	for (;;) {
		const jobs = await database.query(`select seq, id, tags from job where seq > ${after} order by seq limit 1000`);
		const end = Number(jobs.at(-1)?.seq ?? 0);
		if (jobs.length === 0) return;
		const rows = await database.query(
			`select job_seq, tag from job_tag where job_seq > ${after} and job_seq <= ${end}`,
		);
		const byJob = Map.groupBy(rows, (row) => Number(row.job_seq));
		for (const job of jobs) {
			const found = (byJob.get(Number(job.seq)) ?? []).map((row) => String(row.tag)).sort();
			const said = tagsOf(job.tags);
			if (said !== undefined && JSON.stringify(found) !== JSON.stringify(said)) {
				findings.add(
					'tags that differ from the job',
					job.id,
					`filters find ${JSON.stringify(found)}, it says ${job.tags}`,
				);
			}
		}
		after = end;
	}
}

function tagsOf(text: unknown): string[] | undefined {
	try {
		const tags: unknown = JSON.parse(String(text));
		return Array.isArray(tags) ? tags.map(String).sort() : undefined;
	} catch {
		return undefined; // judgeJob has said so
	}
}
