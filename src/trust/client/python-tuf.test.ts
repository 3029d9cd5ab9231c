// Our client against repositories that python-tuf made (testdata/trust/python-tuf, and fresh ones where python-tuf runs):
// the reference implementation on the other side.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makePythonTufRepositories } from '../../../testing/tuf-oracles/make-golden.ts';
import { whyNoPythonTuf } from '../../../testing/tuf-oracles/python-tuf.ts';
import { refusalIn, TestDevice } from '../../../testing/tuf-repository/device.ts';
import { type FileServer, folderSource, startFileServer } from '../../../testing/tuf-repository/server.ts';

const golden = fileURLToPath(new URL('../../../testdata/trust/python-tuf/', import.meta.url));
const without = await whyNoPythonTuf();

async function withRepository(
	folder: string,
	use: (device: TestDevice, server: FileServer) => Promise<void>,
): Promise<void> {
	const server = await startFileServer(folderSource(folder));
	const device = await TestDevice.make(server.url, await readFile(join(folder, 'metadata', '1.root.json')));
	try {
		await use(device, server);
	} finally {
		await device.remove();
		await server.close();
	}
}

const checks: Readonly<Record<string, (folder: string) => Promise<void>>> = {
	rotated: (folder) =>
		withRepository(folder, async (device, server) => {
			const names = ['readme.txt', 'releases/1.swu', 'releases/x/2.swu', 'später/chunk 1.bin'];
			const result = await device.download(names);
			assert.equal(refusalIn(result), undefined);
			assert.deepEqual(result.outcome === 'downloaded' && result.refreshed.versions, {
				...{ root: 3, timestamp: 1, snapshot: 1, targets: 1 },
			});
			assert.equal((await device.downloaded('releases/1.swu'))?.toString(), 'Signed by releases.\n');
			// The file named by the second hash is the same one.
			assert.equal(
				(await readdir(join(folder, 'targets', 'releases'))).filter((name) => name.endsWith('1.swu')).length,
				2,
			);
			server.clear();
			assert.equal(refusalIn(await device.download(names)), undefined);
			assert.deepEqual(server.requests, ['metadata/4.root.json', 'metadata/timestamp.json']);
			assert.equal(refusalIn(await device.download(['releases/x/absent'])), 'unknown-target');
		}),
	bins: (folder) =>
		withRepository(folder, async (device) => {
			const names = Array.from({ length: 20 }, (_, number) => `files/${number}.txt`);
			assert.equal(refusalIn(await device.download(names)), undefined);
			assert.equal((await device.downloaded('files/7.txt'))?.toString(), 'File 7.\n');
		}),
	plain: (folder) =>
		withRepository(folder, async (device, server) => {
			assert.equal(refusalIn(await device.download(['one.txt', 'folder/two.txt'])), undefined);
			assert.ok(server.requests.includes('targets/folder/two.txt'));
		}),
};

for (const [name, check] of Object.entries(checks)) {
	test(`the golden repository of python-tuf “${name}” is accepted`, () => check(join(golden, name)));
}

test('repositories that python-tuf makes now are accepted', { skip: without }, async () => {
	const folder = await mkdtemp(join(tmpdir(), 'caisson-python-tuf-made-'));
	try {
		const names = await makePythonTufRepositories(folder);
		assert.deepEqual(names, Object.keys(checks));
		for (const name of names) await checks[name]?.(join(folder, name));
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
});

test('a golden repository with one byte changed is refused', async () => {
	await withRepository(join(golden, 'bins'), async (device, server) => {
		server.behave(/1\.bin-/, (_request, response, file) => {
			const changed = Buffer.from(file as Uint8Array);
			changed.write('2127', changed.indexOf('2126'));
			response.end(changed);
		});
		assert.equal(refusalIn(await device.download(['files/1.txt'])), 'arbitrary-metadata');
	});
});
