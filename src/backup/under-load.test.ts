// A backup taken while writers go on over HTTP, restored elsewhere and served: the same jobs, events and audit chain, and
// ids that go on without reuse. A restore that was never tried is no backup.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sqliteFiles } from '../../programs/cli/backup-world.ts';
import { startApplication } from '../../testing/application/application.ts';
import { exportLines } from '../audit/export.ts';
import { LineSplitter } from '../audit/rules/lines.ts';
import { AuditVerifier } from '../audit/rules/verify.ts';
import { sealCommitted } from '../audit/sealing.ts';
import type { JobEvent } from '../job/store.ts';
import { openSqlite } from '../storage/sqlite/open.ts';
import type { Storage } from '../storage/store.ts';
import { recordingTerminal } from '../terminal/recording-terminal.ts';
import { writeWhole } from '../update/output-file.ts';
import { backupCommand } from './commands/backup.ts';
import { restoreCommand } from './commands/restore.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const json = { 'content-type': 'application/json' };
const workflow = {
	name: 'load',
	states: [{ name: 'NEW' }, { name: 'RUNNING' }, { name: 'DONE' }],
	transitions: [
		{ from: 'NEW', to: 'RUNNING', eligible: 'CLIENT' },
		{ from: 'RUNNING', to: 'DONE', eligible: 'CLIENT' },
	],
};

async function send<Answer>(method: string, url: string, value: unknown): Promise<Answer> {
	const response = await fetch(url, { method, headers: json, body: JSON.stringify(value) });
	assert.ok(response.ok, `${method} ${url}: ${response.status}`);
	return (await response.json()) as Answer;
}

/** Takes jobs through the workflow until `stop`; tells each job that was acknowledged as created. */
async function write(
	north: string,
	south: string,
	client: string,
	stop: AbortSignal,
	created: string[],
): Promise<void> {
	while (!stop.aborted) {
		const job = await send<{ id: string }>('POST', `${north}/api/wfx/v1/jobs`, {
			clientId: client,
			workflow: 'load',
			tags: [client],
		});
		created.push(job.id);
		for (const state of ['RUNNING', 'DONE']) await send('PUT', `${south}/api/wfx/v1/jobs/${job.id}/status`, { state });
	}
}

async function everything<Row extends { id: number }>(
	read: (after: number, limit: number) => Promise<Row[]>,
): Promise<Row[]> {
	const rows: Row[] = [];
	for (;;) {
		const page = await read(rows.at(-1)?.id ?? 0, 1000);
		rows.push(...page);
		if (page.length < 1000) return rows;
	}
}

async function verify(storage: Storage, head: string): Promise<ReturnType<AuditVerifier['verdict']>> {
	const verifier = new AuditVerifier(sha256, head);
	const splitter = new LineSplitter();
	for await (const lines of exportLines(storage.chain, 0, sha256)) {
		for (const line of splitter.push(Buffer.from(lines))) verifier.push(line);
	}
	return verifier.verdict();
}

/** What the events say of each job: the state of the last one. */
function statesOf(events: readonly JobEvent[]): Map<string, string> {
	const states = new Map<string, string>();
	for (const { jobId, job } of events) {
		const { status } = JSON.parse(job) as { status?: { state: string } };
		if (status !== undefined) states.set(jobId, status.state);
	}
	return states;
}

test('a backup taken under load and restored elsewhere serves the same jobs, events and audit chain', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-under-load-'));
	const original = await startApplication();
	const stop = new AbortController();
	try {
		await send('POST', `${original.north}/api/wfx/v1/workflows`, workflow);
		const created: string[] = [];
		const writers = Array.from({ length: 8 }, (_, index) =>
			write(original.north, original.south, `client-${index}`, stop.signal, created),
		);
		while (created.length < 100) await new Promise((resolve) => setTimeout(resolve, 5));
		const { chain, commit } = original.storage;
		const keptHead = await sealCommitted({ chain, commit, now: Date.now, sha256 });
		const acknowledged = [...created];

		const world = {
			database: sqliteFiles,
			writeWhole,
			defaultData: () => original.directory,
			chooseDatabase: () => join(original.directory, 'caisson.db'),
			now: Date.now,
			version: 'test',
		};
		const file = join(folder, 'backup');
		const data = join(folder, 'elsewhere');
		const run = (command: typeof backupCommand, ...words: string[]) =>
			command(recordingTerminal(), world).parseAsync(words, { from: 'user' });
		await run(backupCommand, '-o', file);
		const before = created.length;
		while (created.length < before + 20) await new Promise((resolve) => setTimeout(resolve, 5));
		stop.abort();
		await Promise.all(writers);
		await restoreCommand(recordingTerminal(), { ...world, defaultData: () => data }).parseAsync([file], {
			from: 'user',
		});

		const storage = await openSqlite(join(data, 'caisson.db'));
		const restored = await startApplication({ storage });
		try {
			const [events, allEvents] = await Promise.all([
				everything(storage.events.read),
				everything(original.storage.events.read),
			]);
			assert.ok(events.length > 300 && events.length < allEvents.length, 'the writers went on after the backup');
			assert.deepEqual(events, allEvents.slice(0, events.length));

			const [audit, allAudit] = await Promise.all([
				everything(storage.audit.read),
				everything(original.storage.audit.read),
			]);
			assert.equal(audit.at(-1)?.action, 'backup.restore');
			assert.deepEqual(audit.slice(0, -1), allAudit.slice(0, audit.length - 1));
			const verdict = await verify(storage, keptHead?.hash ?? '');
			assert.deepEqual([verdict.result, verdict.askedHead], ['intact', { seal: keptHead?.seal }]);
			assert.equal(verdict.head?.through, audit.at(-1)?.id, 'the restore itself is sealed');

			const states = statesOf(events);
			for (const id of acknowledged)
				assert.ok(states.has(id), 'a job that was acknowledged before the backup is in it');
			for (const [id, state] of states) {
				const job = (await (await fetch(`${restored.north}/api/wfx/v1/jobs/${id}`)).json()) as {
					status: { state: string };
				};
				assert.equal(job.status.state, state);
				if (state === 'DONE') assert.deepEqual(await storage.jobs.find(id), await original.storage.jobs.find(id));
			}
			const counted = await storage.jobs.query({}, { offset: 0, limit: 0, sort: 'asc', total: true });
			assert.equal(counted.total, states.size);

			await send('POST', `${restored.north}/api/wfx/v1/jobs`, { clientId: 'after', workflow: 'load' });
			const [newest] = (await everything(storage.events.read)).slice(-1);
			assert.ok((newest?.id ?? 0) > (allEvents.at(-1)?.id ?? Number.POSITIVE_INFINITY), 'no event id is given twice');
			const [last] = (await everything(storage.audit.read)).slice(-1);
			assert.ok((last?.id ?? 0) > (allAudit.at(-1)?.id ?? Number.POSITIVE_INFINITY), 'no audit id is given twice');
		} finally {
			await restored.stop();
		}
	} finally {
		stop.abort();
		await original.stop();
		rmSync(folder, { recursive: true });
	}
});
