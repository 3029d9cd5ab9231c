import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { type Comparison, compareWithDevice } from './comparison.ts';

/** Compares a package of two files with what a device holds. */
async function compare(device: Readonly<Record<string, string>>): Promise<Comparison> {
	const folder = await mkdtemp(join(tmpdir(), 'caisson-comparison-'));
	try {
		await mkdir(join(folder, 'usr'));
		await writeFile(join(folder, 'usr/one'), 'hello');
		await writeFile(join(folder, 'usr/two'), '');
		const onDevice = async (path: string) => {
			const content = device[path];
			return content === undefined ? undefined : new TextEncoder().encode(content);
		};
		return await compareWithDevice({ folder, paths: ['usr/one', 'usr/two'], onDevice });
	} finally {
		await rm(folder, { recursive: true });
	}
}

test('a device that holds every byte has no findings', async () => {
	assert.deepEqual(await compare({ 'usr/one': 'hello', 'usr/two': '' }), { files: 2, bytes: 5, findings: [] });
});

test('a changed byte is found, with its place', async () => {
	const { findings } = await compare({ 'usr/one': 'hallo', 'usr/two': '' });
	assert.deepEqual(findings, [{ path: 'usr/one', finding: 'differs from byte 1 on' }]);
});

test('a missing file and a longer one are found', async () => {
	const { findings } = await compare({ 'usr/two': 'more' });
	assert.deepEqual(findings, [
		{ path: 'usr/one', finding: 'is not there' },
		{ path: 'usr/two', finding: 'has 4 bytes, the package’s has 0' },
	]);
});
