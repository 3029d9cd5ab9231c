// What a newcomer does: a fresh clone, then the main job. It shows that the repository holds all that it needs, and that a
// real SWUpdate was updated. It clones what is committed, so what is not yet committed is not tested here.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');
const withoutRoot = process.getuid?.() === 0 ? false : 'a real SWUpdate device needs root';

test('in a fresh clone, npm start -- --once updates a real SWUpdate and ends 0', { skip: withoutRoot }, (context) => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-clone-'));
	context.after(() => rmSync(folder, { recursive: true, force: true }));
	const clone = join(folder, 'caisson');
	// The checkout may belong to another user than the one who tests (CI mounts it).
	const git = spawnSync('git', ['-c', 'safe.directory=*', 'clone', '--quiet', root, clone], { encoding: 'utf8' });
	assert.equal(git.status, 0, git.stderr);
	const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|CAISSON_|NODE_TEST)/i.test(name));
	const start = spawnSync('npm', ['start', '--', '--once'], {
		cwd: clone,
		env: { ...Object.fromEntries(inherited), HOME: process.env.HOME ?? folder },
		stdio: ['ignore', 'pipe', 'pipe'],
		encoding: 'utf8',
		maxBuffer: 1 << 28,
	});
	const output = `${start.stdout}\n${start.stderr}`;
	context.diagnostic(output.slice(-4000));
	assert.equal(start.status, 0, output);
	// The binary prints no version; the package's is the one that dpkg-query gives in the device's root.
	assert.match(output, /swupdate\s+2\d{3}\.\d{2}[\w.+~-]*/i);
});
