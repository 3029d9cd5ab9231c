// Fills a small file system with blobs until an upload fails, and checks what is left. Run by itself in a mount
// namespace: `unshare --mount --map-root-user --user node full-disk.ts FOLDER`. It mounts a tmpfs on FOLDER, which goes
// away with the process. Exit code 0: all held; 1: a finding, on stderr; 77: no tmpfs could be mounted here.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertAbsent, pieces, readBlob, refused, sampleBytes, sha256 } from '../../src/artifact/contract.ts';
import { openDiskBlobs } from '../../src/outside/blobs/disk.ts';

export const NO_MOUNT = 77;
const MEGABYTE = 1 << 20;
const plenty = { maximum: 2 ** 30 };

async function main(folder: string): Promise<number> {
	const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'caisson-full-disk', folder]);
	if (mounted.status !== 0) return NO_MOUNT;
	const blobs = await openDiskBlobs(join(folder, 'blobs'));
	const [first, second] = [sampleBytes(3 * MEGABYTE, 1), sampleBytes(4 * MEGABYTE, 2)];
	await blobs.put(sha256(first), pieces(first), plenty);
	const ballast = join(folder, 'ballast');
	writeFileSync(ballast, Buffer.alloc(2 * MEGABYTE));
	for (let again = 0; again < 3; again++) {
		const put = blobs.put(sha256(second), pieces(second), plenty);
		await assert.rejects(put, refused('blobs-unavailable', /the disk is full/));
		await assertAbsent(blobs, sha256(second));
		assert.deepEqual(readdirSync(join(folder, 'blobs', 'incoming')), []);
	}
	assert.ok(Buffer.from((await readBlob(blobs, sha256(first))) ?? []).equals(first));
	rmSync(ballast);
	await blobs.put(sha256(second), pieces(second), plenty);
	assert.ok(Buffer.from((await readBlob(blobs, sha256(second))) ?? []).equals(second));
	return 0;
}

const [, program, folder] = process.argv;
if (program === import.meta.filename && folder !== undefined) process.exitCode = await main(folder);
