// The commands for a server's repository, against the real application: what they print, and how they end. The whole way
// from keys to a device is docs/trust-service.md, replayed by e2e/trust-service.e2e.ts.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type RunningApplication, startApplication } from '../../../testing/application/application.ts';
import { runCaisson } from '../../../testing/cli-cases/run-case.ts';
import { signedBytes } from '../../../testing/tuf-documents/documents.ts';
import { onlineSigner, people, serviceRoot, serviceTargets } from '../../../testing/tuf-service/service.ts';
import { openDiskMetadata } from '../../outside/metadata-files/disk.ts';

const { anna, ben, clara, dora, server } = people;
const rstuf = fileURLToPath(new URL('../../../testdata/trust/import/rstuf', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'caisson-trust-commands-'));
let running: RunningApplication;

before(async () => {
	const files = await openDiskMetadata(join(folder, 'tuf'));
	running = await startApplication({ trust: { files, signers: [onlineSigner(server)] } });
});
after(async () => {
	await running?.stop();
	rmSync(folder, { recursive: true, force: true });
});

async function caisson(...words: string[]) {
	return await runCaisson(['trust', ...words], '', { CAISSON_SERVER: running.north });
}

function file(name: string, content: Uint8Array | string): string {
	const path = join(folder, name);
	writeFileSync(path, content);
	return path;
}

test('before a ceremony the status says what is missing, and targets cannot be added', async () => {
	const status = await caisson('status');
	assert.equal(status.exit, 1);
	assert.match(status.stdout, /root .*no document/);
	assert.match(status.stdout, /caisson trust offer/);
	const added = await caisson('target', 'add', 'a', '--file', file('a', 'hello'));
	assert.equal(added.exit, 1);
	assert.match(added.stderr, /trust-not-bootstrapped/);
	assert.equal((await caisson('target', 'add', 'a')).exit, 2);
});

test('settings are changed before, bins not after', async () => {
	const before = await caisson('settings', '--bins', '4', '--lifetime', 'timestamp=2', '--lifetime', 'root=700');
	assert.match(before.stdout, /Bins +4/);
	assert.match(before.stdout, /Days of timestamp +2/);
	assert.equal((await caisson('settings', '--bins', '5')).exit, 2);
});

test('documents are offered, what is missing is told by whose key', async () => {
	const first = await caisson('offer', file('1.root.json', signedBytes(serviceRoot(1), anna)));
	assert.deepEqual([first.exit, first.stdout.includes(ben.keyid)], [0, true]);
	const pending = await caisson('pending', 'list');
	assert.match(pending.stdout, new RegExp(`root +1 +root version 1 +1 of 2 +${ben.keyid.slice(0, 16)}`));
	const rest = file('1.root.json', signedBytes(serviceRoot(1), ben));
	const targets = file('1.targets.json', signedBytes(serviceTargets(1, { releases: true }), clara));
	const second = await caisson('offer', rest, targets);
	assert.match(second.stdout, /root: committed\n.*targets: committed/s);
	const again = await caisson('offer', rest);
	assert.deepEqual([again.exit, /trust-version-refused/.test(again.stderr)], [1, true]);
	assert.match((await caisson('offer', file('strange.json', '{}'))).stderr, /--role/);
	const fetched = join(folder, 'releases.json');
	assert.equal((await caisson('pending', 'get', 'releases', '-o', fetched)).exit, 0);
	const { signed } = JSON.parse(readFileSync(fetched, 'utf8'));
	const signedFile = file('1.releases.json', signedBytes(signed, dora));
	assert.match((await caisson('offer', signedFile)).stderr, /Published: timestamp 1/);
	const bins = await caisson('settings', '--bins', '8');
	assert.deepEqual([bins.exit, /bins: they cannot change/.test(bins.stderr)], [2, true]);
});

test('targets are added, held back, listed, shown, released and removed', async () => {
	const added = await caisson('target', 'add', 'x/1', '--file', file('one', 'hello'), '--publish');
	assert.match(added.stderr, /Published: timestamp 2/);
	const line = (path: string) =>
		JSON.stringify({ path, length: 5, hashes: { sha256: '0'.repeat(64) }, custom: { counter: 1 } });
	const list = file('list.ndjson', `${line('x/2')}\n\n${line('x/3')}\n`);
	assert.match((await caisson('target', 'import', list, '--hold')).stderr, /2 targets stored/);
	const listed = await caisson('target', 'list', 'x/');
	assert.match(listed.stdout, /x\/1 +5 B +bin-. +published\nx\/2 +5 B +bin-. +new, held back\n/);
	const shown = await caisson('target', 'show', 'x/2');
	assert.match(shown.stdout, /Custom +{"counter":1}/);
	assert.equal((await caisson('target', 'show', 'x')).exit, 1);
	assert.match((await caisson('target', 'release', 'x/2', '--publish')).stderr, /1 changes released/);
	const removed = await caisson('target', 'remove', 'x/1', '--publish', '--format', 'json');
	assert.equal(JSON.parse(removed.stdout).changed, 1);
	const bad = await caisson('target', 'import', file('bad.ndjson', `${line('x/4')}\n{"length":1}\n`));
	assert.deepEqual([bad.exit, /Line 2 of/.test(bad.stderr)], [2, true]);
});

test('a role that people sign is prepared and given up; the server signs anew when asked', async () => {
	const output = join(folder, '2.releases.json');
	await caisson('target', 'add', 'releases/1.swu', '--file', file('swu', 'an update'));
	const prepared = await caisson('pending', 'prepare', 'releases', '-o', output);
	assert.match(prepared.stderr, /caisson trust sign/);
	assert.deepEqual(Object.keys(JSON.parse(readFileSync(output, 'utf8')).signed.targets), ['releases/1.swu']);
	const status = await caisson('status');
	assert.equal(status.exit, 1);
	assert.match(status.stdout, /releases +2 .*signatures missing/);
	assert.equal((await caisson('abort', 'releases')).exit, 0);
	assert.match((await caisson('abort', 'releases')).stderr, /trust-pending-unknown/);
	assert.equal((await caisson('status')).exit, 0);
	assert.match((await caisson('resign')).stderr, /5 more documents/);
	assert.match((await caisson('publish')).stderr, /nothing to publish/);
});

test('a folder of metadata is taken over by a server that has nothing yet', async () => {
	const taken = await caisson('import', rstuf);
	assert.deepEqual([taken.exit, /trust-import-refused/.test(taken.stderr)], [1, true]);
	const files = await openDiskMetadata(join(folder, 'tuf2'));
	const other = await startApplication({ trust: { files, signers: [onlineSigner(server)] } });
	try {
		const words = ['trust', 'import', rstuf];
		const { exit, stdout } = await runCaisson(words, '', { CAISSON_SERVER: other.north });
		assert.deepEqual([exit, stdout], [0, 'Taken over: root 2, 12 roles, 20 targets.\n']);
		const status = await runCaisson(['trust', 'status'], '', { CAISSON_SERVER: other.north });
		assert.deepEqual([status.exit, /bins-\* +6 /.test(status.stdout)], [0, true]);
	} finally {
		await other.stop();
	}
});
