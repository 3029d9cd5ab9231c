// The set-up of the two commands, as far as it can be seen on a machine that is set up: how it tells what is there from
// what is missing, and how the runner answers wrong words. That it installs what is missing is shown by CI, which begins
// on a machine where nothing was installed by hand.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..');

interface Row {
	readonly package: string;
	readonly proof: string;
	readonly neededBy: readonly string[];
	readonly without: string;
}

interface SetUp {
	isPresent(proof: string): boolean;
	npmPackagesCurrent(): boolean;
	missingDebianPackages(purpose: string, present?: (proof: string) => boolean): Row[];
}

const setUp = (await import(join(root, 'bin', 'setup.mjs'))) as SetUp;
const table: readonly Row[] = JSON.parse(readFileSync(join(root, 'programs', 'debian-packages.json'), 'utf8')).packages;

test('every Debian package has a proof, a use, and a sentence on what is left out without it', () => {
	for (const row of table) {
		assert.match(row.package, /^[a-z0-9][a-z0-9+.-]+$/);
		assert.match(row.proof, /^(\/[\w./-]+|[\w.-]+)$/, row.package);
		assert.ok(row.neededBy.length > 0, row.package);
		for (const use of row.neededBy) assert.ok(['start', 'test', 'e2e'].includes(use), `${row.package}: ${use}`);
		assert.ok(row.without.length > 20 && !row.without.endsWith('.'), row.package);
	}
	assert.equal(new Set(table.map((row) => row.package)).size, table.length);
});

test('a program is looked up in PATH and the system folders, a file by its path', () => {
	assert.equal(setUp.isPresent('sh'), true);
	assert.equal(setUp.isPresent('no-such-program-of-caisson'), false);
	assert.equal(setUp.isPresent('/etc/passwd'), true);
	assert.equal(setUp.isPresent('/etc/no-such-file'), false);
});

test('only what the purpose needs is missing', () => {
	const names = (purpose: string) => setUp.missingDebianPackages(purpose, () => false).map((row) => row.package);
	assert.deepEqual(names('start'), ['mmdebstrap', 'debian-archive-keyring', 'gpgv']);
	assert.ok(names('test').includes('strace'));
	assert.deepEqual(
		setUp.missingDebianPackages('test', () => true),
		[],
	);
});

test('installed npm packages are those of the lock file', () => {
	assert.equal(setUp.npmPackagesCurrent(), true);
});

test('wrong words end with 2 and say what there is', () => {
	const run = (...words: string[]) =>
		spawnSync(process.execPath, ['bin/run.mjs', ...words], { cwd: root, encoding: 'utf8' });
	assert.equal(run('no-such-command').status, 2);
	assert.match(run('no-such-command').stderr, /start\|test/);
	assert.equal(run('test', 'no/such/file').status, 2);
	assert.match(run('test', 'no/such/file').stderr, /No test file has no\/such\/file in its path/);
	assert.equal(run('bench', 'no-such-benchmark').status, 2);
});

test('the end of a test run says what was skipped and why, what failed, and the counts', () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-setup-'));
	try {
		// The runner looks for files below its own root, so a copy of bin/ with the real node_modules stands in for it.
		writeFileSync(
			join(folder, 'make.sh'),
			`set -eu; cd ${folder}; mkdir src programs; cp -r ${root}/bin bin; ln -s ${root}/node_modules node_modules
			cp ${root}/package-lock.json .; cp ${root}/programs/debian-packages.json programs/`,
		);
		assert.equal(spawnSync('sh', [join(folder, 'make.sh')]).status, 0);
		writeFileSync(
			join(folder, 'src', 'a.test.ts'),
			`import { test } from 'node:test';
			test('passes', () => {});
			test('waits for hardware', { skip: 'no board' }, () => {});
			test('breaks', () => { throw new Error('broken'); });`,
		);
		// Without NODE_TEST_CONTEXT, which tells a test runner that it is run by another.
		const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
		const result = spawnSync(process.execPath, ['bin/run.mjs', 'test', 'src/a'], {
			cwd: folder,
			env: { ...inherited, CAISSON_INSTALL: 'no' },
			encoding: 'utf8',
		});
		assert.equal(result.status, 1, result.stderr);
		const end = result.stdout.slice(result.stdout.indexOf('﹣ skipped:'));
		assert.match(end, /^﹣ skipped: waits for hardware \(no board\)\n✖ failed: breaks\nℹ tests 3\n/);
		assert.match(end, /ℹ pass 1\nℹ fail 1\n.*ℹ skipped 1\n/s);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
});
