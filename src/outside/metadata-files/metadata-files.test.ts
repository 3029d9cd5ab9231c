// What MetadataFiles promises, on a folder and on a real S3 server.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startS3 } from '../../../testing/s3/s3.ts';
import type { MetadataFiles } from '../../trust/store.ts';
import { openDiskMetadata } from './disk.ts';
import { openMetadataFiles } from './open.ts';

const text = (value: string) => new TextEncoder().encode(value);

async function keepsItsPromise(files: MetadataFiles): Promise<void> {
	assert.equal(await files.read('1.root.json'), undefined);
	await files.remove('1.root.json');
	await files.write('1.root.json', text('{"a":1}'));
	await files.write('1.a%2Fb.json', text('{}'));
	assert.equal(new TextDecoder().decode(await files.read('1.root.json')), '{"a":1}');
	await files.write('1.root.json', text('{"a":2,"b":""}'));
	assert.equal(new TextDecoder().decode(await files.read('1.root.json')), '{"a":2,"b":""}');
	assert.equal(new TextDecoder().decode(await files.read('1.a%2Fb.json')), '{}');
	await files.remove('1.root.json');
	assert.equal(await files.read('1.root.json'), undefined);
}

test('a folder keeps metadata; it is made when there is something to keep', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-metadata-'));
	try {
		const inside = join(folder, 'tuf');
		const files = await openMetadataFiles(undefined, inside);
		assert.equal(existsSync(inside), false);
		await keepsItsPromise(files);
		await assert.rejects(files.write('../x.json', text('{}')), /not the name/);
		writeFileSync(join(inside, '.new-1'), 'half');
		await openDiskMetadata(inside);
		assert.deepEqual(readdirSync(inside), ['1.a%2Fb.json']);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
});

test('a bucket keeps metadata', async () => {
	const s3 = await startS3();
	const files = await openMetadataFiles(s3.address('some prefix'), '/nowhere');
	try {
		await keepsItsPromise(files);
	} finally {
		files.close();
		await s3.stop();
	}
});
