import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
	chmodSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
	announceServer,
	defaultDataDirectory,
	findLocalServer,
	openDataDirectory,
	withdrawServer,
} from './data-directory.ts';

const folder = mkdtempSync(join(tmpdir(), 'caisson-data-'));
after(() => rmSync(folder, { recursive: true }));
let count = 0;
const fresh = () => join(folder, String(count++), 'data');

const refusal = (message: RegExp) => ({ code: 'data-directory-refused', message });

test('a data directory is made with its parents, for its owner only', () => {
	const path = fresh();
	openDataDirectory(path, 'test').release();
	assert.equal(statSync(path).mode & 0o777, 0o700);
});

test('a directory that others may read, write or enter is refused with the command that closes it', () => {
	for (const mode of [0o755, 0o770, 0o701, 0o704]) {
		const path = fresh();
		mkdirSync(path, { recursive: true });
		chmodSync(path, mode);
		assert.throws(() => openDataDirectory(path, 'test'), refusal(/is open to others \(mode 07.*chmod 0700 \//));
		assert.deepEqual(readdirSync(path), [], 'nothing was written into it');
	}
});

test('a file in place of the directory is refused, a link to a directory is followed', () => {
	const path = fresh();
	openDataDirectory(path, 'test').release();
	writeFileSync(join(path, 'file'), '');
	assert.throws(
		() => openDataDirectory(join(path, 'file'), 'test'),
		refusal(/cannot be made: EEXIST|is not a directory/),
	);
	symlinkSync(path, `${path}.link`);
	openDataDirectory(`${path}.link`, 'test').release();
});

test('a place where no directory can be made is refused', () => {
	assert.throws(
		() => openDataDirectory('/proc/caisson/data', 'test'),
		refusal(/^\/proc\/caisson\/data cannot be made: ENOENT$/),
	);
});

test("another user's directory is refused", {
	skip: process.getuid?.() === 0 ? false : 'needs root to make one',
}, async () => {
	const path = fresh();
	mkdirSync(path, { recursive: true, mode: 0o700 });
	const { chownSync } = await import('node:fs');
	chownSync(path, 12_345, 12_345);
	assert.throws(() => openDataDirectory(path, 'test'), refusal(/owned by user 12345, and this process runs as user 0/));
});

test('a held directory is refused with the process that holds it and what it does', () => {
	const path = fresh();
	const held = openDataDirectory(path, 'caisson up');
	assert.throws(
		() => openDataDirectory(path, 'test'),
		refusal(new RegExp(`in use by process ${process.pid} \\(caisson up\\)`)),
	);
	held.release();
	openDataDirectory(path, 'test').release();
});

test('the lock of a process ends with kill -9, not before', async () => {
	const path = fresh();
	const program = `import { openDataDirectory } from ${JSON.stringify(join(import.meta.dirname, 'data-directory.ts'))};
		openDataDirectory(${JSON.stringify(path)}, 'caisson up');
		globalThis.gc();
		console.log('held');
		setInterval(() => {}, 1000);`;
	const child = spawn(process.execPath, [
		'--disable-warning=ExperimentalWarning',
		'--expose-gc',
		'--input-type=module-typescript',
		'-e',
		program,
	]);
	try {
		await once(child.stdout, 'data');
		assert.throws(() => openDataDirectory(path, 'test'), refusal(new RegExp(`in use by process ${child.pid} `)));
	} finally {
		child.kill('SIGKILL');
	}
	await once(child, 'exit');
	assert.ok(existsSync(join(path, 'lock-holder.json')), 'the dead process could not remove its note');
	openDataDirectory(path, 'test').release();
});

test('a lock file that is something else is refused, not overwritten', () => {
	const path = fresh();
	mkdirSync(path, { recursive: true, mode: 0o700 });
	writeFileSync(join(path, 'lock'), 'x'.repeat(5000));
	assert.throws(() => openDataDirectory(path, 'test'), refusal(/lock cannot be locked: .*not a database/));
	assert.equal(statSync(join(path, 'lock')).size, 5000);
});

test('commands find the server of a directory while it runs, and not the note of one that was killed', () => {
	const path = fresh();
	assert.equal(findLocalServer(path), undefined);
	const directory = openDataDirectory(path, 'caisson up');
	assert.equal(findLocalServer(path), undefined);
	const server = { pid: 1, client: 'http://127.0.0.1:1', mgmt: 'http://127.0.0.1:2', southbound: [], northbound: [] };
	announceServer(directory, server);
	assert.equal(statSync(join(path, 'server.json')).mode & 0o777, 0o600);
	assert.deepEqual(findLocalServer(path), server);
	directory.release();
	assert.equal(findLocalServer(path), undefined, 'nobody holds the directory any more');
	const again = openDataDirectory(path, 'caisson up');
	withdrawServer(again);
	assert.equal(findLocalServer(path), undefined);
	again.release();
});

test('server and commands of one user agree on the directory', () => {
	assert.equal(defaultDataDirectory({ CAISSON_DATA: '/d', XDG_DATA_HOME: '/x' }, 0), '/d');
	assert.equal(defaultDataDirectory({ XDG_DATA_HOME: '/x' }, 0), '/var/lib/caisson');
	assert.equal(defaultDataDirectory({ XDG_DATA_HOME: '/x', HOME: '/h' }, 1000), '/x/caisson');
	assert.equal(defaultDataDirectory({ CAISSON_DATA: '', HOME: '/h' }, 1000), '/h/.local/share/caisson');
});
