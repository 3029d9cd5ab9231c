// A device never outlives the process that started it, however that ends: no process, no mount, and no copy of the root
// after the next start.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { prepareRoot, whyNot } from './root.ts';
import { updateMaker } from './updates.ts';

const reason = await whyNot();
const suite = process.env.CAISSON_DEVICE_SUITE || 'trixie';

/** Processes whose mounts lie in `folder`: those of devices whose copies are there. */
async function processesOf(folder: string): Promise<string[]> {
	const found: string[] = [];
	for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
		const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '');
		if (mounts.includes(folder)) found.push(pid);
	}
	return found;
}

async function waitUntilNone(folder: string): Promise<void> {
	for (let tries = 0; tries < 200; tries++) {
		if ((await processesOf(folder)).length === 0) return;
		await sleep(50);
	}
	assert.deepEqual(await processesOf(folder), [], 'processes of the device are left');
}

async function startIdle(temporary: string, certificate: string): Promise<ChildProcess> {
	const program = fileURLToPath(new URL('./idle-device.ts', import.meta.url));
	const child = spawn(process.execPath, [program, suite, certificate], {
		env: { ...process.env, TMPDIR: temporary },
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	const [words] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
	assert.match(String(words), /^running/);
	return child;
}

describe('what a device leaves behind', { skip: reason }, () => {
	for (const signal of ['SIGKILL', 'SIGINT', 'SIGTERM'] as const) {
		test(`no process and no mount after ${signal}, no copy after the next start`, async () => {
			await prepareRoot({ suite, expired: process.env.CAISSON_DEVICE_EXPIRED === '1' });
			const folder = await mkdtemp(join(tmpdir(), 'caisson-leftovers-'));
			try {
				const { certificate } = await updateMaker(join(folder, 'keys'));
				const temporary = await mkdtemp(join(folder, 'tmp-'));
				const first = await startIdle(temporary, certificate);
				assert.ok((await processesOf(temporary)).length >= 3, 'SWUpdate is more than one process');
				first.kill(signal);
				await once(first, 'exit');
				await waitUntilNone(temporary);
				const second = await startIdle(temporary, certificate);
				const copies = (await readdir(temporary)).filter((name) => name.startsWith('caisson-device-'));
				assert.deepEqual(
					copies.map((name) => name.split('-')[2]),
					[String(second.pid)],
				);
				second.kill('SIGKILL');
				await once(second, 'exit');
				await waitUntilNone(temporary);
			} finally {
				await rm(folder, { recursive: true, force: true });
			}
		});
	}
});
