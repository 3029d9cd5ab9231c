// `npm start` without its set-up, as a process, with a real package, a real server and a real device.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { whyNot } from '../../testing/real-device/root.ts';

const reason = await whyNot();
const program = fileURLToPath(new URL('../main-job.ts', import.meta.url));

class Run {
	readonly child: ChildProcess;
	output = '';
	constructor(temporary: string, words: readonly string[]) {
		const flags = ['--disable-warning=ExperimentalWarning', program];
		const env = { ...process.env, TMPDIR: temporary };
		this.child = spawn(process.execPath, [...flags, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
		for (const stream of [this.child.stdout, this.child.stderr]) {
			stream?.setEncoding('utf8').on('data', (text: string) => {
				this.output += text;
			});
		}
	}
	async end(): Promise<number | null> {
		if (this.child.exitCode === null) await once(this.child, 'close');
		return this.child.exitCode;
	}
	async says(pattern: RegExp): Promise<void> {
		while (!pattern.test(this.output)) {
			assert.equal(this.child.exitCode, null, this.output);
			await sleep(50);
		}
	}
}

describe('the main job', { skip: reason }, () => {
	async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
		const folder = await mkdtemp(join(tmpdir(), 'caisson-main-job-test-'));
		try {
			await use(folder);
			const left = (await readdir(folder)).filter((name) => name.startsWith('caisson-'));
			assert.deepEqual(left, [], 'temporary files are left');
		} finally {
			await rm(folder, { recursive: true, force: true });
		}
	}

	test('with --once it updates a real SWUpdate, says its version, and ends with 0', async () => {
		await withFolder(async (folder) => {
			const run = new Run(folder, ['--once']);
			assert.equal(await run.end(), 0, run.output);
			assert.match(run.output, /SWUpdate 20\d\d\.\d+/);
			assert.match(run.output, /holds exactly the package’s bytes/);
			assert.ok(!run.output.includes('\u001b'), 'colour where there is no terminal');
		});
	});

	test('with the fake device it says so', async () => {
		await withFolder(async (folder) => {
			const run = new Run(folder, ['--once', '--device', 'fake', '--data', join(folder, 'data')]);
			assert.equal(await run.end(), 0, run.output);
			assert.match(run.output, /the fake device, not SWUpdate/);
		});
	});

	test('without --once it serves until Ctrl-C, then ends with 0', async () => {
		await withFolder(async (folder) => {
			const run = new Run(folder, ['--data', join(folder, 'data')]);
			await run.says(/Ctrl-C ends both/);
			const south = /operators, (http:\S+) for devices/.exec(run.output)?.[1];
			assert.equal((await fetch(`${south}/health`)).status, 200);
			run.child.kill('SIGINT');
			assert.equal(await run.end(), 0, run.output);
			await assert.rejects(fetch(`${south}/health`));
		});
	});

	test('Ctrl-C in the middle ends it with 130', async () => {
		await withFolder(async (folder) => {
			const run = new Run(folder, ['--once']);
			await run.says(/server {5}up/);
			run.child.kill('SIGINT');
			assert.equal(await run.end(), 130, run.output);
		});
	});

	test('a package that does not exist is trouble, and the message says which', async () => {
		await withFolder(async (folder) => {
			const run = new Run(folder, ['--once', '--package', 'caisson-no-such-package']);
			assert.equal(await run.end(), 2, run.output);
			assert.match(run.output, /no package caisson-no-such-package/);
		});
	});
});
