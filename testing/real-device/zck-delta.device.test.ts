// Debian's own SWUpdate installs zchunk deltas whose ranges come from Caisson's own server: the bytes that end up in the
// device, and the bytes that the server sent for them beside what zchunk's own program predicts.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { copyFile, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { whyNoBlockDevices } from './boot.ts';
import { asked, type DeltaTrial, startDeltaTrial } from './delta-trial.ts';
import { type Chunked, chunkWithCaisson, chunkWithZck, deltaImage, deltaSize, slots } from './delta-updates.ts';
import { startDevice } from './device.ts';
import { createJob, ensureWorkflow, inState, waitForStatus } from './operator.ts';
import { programsMissing } from './programs.ts';
import type { Exchange } from './proxy.ts';
import { whyNot } from './root.ts';

const reason = (await whyNot()) ?? (await programsMissing(['zck', 'zck_delta_size', 'zck_read_header']));
const noBlockDevices = await whyNoBlockDevices();
const suite = process.env.CAISSON_DEVICE_SUITE || 'trixie';

interface Served extends Chunked {
	/** On the server's southbound port. */
	readonly path: string;
	/** What zck_delta_size says. */
	readonly predicted: number;
}

describe(`zchunk deltas on SWUpdate of Debian ${suite}`, { skip: reason, concurrency: 2 }, () => {
	let trial: DeltaTrial;
	let ours: Served;
	let zcks: Served;

	before(async () => {
		trial = await startDeltaTrial(suite);
		ours = await served(chunkWithCaisson);
		zcks = await served(chunkWithZck);
		await ensureWorkflow(trial.server.api, 'wfx.workflow.dau.direct');
	});

	after(() => trial?.stop());

	async function served(chunk: (image: string) => Promise<Chunked>): Promise<Served> {
		const [old, chunked] = [await chunk(trial.oldFile), await chunk(trial.newFile)];
		const path = await trial.serve(await readFile(chunked.file));
		return { ...chunked, path, predicted: await deltaSize(old.file, chunked.file) };
	}

	/** What the answers to requests for ranges were, with the header that came in the .swu. */
	function assertDownload({ path, header, predicted, size }: Served, exchanges: readonly Exchange[]): void {
		const fetched = exchanges.filter((exchange) => exchange.path === path);
		const requests = fetched.map(({ range }) => asked(range));
		assert.ok(fetched.every(({ status, range }) => status === 206 && range !== undefined));
		const ranges = requests.reduce((sum, one) => sum + one.ranges, 0);
		assert.ok(ranges > 20, `${ranges} ranges are too few to show anything`);
		const bytes = requests.reduce((sum, one) => sum + one.bytes, 0);
		assert.equal(header + bytes, predicted);
		// All that the server sent: status line and headers of an answer, head and tail of each part. Never the whole file.
		const wire = fetched.reduce((sum, exchange) => sum + exchange.wire, 0);
		assert.ok(wire <= bytes + 600 * fetched.length + 150 * ranges, `${wire} bytes for ${bytes} in ${ranges} ranges`);
		assert.ok(wire < size / 2, 'it would nearly have been the whole file');
	}

	async function assertInstalls(chunked: Served, maxRanges: number): Promise<void> {
		const proxy = await trial.newProxy();
		const { attributes, properties } = deltaImage({ url: proxy.address + chunked.path, maxRanges });
		const image = { source: chunked.file, ...attributes, properties };
		const outcome = await trial.installOnce({ specification: { images: [image] } });
		assert.equal(outcome.code, 0, outcome.lines.slice(-30).join('\n'));
		assert.ok(Buffer.from(outcome.held[slots.b] ?? []).equals(trial.images.new), 'slot B is not the new image');
		assert.ok(Buffer.from(outcome.held[slots.a] ?? []).equals(trial.images.old), 'slot A has changed');
		assert.ok(proxy.exchanges.every(({ range }) => asked(range).ranges <= maxRanges));
		assertDownload(chunked, proxy.exchanges);
	}

	for (const maxRanges of [1, 20, 150]) {
		const title = `with max-ranges ${maxRanges} the device downloads what zck_delta_size says, and holds the new image`;
		test(title, () => assertInstalls(ours, maxRanges));
	}

	test('a .zck that Debian’s zck has made is installed all the same', () => assertInstalls(zcks, 20));

	test('a job updates a device whose disks are longer than the image, and its progress is folded', {
		skip: noBlockDevices,
	}, async () => {
		const proxy = await trial.newProxy();
		const [a, b] = [join(trial.folder, 'disk-a'), join(trial.folder, 'disk-b')];
		await copyFile(trial.oldFile, a);
		await truncate(a, trial.images.old.length + (4 << 20));
		await copyFile(trial.oldFile, b);
		await truncate(b, trial.images.new.length + (4 << 20));
		const place = { url: proxy.address + ours.path, from: '/dev/slot-a', to: '/dev/slot-b', maxRanges: 20 };
		const { attributes, properties } = deltaImage(place);
		const update = join(trial.server.downloads, 'delta.swu');
		const specification = { images: [{ source: ours.file, ...attributes, properties }] };
		await trial.updates.packSpecification(update, trial.folder, specification);
		const id = `delta-${randomUUID()}`;
		const uri = `${proxy.address}/download/delta.swu`;
		const workflow = 'wfx.workflow.dau.direct';
		const job = await createJob(trial.server.api, { clientId: id, workflow, type: 'config', uri });
		const device = await startDevice({
			...{ root: trial.root, id, server: `${proxy.address}/api/wfx/v1`, certificate: trial.updates.certificate },
			blockDevices: { 'slot-a': a, 'slot-b': b },
		});
		try {
			const done = await waitForStatus(trial.server.api, job, inState('ACTIVATED'));
			assertDownload(ours, proxy.exchanges);
			const reports = proxy.exchanges.filter(({ method }) => method === 'PUT').length;
			// SWUpdate 2024.12 counts 0 to 100 for every chunk anew: the history keeps what an operator can read.
			assert.ok(reports > 20, `${reports} reports are too few to show anything`);
			assert.ok((done.history ?? []).length <= 20, `${done.history?.length} entries for ${reports} reports`);
		} catch (error) {
			console.error(device.lines.slice(-60).join('\n'));
			throw error;
		} finally {
			await device.stop();
		}
		const written = (await readFile(b)).subarray(0, trial.images.new.length);
		assert.ok(written.equals(trial.images.new), 'the disk does not begin with the new image');
	});
});
