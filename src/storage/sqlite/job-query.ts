// Turns a job filter into SQL. It decides which index carries the query, so that a page of a million jobs is read
// without a scan or a sort; job-query.test.ts asks SQLite for its plan.
//
// A page is found in two steps: the keys (stime, seq) in order, then the jobs of those keys. Filters that can hold
// several values (tags, groups) give one sorted branch a value, and SQLite merges the branches lazily: `in (…)` would
// sort every job that matches before the first row came out. https://www.sqlite.org/optoverview.html

import type { SQLInputValue } from 'node:sqlite';
import type { JobFilter, JobPage } from '../../job/store.ts';
import { jobColumns } from './rows.ts';

export interface Query {
	readonly sql: string;
	readonly values: readonly SQLInputValue[];
}

interface Condition {
	readonly sql: string;
	readonly value: SQLInputValue;
}

/**
 * Asks for a row where at least this many jobs are older than `changedBefore`: then walking all jobs by stime soon
 * fills a page, while with fewer it is quicker to collect them by mtime and sort.
 */
export function manyChangedBefore(time: number): Query {
	return { sql: 'select 1 from job where mtime < ? limit 1 offset 1000', values: [time] };
}

// SQLite takes at most 500 branches; more values than this go through json_each and are sorted.
const MOST_BRANCHES = 16;

// What every device asks, all the time: its jobs of one group. The index on clients gives them in order, so nothing is
// gained by finding the keys first.
const pollQueries = {
	asc: `select ${jobColumns} from job where client_id = ? and grp = ? order by stime, seq limit ? offset ?`,
	desc: `select ${jobColumns} from job where client_id = ? and grp = ? order by stime desc, seq desc limit ? offset ?`,
};

function pollQuery(filter: JobFilter, page: JobPage): Query | undefined {
	const { clientId, groups, state, workflow, tags, changedBefore } = filter;
	const [group, ...others] = groups ?? [];
	if (clientId === undefined || group === undefined || others.length > 0) return undefined;
	if ((state ?? workflow ?? tags ?? changedBefore) !== undefined) return undefined;
	return { sql: pollQueries[page.sort], values: [clientId, group, safeInteger(page.limit), safeInteger(page.offset)] };
}

/** `byMtime`: few jobs pass changedBefore, see manyChangedBefore. */
export function pageQuery(filter: JobFilter, page: JobPage, byMtime = false): Query {
	const poll = pollQuery(filter, page);
	if (poll !== undefined) return poll;
	const keys = keyQuery(filter, byMtime);
	const order = page.sort === 'desc' ? 'desc' : 'asc';
	return {
		sql: `select ${jobColumns} from (${keys.sql} order by 1 ${order}, 2 ${order} limit ? offset ?) as page cross join job on job.seq = page.seq order by page.stime ${order}, page.seq ${order}`,
		// A negative limit is none and a negative offset is 0, as in wfx, which stands on SQLite too.
		values: [...keys.values, safeInteger(page.limit), safeInteger(page.offset)],
	};
}

export function countQuery(filter: JobFilter, byMtime = false): Query {
	const keys = keyQuery(filter, byMtime);
	return { sql: `select count(*) as total from (${keys.sql})`, values: keys.values };
}

/** Selects stime and seq of the jobs that pass, each once, in no order. */
function keyQuery(filter: JobFilter, byMtime: boolean): Query {
	const conditions: Condition[] = [];
	if (filter.clientId !== undefined) conditions.push({ sql: 'job.client_id = ?', value: filter.clientId });
	if (filter.state !== undefined) conditions.push({ sql: 'job.state = ?', value: filter.state });
	if (filter.workflow !== undefined) {
		conditions.push({ sql: 'job.workflow_seq = (select seq from workflow where name = ?)', value: filter.workflow });
	}
	if (filter.changedBefore !== undefined) conditions.push({ sql: 'job.mtime < ?', value: filter.changedBefore });
	const groups = distinct(filter.groups);
	const tags = distinct(filter.tags);

	// A device has few jobs, so clientId always carries the query; else the tags do, else the groups.
	if (tags !== undefined && filter.clientId === undefined && tags.length <= MOST_BRANCHES) {
		const inGroups = groups === undefined ? [] : [oneOf('job.grp', groups)];
		return tagQuery(tags, [...conditions, ...inGroups]);
	}
	if (tags !== undefined) {
		const tagged = 'job.seq in (select job_seq from job_tag where tag in (select value from json_each(?)))';
		conditions.push({ sql: tagged, value: JSON.stringify(tags) });
	}
	if (byMtime && filter.clientId === undefined) {
		const inGroups = groups === undefined ? [] : [oneOf('job.grp', groups)];
		return jobQuery([...conditions, ...inGroups], ' indexed by job_by_mtime');
	}
	if (groups === undefined) return jobQuery(conditions);
	if (groups.length > MOST_BRANCHES) return jobQuery([...conditions, oneOf('job.grp', groups)]);
	return union(
		'union all',
		groups.map((group) => jobQuery([...conditions, { sql: 'job.grp = ?', value: group }])),
	);
}

function jobQuery(conditions: readonly Condition[], hint = ''): Query {
	const where = conditions.length === 0 ? '' : ` where ${conditions.map(({ sql }) => sql).join(' and ')}`;
	return { sql: `select job.stime, job.seq from job${hint}${where}`, values: conditions.map(({ value }) => value) };
}

function tagQuery(tags: readonly string[], conditions: readonly Condition[]): Query {
	const join = conditions.length === 0 ? '' : ' cross join job on job.seq = job_tag.job_seq';
	const rest = conditions.map(({ sql }) => ` and ${sql}`).join('');
	// `union`: a job may have several of the tags.
	return union(
		'union',
		tags.map((tag) => ({
			sql: `select job_tag.stime, job_tag.job_seq as seq from job_tag${join} where job_tag.tag = ?${rest}`,
			values: [tag, ...conditions.map(({ value }) => value)],
		})),
	);
}

function union(operator: 'union' | 'union all', branches: readonly Query[]): Query {
	return {
		sql: branches.map(({ sql }) => sql).join(` ${operator} `),
		values: branches.flatMap(({ values }) => values),
	};
}

function oneOf(column: string, values: readonly string[]): Condition {
	return { sql: `${column} in (select value from json_each(?))`, value: JSON.stringify(values) };
}

/** An empty list is no filter. */
function distinct(values: readonly string[] | undefined): readonly string[] | undefined {
	return values === undefined || values.length === 0 ? undefined : [...new Set(values)];
}

function safeInteger(value: number): number {
	return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Math.trunc(value)));
}
