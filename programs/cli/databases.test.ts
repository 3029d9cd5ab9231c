// `caisson db` from its words to its answer: which database is meant, that a running server keeps its file, and that
// passwords are neither taken from the command line nor shown.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openDataDirectory } from '../../src/access/data-directory.ts';
import { databaseCommands } from '../../src/database/commands.ts';
import { CaissonError } from '../../src/errors.ts';
import { insertJobs, sampleJob, sampleWorkflow } from '../../src/storage/contract/stores.ts';
import { openSqlite } from '../../src/storage/sqlite/open.ts';
import { type RecordingTerminal, recordingTerminal } from '../../src/terminal/recording-terminal.ts';
import { readConfiguration } from '../server/configuration.ts';
import { databaseWorld } from './databases.ts';

let data: string;
let elsewhere: string;

before(async () => {
	data = mkdtempSync(join(tmpdir(), 'caisson-db-'));
	elsewhere = mkdtempSync(join(tmpdir(), 'caisson-db-'));
	chmodSync(data, 0o700);
	const directory = openDataDirectory(data, 'the test');
	const storage = await openSqlite(directory.file('caisson.db'));
	await storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
	await insertJobs(storage, [sampleJob('a', { tags: ['one'] })]);
	await storage.close();
	directory.release();
});

after(() => {
	for (const folder of [data, elsewhere]) rmSync(folder, { recursive: true });
});

async function run(words: string[], environment: Record<string, string> = {}): Promise<RecordingTerminal> {
	const all = { CAISSON_DATA: data, ...environment };
	const terminal = recordingTerminal({ environment: all });
	await databaseCommands(terminal, databaseWorld(all)).parseAsync(words, { from: 'user' });
	return terminal;
}

async function refusal(words: string[], environment: Record<string, string> = {}): Promise<CaissonError> {
	const error = await run(words, environment).then(
		() => assert.fail('it was accepted'),
		(thrown: unknown) => thrown,
	);
	assert.ok(error instanceof CaissonError, String(error));
	return error;
}

test('the database of the data directory is checked where none is named', async () => {
	const { stdoutText, exitCode } = await run(['check']);
	assert.equal(exitCode, 0);
	assert.match(stdoutText, /caisson\.db: version \d+ of \d+\n/);
	assert.match(stdoutText, /^job +1$/m);
	assert.match(stdoutText, /Nothing was found\./);
	const report = JSON.parse((await run(['check', '--format', 'json'])).stdoutText);
	assert.deepEqual([report.rows.job, report.rows.job_tag, report.found], [1, 1, 0]);
});

test('a finding is exit code 1', async () => {
	const copy = join(elsewhere, 'damaged.db');
	await run(['copy', '--to', copy]);
	const { DatabaseSync } = await import('node:sqlite');
	const database = new DatabaseSync(copy);
	database.exec("update job set state = 'GONE' where id = 'a'");
	database.close();
	const { stdoutText, exitCode } = await run(['check', '--database', copy]);
	assert.equal(exitCode, 1);
	assert.match(stdoutText, /state that differs from the status +a /);
	assert.match(stdoutText, /1 findings\./);
});

test('while a server uses the data directory nothing touches its file', async () => {
	const directory = openDataDirectory(data, 'caisson up');
	try {
		for (const words of [['check'], ['migrate'], ['copy', '--to', join(elsewhere, 'never.db')]]) {
			const { code, message } = await refusal(words);
			assert.equal(code, 'data-directory-refused');
			assert.match(message, /caisson up/);
		}
		assert.equal(existsSync(join(elsewhere, 'never.db')), false);
	} finally {
		directory.release();
	}
	await run(['check']);
	assert.ok(!readdirSync(data).includes('lock-holder.json'), 'the lock was given back');
});

test('a copy into a file that holds data is refused', async () => {
	const target = join(elsewhere, 'twice.db');
	const first = await run(['copy', '--to', target]);
	assert.match(first.stdoutText, /^job +1 +[0-9a-f]{64}$/m);
	assert.equal((await refusal(['copy', '--to', target])).code, 'database-not-empty');
});

test('a password on the command line is refused, and shown by no refusal', async () => {
	const address = 'postgres://u:geheim@127.0.0.1:1/x';
	for (const words of [
		['check', '--database', address],
		['copy', '--to', address],
	]) {
		const error = await refusal(words);
		assert.equal(error.code, 'configuration-invalid');
		assert.match(error.message, /password on the command line/);
		assert.doesNotMatch(`${error.message}${error.stack}`, /geheim/);
	}
	const away = await refusal(['check'], { CAISSON_DATABASE: address });
	assert.equal(away.code, 'storage-unavailable');
	assert.doesNotMatch(`${away.message}${away.stack}`, /geheim/);
});

test('caisson up refuses a password on its command line and takes one from its environment', () => {
	const address = 'postgres://u:geheim@db/x';
	const read = (values: Record<string, string[]>, variables: Record<string, string>) => {
		const named = mkdtempSync(join(elsewhere, 'home-'));
		return readConfiguration({ config: [], values }, { HOME: named, XDG_CONFIG_HOME: named, ...variables });
	};
	assert.throws(() => read({ database: [address] }, {}), /password on the command line/);
	const { values, origin } = read({}, { CAISSON_DATABASE: address });
	assert.equal(values.database?.hasPassword, true);
	assert.equal(origin('database'), 'CAISSON_DATABASE');
	assert.doesNotMatch(JSON.stringify(values), /geheim/);
	assert.throws(() => read({ database: ['mysql://x'] }, {}), /database: it is not an address like postgres/);
});
