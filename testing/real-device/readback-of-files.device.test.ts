// The readback that packing adds for results that are plain files: a zchunk delta through rawfile, and rdiff_file, on
// Debian's SWUpdate. It leaves out images on devices (the tests of deltas).

import assert from 'node:assert/strict';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { makeDelta } from '../../src/update/delta/rdiff.ts';
import { type DeltaTrial, startDeltaTrial } from './delta-trial.ts';
import { chunkWithCaisson, slots } from './delta-updates.ts';
import { programsMissing } from './programs.ts';
import { whyNot } from './root.ts';

const reason = (await whyNot()) ?? (await programsMissing(['rdiff']));
const suite = process.env.CAISSON_DEVICE_SUITE || 'trixie';

describe(`files that SWUpdate of Debian ${suite} reads back`, { skip: reason }, () => {
	let trial: DeltaTrial;
	let delta: string;
	before(async () => {
		trial = await startDeltaTrial(suite);
		delta = join(trial.folder, 'new.rdiff');
		const file = await open(delta, 'wx');
		await makeDelta(trial.oldFile, trial.newFile, async (bytes) => void (await file.writeFile(bytes)));
		await file.close();
	});
	after(() => trial?.stop());

	const rdiffFile = (more: object = {}) => ({
		files: [{ type: 'rdiff_file', source: delta, base: trial.oldFile, result: trial.newFile, path: slots.a, ...more }],
	});

	test('a zchunk delta through rawfile', async () => {
		const proxy = await trial.newProxy();
		const { file } = await chunkWithCaisson(trial.newFile);
		const url = proxy.address + (await trial.serve(await readFile(file)));
		const properties = { url, source: slots.a, chain: 'rawfile', zckloglevel: 'error' };
		const outcome = await trial.installOnce({
			specification: { files: [{ type: 'delta', source: file, path: slots.b, properties }] },
		});
		await rm(file);
		assert.equal(outcome.code, 0, outcome.lines.slice(-30).join('\n'));
		assert.ok(Buffer.from(outcome.held[slots.b] ?? []).equals(trial.images.new));
		assert.match(outcome.lines.join('\n'), /Readback verification success/);
	});

	test('rdiff_file on its base', async () => {
		const outcome = await trial.installOnce({ specification: rdiffFile({ compress: 'zstd' }) });
		assert.equal(outcome.code, 0, outcome.lines.slice(-30).join('\n'));
		assert.ok(Buffer.from(outcome.held[slots.a] ?? []).equals(trial.images.new));
	});

	test('rdiff_file on another base fails, and without readback it would not', async () => {
		const other = Buffer.from(trial.images.old);
		// Where both images are the same, so that the delta copies it.
		for (let at = 0; at < other.length; at += 4096) other[at + 7] = (other[at + 7] as number) ^ 1;
		const files = { [slots.a]: other };
		const wanted = [slots.a];
		const guarded = await trial.installOnce({ specification: rdiffFile() }, { files, wanted });
		assert.notEqual(guarded.code, 0);
		assert.match(guarded.lines.join('\n'), /Readback verification failed/);
		const blind = await trial.installOnce({ specification: rdiffFile({ readback: false }) }, { files, wanted });
		assert.equal(blind.code, 0);
		assert.ok(!Buffer.from(blind.held[slots.a] ?? []).equals(trial.images.new));
	});
});
