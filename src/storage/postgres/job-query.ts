// Turns a job filter into SQL for PostgreSQL. It decides which index carries the query, so that a page of a million jobs
// is read without a scan; job-query.test.ts asks PostgreSQL for its plan.
//
// A page is found in two steps: the keys (stime, seq) in order, then the jobs of those keys. Filters that can hold
// several values (tags, groups) give one branch a value, each read from its index in order and no further than the end
// of the page, and the branches are merged.
//
// A prepared statement is planned without its values after some calls, and a limit that is not known makes the planner
// expect a tenth of the table. So the end of the page stands in the text, rounded up to one of a few numbers.

import type { JobFilter, JobPage } from '../../job/store.ts';
import { jobColumns } from '../rows.ts';

export interface Query {
	readonly sql: string;
	readonly values: readonly unknown[];
	/** The plan depends on the values, so one for any values would be a bad one. */
	readonly planAnew: boolean;
}

type Selection = Omit<Query, 'planAnew'>;

/** A condition of which `value` is the parameter that stands for `?`. */
interface Condition {
	readonly sql: string;
	readonly value: unknown;
}

interface Part {
	readonly from: string;
	readonly stime: string;
	readonly seq: string;
	readonly conditions: readonly Condition[];
}

// More values than this go into one array and are sorted.
const MOST_BRANCHES = 16;

// Rounded up to these; what reaches further is not bounded in the text.
const ends = [16, 64, 256, 1024, 4096];

/** How a page is cut: `end` is the number of keys that are read at most, undefined for all. */
interface Cut {
	readonly order: 'asc' | 'desc';
	readonly end: number | undefined;
}

export function pageQuery(filter: JobFilter, page: JobPage): Query {
	const order = page.sort === 'desc' ? 'desc' : 'asc';
	// A negative limit is none and a negative offset is 0, as in wfx.
	const offset = Math.max(0, safeInteger(page.offset));
	const limit = page.limit < 0 ? null : safeInteger(page.limit);
	const end = limit === null ? undefined : ends.find((most) => offset + limit <= most);
	const { sql, values } = keyQuery(filter, { order, end });
	const [first, second] = [`$${values.length + 1}`, `$${values.length + 2}`];
	return {
		sql: `select ${jobColumns} from (select * from (${sql} order by 1 ${order}, 2 ${order} limit ${end ?? 'all'}) as keys order by 1 ${order}, 2 ${order} limit ${first}::bigint offset ${second}::bigint) as page join job on job.seq = page.seq order by page.stime ${order}, page.seq ${order}`,
		values: [...values, limit, offset],
		planAnew: filter.changedBefore !== undefined,
	};
}

export function countQuery(filter: JobFilter): Query {
	const { sql, values } = keyQuery(filter, undefined);
	return {
		sql: `select count(*) as total from (${sql}) as keys`,
		values,
		planAnew: filter.changedBefore !== undefined,
	};
}

/** Selects stime and seq of the jobs that pass, each once, in no order. */
function keyQuery(filter: JobFilter, cut: Cut | undefined): Selection {
	const conditions: Condition[] = [];
	const given = (sql: string, value: unknown) => value !== undefined && conditions.push({ sql, value });
	given('job.client_id = ?', filter.clientId);
	given('job.state = ?', filter.state);
	given('job.workflow_seq = (select seq from workflow where name = ?)', filter.workflow);
	given('job.mtime < ?::bigint', filter.changedBefore);
	const groups = distinct(filter.groups);
	const tags = distinct(filter.tags);
	const inGroups = groups === undefined ? [] : [{ sql: 'job.grp = any(?::text[])', value: groups }];
	const jobs = { from: 'job', stime: 'job.stime', seq: 'job.seq' };

	// A device has few jobs, so clientId always carries the query; else the tags do, else the groups.
	if (tags !== undefined && filter.clientId === undefined && tags.length <= MOST_BRANCHES) {
		const rest = [...conditions, ...inGroups];
		const from = rest.length === 0 ? 'job_tag' : 'job_tag join job on job.seq = job_tag.job_seq';
		const tagged = { from, stime: 'job_tag.stime', seq: 'job_tag.job_seq' };
		const parts = tags.map((tag) => ({ ...tagged, conditions: [{ sql: 'job_tag.tag = ?', value: tag }, ...rest] }));
		// `union`: a job may have several of the tags.
		return branches(parts, 'union', cut);
	}
	if (tags !== undefined) {
		conditions.push({ sql: 'job.seq in (select job_seq from job_tag where tag = any(?::text[]))', value: tags });
	}
	if (groups === undefined || groups.length > MOST_BRANCHES) {
		return branches([{ ...jobs, conditions: [...conditions, ...inGroups] }], 'union all', cut);
	}
	const parts = groups.map((group) => ({ ...jobs, conditions: [...conditions, { sql: 'job.grp = ?', value: group }] }));
	return branches(parts, 'union all', cut);
}

function branches(parts: readonly Part[], operator: 'union' | 'union all', cut: Cut | undefined): Selection {
	const values: unknown[] = [];
	const numbers = new Map<unknown, number>();
	// One parameter a value, also where every branch repeats it.
	const parameter = (value: unknown) => {
		const known = numbers.get(value) ?? values.push(value);
		numbers.set(value, known);
		return `$${known}`;
	};
	const end = parts.length === 1 ? undefined : cut?.end;
	const selects = parts.map(({ from, stime, seq, conditions }) => {
		const tests = conditions.map(({ sql, value }) => sql.replace('?', () => parameter(value)));
		const where = tests.length === 0 ? '' : ` where ${tests.join(' and ')}`;
		const select = `select ${stime}, ${seq} as seq from ${from}${where}`;
		if (end === undefined || cut === undefined) return parts.length === 1 ? select : `(${select})`;
		return `(${select} order by ${stime} ${cut.order}, ${seq} ${cut.order} limit ${end})`;
	});
	return { sql: selects.join(` ${operator} `), values };
}

/** An empty list is no filter. */
function distinct(values: readonly string[] | undefined): readonly string[] | undefined {
	if (values === undefined || values.length === 0) return undefined;
	// What no job can have matches none; the list is then empty, and so is the answer.
	return [...new Set(values)].filter((value) => !value.includes('\0'));
}

function safeInteger(value: number): number {
	return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Math.trunc(value)));
}
