// Repositories that python-tuf made are taken over: devices that knew them before go on with what this server publishes;
// and what is refused, with nothing stored.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openTemporary } from '../../../testing/database/temporary-database.ts';
import { testKey } from '../../../testing/tuf-documents/documents.ts';
import type { Oracle } from '../../../testing/tuf-oracles/oracle.ts';
import { pythonTuf, pythonTufRoot, whyNoPythonTuf } from '../../../testing/tuf-oracles/python-tuf.ts';
import { tufJs } from '../../../testing/tuf-oracles/tuf-js.ts';
import { folderSource, startFileServer } from '../../../testing/tuf-repository/server.ts';
import { openService, type TestService, targetOf } from '../../../testing/tuf-service/service.ts';
import { adoptRepository, readImport } from './adopt.ts';

const testdata = fileURLToPath(new URL('../../../testdata/trust/', import.meta.url));
const rstuf = join(testdata, 'import/rstuf');
const oracles: Record<string, () => Promise<Oracle>> = { 'tuf-js': async () => tufJs() };
const skip = await whyNoPythonTuf();
if (skip === undefined) oracles['python-tuf'] = async () => pythonTuf(await pythonTufRoot(console.error));
else test('python-tuf goes on after an import', { skip }, () => {});

async function filesOf(folder: string): Promise<Map<string, Uint8Array>> {
	const names = await readdir(folder);
	return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)));
}

async function withService(use: (service: TestService) => Promise<void>, signers = [testKey('server')]): Promise<void> {
	const database = await openTemporary();
	const service = await openService(database.storage, { signers });
	try {
		await use(service);
	} finally {
		service.close();
		await database.destroy();
	}
}

for (const [name, start] of Object.entries(oracles)) {
	test(`${name} goes on after an import from the state that it had before`, async () => {
		const state = mkdtempSync(join(tmpdir(), 'caisson-import-'));
		const oracle = await start();
		const root = await readFile(join(rstuf, '1.root.json'));
		const before = await startFileServer(folderSource(rstuf));
		try {
			const urls = { metadataUrl: before.url, targetUrl: before.url };
			const known = await oracle({ ...urls, root, folder: state });
			assert.deepEqual([known.error, known.versions.timestamp, known.versions.snapshot], [null, 9, 7]);
			await withService(async (service) => {
				const adopted = await adoptRepository(service.world, await filesOf(rstuf), 'test');
				assert.deepEqual(
					[adopted.root, adopted.roles, adopted.targets, adopted.published?.timestamp, adopted.unpublished],
					[2, 12, 20, 10, undefined],
				);
				await service.put(['files/new.txt']);
				await service.remove(['files/3.txt']);
				await service.publisher.publish('test');
				const targets = ['files/0.txt', 'files/3.txt', 'files/new.txt'];
				const { error, versions, targets: found } = await service.seen(oracle, { root, state, targets });
				assert.equal(error, null);
				assert.deepEqual([versions.root, versions.timestamp, versions.snapshot], [2, 11, 9]);
				assert.deepEqual(found, {
					'files/0.txt': targetOf('files/0.txt').hashes.sha256,
					'files/3.txt': null,
					'files/new.txt': targetOf('files/new.txt').hashes.sha256,
				});
			});
		} finally {
			await before.close();
			rmSync(state, { recursive: true, force: true });
		}
	});
}

test('fields that no specification names, versions and custom are kept', async () => {
	await withService(async ({ world, files }) => {
		await adoptRepository(world, await filesOf(rstuf), 'test');
		const read = async (name: string) => JSON.parse(new TextDecoder().decode(await files.read(name)));
		assert.deepEqual((await read('4.targets.json')).signed['x-rstuf-note'], { of: 'targets' });
		assert.deepEqual((await read('8.snapshot.json')).signed['x-rstuf-note'], { of: 'snapshot' });
		assert.deepEqual(await files.read('2.root.json'), await readFile(join(rstuf, '2.root.json')));
		assert.ok(await files.read('6.bins-0.json'));
		const target = await world.storage.trust.target('files/7.txt');
		assert.deepEqual(JSON.parse(target?.published ?? '').custom, { added_by_task_id: 7 });
		assert.equal(target?.wanted, target?.published);
	});
});

test('without the online key it is refused by the ids of the keys that are missing, and nothing is stored', async () => {
	await withService(
		async ({ world }) => {
			const keyid = testKey('server').keyid;
			await assert.rejects(adoptRepository(world, await filesOf(rstuf), 'test'), {
				code: 'trust-role-refused',
				message: new RegExp(`timestamp.*--trust-key.*${keyid}`),
			});
			assert.deepEqual(await world.storage.trust.roles(), []);
		},
		[testKey('another')],
	);
});

test('what a device would refuse is refused, and so is what is not whole', async () => {
	await withService(async ({ world }) => {
		const files = await filesOf(rstuf);
		const without = (name: string) => new Map([...files].filter(([one]) => one !== name));
		const changed = (name: string, from: string, to: string) => {
			const text = new TextDecoder().decode(files.get(name)).replace(from, to);
			return new Map([...files, [name, new TextEncoder().encode(text)] as const]);
		};
		const refused = (given: ReadonlyMap<string, Uint8Array>, code: string, message: RegExp) =>
			assert.rejects(adoptRepository(world, given, 'test'), { code, message });
		await refused(new Map(), 'trust-import-refused', /no root/);
		await refused(without('1.root.json'), 'trust-import-refused', /does not begin with 1\.root\.json/);
		await refused(without('7.snapshot.json'), 'trust-import-refused', /"7\.snapshot\.json" is missing/);
		await refused(without('5.bins-3.json'), 'trust-import-refused', /"5\.bins-3\.json" is missing/);
		await refused(changed('5.bins-3.json', '2126-', '2127-'), 'trust-signature-threshold', /bins-3/);
		await refused(changed('timestamp.json', '"version":9', '"version":8'), 'trust-signature-threshold', /timestamp/);
		const plain = await filesOf(join(testdata, 'python-tuf/plain/metadata'));
		await refused(plain, 'trust-import-refused', /consistent snapshots/);
		assert.deepEqual(await world.storage.trust.roles(), []);
		await adoptRepository(world, files, 'test');
		await refused(files, 'trust-import-refused', /already/);
	});
});

test('the lines of an import are read, and others refused by their number', () => {
	const line = (value: unknown) => `${JSON.stringify(value)}\n`;
	const files = readImport(new TextEncoder().encode(line({ name: 'a', text: '{"ü":1}' })));
	assert.equal(new TextDecoder().decode(files.get('a')), '{"ü":1}');
	for (const bad of ['{', '[]', 'null', '{"name":1,"text":""}']) {
		const bytes = new TextEncoder().encode(`${line({ name: 'a', text: '' })}${bad}`);
		assert.throws(() => readImport(bytes), { code: 'request-invalid', message: /line 2/ });
	}
	assert.throws(() => readImport(new Uint8Array([0xff])), { code: 'request-invalid' });
});
