// The device tests once more with the SWUpdate of Debian sid, which is newer than that of the stable release: what Caisson
// packs and serves must work with both. CAISSON_DEVICE_SUITE names another suite.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { whyNot } from '../../testing/real-device/root.ts';

const repository = join(import.meta.dirname, '..', '..');
const folder = join('testing', 'real-device');
const suite = process.env.CAISSON_DEVICE_SUITE || 'sid';

test(`the device tests pass with the SWUpdate of Debian ${suite}`, { skip: await whyNot() }, () => {
	const files = readdirSync(join(repository, folder))
		.filter((name) => name.endsWith('.device.test.ts'))
		.map((name) => join(folder, name));
	assert.ok(files.length > 5, `only ${files.length} files of device tests`);
	// Without the runner's own variable, which would make the tests of this process out of them.
	const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_TEST'));
	const { status, stdout, stderr } = spawnSync(
		process.execPath,
		['--disable-warning=ExperimentalWarning', '--test', '--test-concurrency=2', ...files],
		{
			...{ cwd: repository, encoding: 'utf8', maxBuffer: 1 << 28 },
			env: { ...Object.fromEntries(inherited), CAISSON_DEVICE_SUITE: suite },
		},
	);
	assert.equal(status, 0, `${stdout.slice(-20_000)}\n${stderr.slice(-4000)}`);
	assert.match(stdout, /pass [1-9]/);
});
