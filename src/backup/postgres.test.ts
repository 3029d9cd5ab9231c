// A backup of a PostgreSQL is restored as an embedded database with the same jobs, events and audit chain.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { backupWorld } from '../../programs/cli/backup-world.ts';
import { withoutPostgres } from '../../testing/postgres/server.ts';
import { openPostgresStore } from '../../testing/postgres/store.ts';
import { sealCommitted } from '../audit/sealing.ts';
import { insertJobs, sampleEvent, sampleJob, sampleWorkflow } from '../storage/contract/stores.ts';
import { openSqlite } from '../storage/sqlite/open.ts';
import { recordingTerminal } from '../terminal/recording-terminal.ts';
import { backupCommand } from './commands/backup.ts';
import { restoreCommand } from './commands/restore.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test('a PostgreSQL is backed up and restored as an embedded database', { skip: withoutPostgres() }, async () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-backup-postgres-'));
	const store = await openPostgresStore();
	try {
		const { storage } = store;
		await storage.commit((unit) => unit.workflows.insert(sampleWorkflow));
		await insertJobs(storage, [sampleJob('a', { tags: ['one'] }), sampleJob('b')]);
		await storage.commit((unit) => unit.events.append(sampleEvent('a')));
		await storage.commit((unit) =>
			unit.audit.append({ time: 1, actor: 'x', action: 'y.z', subject: 'a', detail: { n: 1 } }),
		);
		const head = await sealCommitted({ chain: storage.chain, commit: storage.commit, now: Date.now, sha256 });

		const world = { ...backupWorld({ CAISSON_DATABASE: store.address }), defaultData: () => join(folder, 'data') };
		const file = join(folder, 'backup');
		const made = recordingTerminal();
		await backupCommand(made, world).parseAsync(['-o', file], { from: 'user' });
		assert.match(made.stdoutText, new RegExp(`audit head: seal 1 ${head?.hash}`));
		const terminal = recordingTerminal();
		await restoreCommand(terminal, world).parseAsync([file], { from: 'user' });
		assert.match(terminal.stdoutText, /audit trail: intact/);
		assert.deepEqual(readdirSync(folder).sort(), ['backup', 'data']);

		const restored = await openSqlite(join(folder, 'data', 'caisson.db'));
		assert.deepEqual(await restored.jobs.find('a'), await storage.jobs.find('a'));
		assert.deepEqual(await restored.events.read(0, 9), await storage.events.read(0, 9));
		assert.deepEqual((await restored.audit.read(0, 9)).slice(0, 1), await storage.audit.read(0, 9));
		assert.equal((await restored.chain.seals(0, 9)).length, 2);
		await restored.close();
	} finally {
		await store.destroy();
		rmSync(folder, { recursive: true });
	}
});
