// Crashes and a full disk for real: processes that die in the middle of a unit of work, and a file system that fills.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { crashPoints } from '../../../testing/database/crash.ts';
import { NO_MOUNT } from '../../../testing/database/full-disk.ts';
import { temporaryFile } from '../../../testing/database/temporary-database.ts';
import { openSqlite } from './open.ts';

const programs = fileURLToPath(new URL('../../../testing/database/', import.meta.url));
const flags = ['--disable-warning=ExperimentalWarning'];

async function run(command: string, words: readonly string[]) {
	const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] });
	let output = '';
	child.stdout.on('data', (chunk) => (output += chunk));
	child.stderr.on('data', (chunk) => (output += chunk));
	const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
	return { code, signal, output };
}

for (const point of crashPoints) {
	test(`a process killed ${point.replace('-', ' ')} leaves the job, its event and its audit row, or none`, async () => {
		const { file, remove } = temporaryFile();
		try {
			const { signal, output } = await run(process.execPath, [...flags, join(programs, 'crash.ts'), file, point]);
			assert.equal(signal, 'SIGKILL', output);
			const storage = await openSqlite(file);
			const { jobs } = await storage.jobs.query(
				{ tags: ['crash'] },
				{ offset: 0, limit: -1, sort: 'asc', total: false },
			);
			const events = await storage.events.read(0, 100);
			const audit = await storage.audit.read(0, 100);
			await storage.close();
			const expected = [`acknowledged-${point}`];
			if (point === 'after-commit') expected.push(...[1, 2, 3].map((n) => `${point}-${n}`));
			assert.deepEqual(
				jobs.map(({ id }) => id),
				expected,
			);
			assert.deepEqual(
				events.map(({ jobId }) => jobId),
				expected,
			);
			assert.deepEqual(
				audit.map(({ subject }) => subject),
				expected,
			);
		} finally {
			remove();
		}
	});
}

test('a full disk refuses writes, keeps what was acknowledged, and works again when there is room', async (context) => {
	const { file, remove } = temporaryFile();
	try {
		const program = [process.execPath, ...flags, join(programs, 'full-disk.ts'), dirname(file)];
		// As root the mount namespace alone; others get one through a user namespace, where the system allows it.
		const namespace = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--user', '--map-root-user'];
		const { code, output } = await run('unshare', [...namespace, ...program]).catch(() => ({
			code: NO_MOUNT,
			output: 'unshare is missing',
		}));
		if (code === NO_MOUNT || output.includes('unshare failed')) {
			context.skip('no tmpfs can be mounted here');
			return;
		}
		assert.equal(code, 0, output);
	} finally {
		remove();
	}
});
