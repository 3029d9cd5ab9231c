// The plans that SQLite makes for queries of jobs: each page comes from an index in order, nothing is scanned.

import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { openTemporary, type TemporaryDatabase } from '../../../testing/database/temporary-database.ts';
import type { JobFilter } from '../../job/store.ts';
import { countQuery, manyChangedBefore, pageQuery } from './job-query.ts';

describe('queries of jobs', () => {
	let store: TemporaryDatabase;
	let database: DatabaseSync;
	before(async () => {
		store = await openTemporary();
		database = new DatabaseSync(store.file, { readOnly: true });
	});
	after(async () => {
		database.close();
		await store.destroy();
	});

	function pagePlan(filter: JobFilter): string[] {
		const { sql, values } = pageQuery(filter, { offset: 0, limit: 10, sort: 'asc', total: false });
		return explain(sql, values);
	}

	function explain(
		sql: string,
		values: readonly (string | number | bigint | null | NodeJS.ArrayBufferView)[],
	): string[] {
		const rows = database.prepare(`explain query plan ${sql}`).all(...values);
		return rows.map((row) => String(row.detail));
	}

	// The page itself is a row source of its own that is read once; its at most `limit` rows are put in order again.
	const ofThePage = /^(SCAN page|CO-ROUTINE page|MATERIALIZE page|SEARCH job USING INTEGER PRIMARY KEY)/;

	function assertOrderedByIndex(plan: readonly string[], index: string): void {
		const keys = plan.filter((line) => !ofThePage.test(line));
		const sorts = keys.filter((line) => line === 'USE TEMP B-TREE FOR ORDER BY').length;
		// One sort: that of the page, after the limit.
		assert.ok(sorts <= 1, plan.join('\n'));
		assert.ok(
			keys.some((line) => line.includes(index)),
			`${index} is not used:\n${plan.join('\n')}`,
		);
		assert.deepEqual(
			keys.filter((line) => /^SCAN (job|job_tag)\b/.test(line) && !line.includes('USING COVERING INDEX job_by_stime')),
			[],
			'a table is scanned',
		);
	}

	test('the poll of a device uses the index on client and group', () => {
		assertOrderedByIndex(pagePlan({ clientId: 'device-1', groups: ['OPEN'] }), 'job_by_client (client_id=? AND grp=?)');
	});

	test('a page without filters walks the index on stime', () => {
		assertOrderedByIndex(pagePlan({}), 'job_by_stime');
	});

	test('a tag is read from its key alone, in order', () => {
		const plan = pagePlan({ tags: ['one'] });
		assertOrderedByIndex(plan, 'USING COVERING INDEX sqlite_autoindex_job_tag_1 (tag=?)');
	});

	test('several tags are merged, not sorted', () => {
		const plan = pagePlan({ tags: ['one', 'two', 'three'] });
		assertOrderedByIndex(plan, 'MERGE (UNION)');
	});

	test('several groups are merged, not sorted', () => {
		const plan = pagePlan({ groups: ['OPEN', 'CLOSED'] });
		assertOrderedByIndex(plan, 'MERGE (UNION ALL)');
		assertOrderedByIndex(plan, 'job_by_group');
	});

	test('state and workflow have indexes of their own', () => {
		assertOrderedByIndex(pagePlan({ state: 'NEW' }), 'job_by_state (state=?)');
		assertOrderedByIndex(pagePlan({ workflow: 'sample' }), 'job_by_workflow (workflow_seq=?)');
	});

	test('housekeeping finds old jobs by mtime', () => {
		const page = { offset: 0, limit: 10, sort: 'asc', total: false } as const;
		const few = pageQuery({ changedBefore: 1000, groups: ['OPEN', 'CLOSED'] }, page, true);
		assertOrderedByIndex(explain(few.sql, few.values), 'job_by_mtime (mtime<?)');
		const probe = manyChangedBefore(1000);
		assert.match(explain(probe.sql, probe.values).join('\n'), /job_by_mtime \(mtime<\?\)/);
	});

	test('totals are counted in an index', () => {
		for (const filter of [{}, { tags: ['one'] }, { groups: ['OPEN'] }, { clientId: 'a', groups: ['OPEN'] }]) {
			const { sql, values } = countQuery(filter);
			const plan = explain(sql, values);
			assert.ok(
				plan.some((line) => line.includes('COVERING INDEX')),
				plan.join('\n'),
			);
		}
	});
});
