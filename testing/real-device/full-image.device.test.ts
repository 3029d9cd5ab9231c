// Debian's own SWUpdate installs a whole image onto a disk: a signed .swu that Caisson packed, named by its digest on
// Caisson's southbound port, through a job; and does not where a byte of it has changed.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobStatus } from '../../src/job/rules/model.ts';
import { whyNoBlockDevices } from './boot.ts';
import { type DeltaTrial, startDeltaTrial } from './delta-trial.ts';
import { startDevice } from './device.ts';
import { createJob, ended, ensureWorkflow, inState, waitForStatus } from './operator.ts';
import { whyNot } from './root.ts';

const reason = (await whyNot()) ?? (await whyNoBlockDevices());
const suite = process.env.CAISSON_DEVICE_SUITE || 'trixie';

describe(`a whole image on SWUpdate of Debian ${suite}`, { skip: reason, concurrency: 2 }, () => {
	let trial: DeltaTrial;
	let update: Uint8Array;

	before(async () => {
		trial = await startDeltaTrial(suite);
		const file = join(trial.folder, 'full.swu');
		const image = { source: trial.newFile, device: '/dev/slot-b', compress: 'zstd', readback: true };
		await trial.updates.packSpecification(file, trial.folder, { images: [image] });
		update = await readFile(file);
		await ensureWorkflow(trial.server.api, 'wfx.workflow.dau.direct');
	});

	after(() => trial?.stop());

	/** Gives a device a job with these bytes. @returns what its disk holds once the job is as wanted and the device has written the line */
	async function installed(
		bytes: Uint8Array,
		wanted: (status: JobStatus) => boolean,
		line: RegExp,
	): Promise<Uint8Array> {
		const [id, workflow] = [`full-${randomUUID()}`, 'wfx.workflow.dau.direct'] as const;
		const uri = trial.server.southbound + (await trial.serve(bytes));
		const job = await createJob(trial.server.api, { clientId: id, workflow, type: 'config', uri });
		const disk = join(trial.folder, id);
		await writeFile(disk, '');
		await truncate(disk, trial.images.new.length + (1 << 20));
		const device = await startDevice({
			...{ root: trial.root, id, server: `${trial.server.southbound}/api/wfx/v1` },
			...{ certificate: trial.updates.certificate, blockDevices: { 'slot-b': disk } },
		});
		try {
			await waitForStatus(trial.server.api, job, wanted);
			await device.waitForLine(line);
		} finally {
			await device.stop();
		}
		return (await readFile(disk)).subarray(0, trial.images.new.length);
	}

	test('a compressed image is on the disk, byte for byte, and was read back', async () => {
		const written = await installed(update, inState('ACTIVATED'), /SWUPDATE successful/);
		assert.ok(Buffer.from(written).equals(trial.images.new), 'the disk does not begin with the image');
	});

	test('an update of which one byte has changed is not installed', async () => {
		const spoilt = Buffer.from(update);
		const middle = spoilt.length >> 1;
		spoilt[middle] = (spoilt[middle] ?? 0) ^ 1;
		const written = await installed(spoilt, ended, /SWUPDATE failed/);
		assert.ok(!Buffer.from(written).equals(trial.images.new), 'it was installed all the same');
	});
});
