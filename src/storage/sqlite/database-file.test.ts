// Files that are not, or no longer, a database of Caisson: refused and left as they are. What opens has all that was
// acknowledged.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openTemporary, type TemporaryFile, temporaryFile } from '../../../testing/database/temporary-database.ts';
import { insertJobs, sampleJob, sampleWorkflow, withCode } from '../contract/stores.ts';
import { migrationNames } from '../migrations/migrations.ts';
import { openSqlite } from './open.ts';

const JOBS = 600;

async function withFile(body: (file: string) => Promise<void>): Promise<void> {
	const temporary: TemporaryFile = temporaryFile();
	try {
		await body(temporary.file);
	} finally {
		temporary.remove();
	}
}

const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

async function assertRefused(file: string, message: RegExp): Promise<void> {
	const before = digest(file);
	await assert.rejects(openSqlite(file), (error) => {
		assert.match(String(error), message);
		return withCode('storage-damaged')(error);
	});
	assert.equal(digest(file), before, 'the file was left as it is');
}

test('a file that is not a database is refused', () =>
	withFile(async (file) => {
		writeFileSync(file, 'device,state\n'.repeat(1000));
		await assertRefused(file, /not an SQLite database/);
	}));

test('an empty file is refused: Caisson leaves none, so its contents are lost', () =>
	withFile(async (file) => {
		writeFileSync(file, '');
		await assertRefused(file, /empty/);
	}));

test('a database of another program is refused', () =>
	withFile(async (file) => {
		const database = new DatabaseSync(file);
		database.exec('create table job (id text)');
		database.close();
		await assertRefused(file, /not one of Caisson/);
	}));

test('a database written by a newer Caisson is refused', () =>
	withFile(async (file) => {
		await (await openSqlite(file)).close();
		const database = new DatabaseSync(file);
		database.exec(`insert into kysely_migration (name, timestamp) values ('999-later', '2036-01-01')`);
		database.close();
		await assertRefused(file, /newer Caisson.*999-later/);
	}));

test('a write-ahead log without its database is refused', () =>
	withFile(async (file) => {
		writeFileSync(`${file}-wal`, 'frames');
		await assert.rejects(openSqlite(file), withCode('storage-damaged'));
		assert.equal(existsSync(file), false);
	}));

test('a path that cannot hold a database is unavailable, not damaged', () =>
	withFile(async (file) => {
		await assert.rejects(openSqlite(`${file}/missing/caisson.db`), withCode('storage-unavailable'));
		mkdirSync(file);
		await assert.rejects(openSqlite(file), withCode('storage-unavailable'));
	}));

test('what a start that was killed left of a new database is made anew', () =>
	withFile(async (file) => {
		writeFileSync(`${file}.new`, 'SQLite format 3\0 half');
		const storage = await openSqlite(file);
		await storage.check();
		await storage.close();
		assert.equal(existsSync(`${file}.new`), false);
	}));

test('a database says whose it is and which migrations it has seen', () =>
	withFile(async (file) => {
		await (await openSqlite(file)).close();
		assert.equal(readFileSync(file).toString('latin1', 68, 72), 'Cais');
		const database = new DatabaseSync(file, { readOnly: true });
		const rows = database.prepare('select name from kysely_migration order by name').all();
		database.close();
		assert.deepEqual(
			rows.map(({ name }) => name),
			migrationNames,
		);
	}));

/** Fills a database and copies its files while it is open, or after it was closed. */
async function filled(file: string, how: 'closed' | 'open' | 'half copied back'): Promise<void> {
	const store = await openTemporary();
	try {
		await store.storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
		const jobs = Array.from({ length: JOBS }, (_, index) =>
			sampleJob(`job-${index}`, { definition: { text: 'x'.repeat(index % 7 === 0 ? 9000 : 300) } }),
		);
		await insertJobs(store.storage, jobs.slice(0, JOBS / 2));
		if (how === 'half copied back') {
			const database = new DatabaseSync(store.file);
			database.exec('pragma wal_checkpoint(passive)');
			database.close();
		}
		await insertJobs(store.storage, jobs.slice(JOBS / 2));
		if (how === 'closed') await store.storage.close();
		else copyFileSync(`${store.file}-wal`, `${file}-wal`);
		copyFileSync(store.file, file);
	} finally {
		await store.destroy();
	}
}

async function assertWhole(file: string): Promise<void> {
	const storage = await openSqlite(file);
	const { jobs, total } = await storage.jobs.query({}, { offset: 0, limit: -1, sort: 'asc', total: true });
	await storage.close();
	assert.equal(total, JOBS);
	jobs.forEach(({ definition }, index) => {
		assert.deepEqual(definition, { text: 'x'.repeat(index % 7 === 0 ? 9000 : 300) });
	});
}

for (const how of ['closed', 'open', 'half copied back'] as const) {
	test(`a truncated database (${how} before) is refused or holds everything`, () =>
		withFile(async (original) => {
			await filled(original, how);
			const { size } = statSync(original);
			const offsets = [0, 1, 15, 99, 100, 511, 4095, 4096, 4097, 12_288, size >> 1, size - 4096, size - 1, size];
			let refused = 0;
			for (const offset of new Set(offsets.filter((value) => value >= 0 && value <= size))) {
				await withFile(async (file) => {
					copyFileSync(original, file);
					if (how !== 'closed') copyFileSync(`${original}-wal`, `${file}-wal`);
					truncateSync(file, offset);
					const before = digest(file);
					try {
						await assertWhole(file);
					} catch (error) {
						assert.ok(withCode('storage-damaged')(error), `at ${offset}: ${error}`);
						assert.equal(digest(file), before, `at ${offset}: the file was left as it is`);
						refused++;
					}
				});
			}
			await assertWhole(original);
			assert.ok(refused >= 6, `${refused} refused`);
		}));
}

test('a page that was overwritten is reported as damage when it is read, never as other data', () =>
	withFile(async (file) => {
		await filled(file, 'closed');
		const pages = statSync(file).size / 4096;
		let found = 0;
		for (let page = 3; page < pages; page += Math.ceil(pages / 12)) {
			await withFile(async (copy) => {
				copyFileSync(file, copy);
				const handle = await open(copy, 'r+');
				await handle.write(Buffer.alloc(4096), 0, 4096, page * 4096);
				await handle.close();
				try {
					await assertWhole(copy);
				} catch (error) {
					assert.ok(withCode('storage-damaged')(error), `page ${page}: ${error}`);
					found++;
				}
			});
		}
		assert.ok(found > 0);
	}));
