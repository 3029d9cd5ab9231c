// A delta of real size: two images of a Debian device that differ by one package (made once, some minutes, kept in the user's
// cache), the .zck written by Caisson, packed, served, and installed by Debian's own SWUpdate. The device ends with the
// new image and downloads hardly more than zchunk's own program says; never the whole file.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { saidByZck } from '../../bench/delta/downloads.ts';
import { pairPrograms, preparePair } from '../../bench/delta/image-pair.ts';
import { realDownload } from '../../bench/delta/real-download.ts';
import { whyNoBlockDevices } from '../../testing/real-device/boot.ts';
import { chunkWithCaisson } from '../../testing/real-device/delta-updates.ts';
import { programsMissing } from '../../testing/real-device/programs.ts';
import { whyNot } from '../../testing/real-device/root.ts';

const programs = ['zck', 'zck_delta_size', 'zck_read_header', 'time', ...pairPrograms.map(([program]) => program)];
const reason = (await whyNot()) ?? (await whyNoBlockDevices()) ?? (await programsMissing(programs));

test('a device downloads at most 1.02 times what zck_delta_size says of a package upgrade', {
	skip: reason,
}, async (context) => {
	const note = (line: string) => context.diagnostic(line);
	const pair = await preparePair(note);
	const folder = await mkdtemp(join(tmpdir(), 'caisson-real-image-'));
	try {
		for (const kind of ['uncompressed', 'zstd'] as const) {
			const images = pair.images[kind];
			const said = await saidByZck(images, pair.folder, note);
			const { file, size } = await chunkWithCaisson(images.new, join(folder, `${kind}.zck`));
			const { update, ranges, took } = await realDownload(join(folder, kind), images, file);
			note(`${kind}: ${update + ranges} bytes for ${said}, of ${size}, in ${took.toFixed(1)} s`);
			assert.ok(update + ranges <= 1.02 * said, `${update + ranges} bytes; zck_delta_size says ${said}`);
		}
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
});
