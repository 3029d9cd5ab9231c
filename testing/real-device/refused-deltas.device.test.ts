// What Debian's own SWUpdate does with deltas that were damaged, and with servers that answer badly. Where the stock program
// reports success for an update that is not there, both are shown: that it does, and that the readback which Caisson's
// packing adds turns it into a failure.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type DeltaTrial, startDeltaTrial } from './delta-trial.ts';
import {
	type Chunked,
	chunkWithCaisson,
	deltaImage,
	rdiffDelta,
	rdiffImage,
	readback,
	slots,
} from './delta-updates.ts';
import { startDevice } from './device.ts';
import type { InstallationOutcome } from './install.ts';
import { createJob, ended, ensureWorkflow, waitForStatus } from './operator.ts';
import { programsMissing } from './programs.ts';
import type { CountingProxy, Fault } from './proxy.ts';
import { whyNot } from './root.ts';
import { updateMaker } from './updates.ts';

const reason = (await whyNot()) ?? (await programsMissing(['rdiff']));
const suite = process.env.CAISSON_DEVICE_SUITE || 'trixie';

// The words of 2024.12, and of 2026.05.
const notInstalled = /(Image invalid or corrupted|Error happened)\. Not installing/;

describe(`damaged deltas on SWUpdate of Debian ${suite}`, { skip: reason, concurrency: 2 }, () => {
	let trial: DeltaTrial;
	let chunked: Chunked;
	let whole: Uint8Array;
	let path: string;

	before(async () => {
		trial = await startDeltaTrial(suite);
		chunked = await chunkWithCaisson(trial.newFile);
		whole = await readFile(chunked.file);
		path = await trial.serve(whole);
		await ensureWorkflow(trial.server.api, 'wfx.workflow.dau.direct');
	});

	after(() => trial?.stop());

	const header = () => whole.subarray(0, chunked.header);
	const log = ({ lines }: InstallationOutcome) => lines.slice(-30).join('\n');
	const errors = ({ lines }: InstallationOutcome) => lines.filter((line) => line.startsWith('[ERROR]'));

	function assertRefused(outcome: InstallationOutcome, why: RegExp): void {
		assert.equal(outcome.code, 1, log(outcome));
		assert.ok(
			errors(outcome).some((line) => why.test(line)),
			errors(outcome).join('\n'),
		);
		assert.ok(!holdsNew(outcome), 'slot B holds the new image');
	}

	function holdsNew({ held }: InstallationOutcome): boolean {
		return Buffer.from(held[slots.b] ?? []).equals(trial.images.new);
	}

	/** Installs the true delta from this address. */
	function installFrom(url: string, limit = 60_000): Promise<InstallationOutcome> {
		const { attributes, properties } = deltaImage({ url, maxRanges: 20 });
		const image = { source: chunked.file, ...attributes, properties };
		return trial.installOnce({ specification: { images: [image] } }, { limit });
	}

	/** Lays a file into the server's folder of plain downloads. @returns its path on the southbound port */
	async function download(bytes: Uint8Array): Promise<string> {
		const name = `${randomUUID()}.zck`;
		await writeFile(join(trial.server.downloads, name), bytes);
		return `/download/${name}`;
	}

	async function withFault(fault: Fault): Promise<{ outcome: InstallationOutcome; proxy: CountingProxy }> {
		const proxy = await trial.newProxy();
		proxy.fault = fault;
		return { outcome: await installFrom(proxy.address + path), proxy };
	}

	describe('zchunk', { concurrency: 2 }, () => {
		test('a chunk that was changed on the server is refused by its hash', async () => {
			const spoilt = Buffer.from(whole);
			// All chunks: some of them the device does not ask for.
			for (let at = chunked.header; at < spoilt.length; at += 4096) spoilt[at] = (spoilt[at] ?? 0) ^ 1;
			assertRefused(await installFrom(trial.server.southbound + (await download(spoilt))), /Delta Update fails/);
		});

		test('a chunk that is changed on the way is refused by its hash', async () => {
			const { outcome } = await withFault({ flip: 5000 });
			assertRefused(outcome, /Delta Update fails/);
		});

		test('a server that ignores ranges is refused, and the whole file is not downloaded instead', async () => {
			const { outcome, proxy } = await withFault('ignore-range');
			assertRefused(outcome, /Delta Update fails/);
			assert.equal(proxy.exchanges.length, 1);
		});

		test('a file of which the server has only the beginning is refused without a crash', async () => {
			const cut = await download(header());
			assertRefused(await installFrom(trial.server.southbound + cut), /Delta Update fails/);
		});

		test('a file that was cut off in its middle is not installed, and Caisson does not pack its address', async () => {
			const bytes = whole.subarray(0, whole.length >> 1);
			const proxy = await trial.newProxy();
			const outcome = await installFrom(proxy.address + (await download(bytes)), 3000);
			assert.ok(!holdsNew(outcome));
			if (trial.root.swupdateVersion.startsWith('2024.')) {
				// It takes what there is and asks for the rest again, at once, without end. No answer that HTTP allows stops it.
				assert.equal(outcome.code, undefined, log(outcome));
				assert.ok(proxy.exchanges.length > 20, `${proxy.exchanges.length} requests`);
			} else {
				assertRefused(outcome, /Delta Update fails/);
			}
			const stored = await trial.serve(bytes);
			await assert.rejects(installFrom(trial.server.southbound + stored), { code: 'delta-wrong' });
		});

		test('a server that dies in the middle of an answer is a failure at once, without a wrong retry', async () => {
			const { outcome, proxy } = await withFault({ cutAfter: 20_000 });
			assertRefused(outcome, /Delta Update fails/);
			assert.equal(proxy.exchanges.length, 1);
		});

		test('a header that was shortened before it was signed is success to SWUpdate alone, failure with readback', async () => {
			const short = header().subarray(0, chunked.header - 10);
			const image = deltaImage({ url: trial.server.southbound + path });
			const alone = await trial.installOnce({ byHand: { image, payload: short } });
			assert.equal(alone.code, 0, log(alone));
			assert.ok(!holdsNew(alone), 'the stock program installed it after all');
			const scripts = [readback(trial.images.new)];
			assertRefused(await trial.installOnce({ byHand: { image, payload: short, scripts } }), /readback|Readback/i);
		});

		test('a header that was changed after it was signed is refused', async () => {
			const packed = Buffer.from(header());
			packed[200] = (packed[200] ?? 0) ^ 1;
			const image = deltaImage({ url: trial.server.southbound + path });
			assertRefused(await trial.installOnce({ byHand: { image, payload: header(), packed } }), notInstalled);
		});

		test('a delta that somebody else signed is refused', async () => {
			const { certificate } = await updateMaker(join(trial.folder, 'other-keys'));
			const image = deltaImage({ url: trial.server.southbound + path });
			const outcome = await trial.installOnce({ byHand: { image, payload: header() } }, { certificate });
			assertRefused(outcome, /Signature verification failed|signature/i);
		});

		test('a job whose server dies in the middle of an answer ends, and nothing is installed', async () => {
			const proxy = await trial.newProxy();
			proxy.fault = { cutAfter: 20_000 };
			const { attributes, properties } = deltaImage({ url: proxy.address + path });
			const specification = { images: [{ source: chunked.file, ...attributes, properties }] };
			await trial.updates.packSpecification(join(trial.server.downloads, 'dies.swu'), trial.folder, specification);
			const id = `dies-${randomUUID()}`;
			const uri = `${trial.server.southbound}/download/dies.swu`;
			const job = await createJob(trial.server.api, {
				...{ clientId: id, workflow: 'wfx.workflow.dau.direct', type: 'config', uri },
			});
			const device = await startDevice({
				...{ root: trial.root, id, server: `${trial.server.southbound}/api/wfx/v1` },
				certificate: trial.updates.certificate,
				files: { [slots.a]: { copyOf: trial.oldFile }, [slots.b]: new Uint8Array(trial.images.new.length) },
			});
			try {
				const { status } = await waitForStatus(trial.server.api, job, ended);
				if (status.state === 'TERMINATED') assert.match(status.message ?? '', /Error installing artifact/);
				await device.waitForLine(/Delta Update fails/);
				const held = await device.readFile(slots.b);
				assert.ok(!Buffer.from(held ?? []).equals(trial.images.new));
			} finally {
				await device.stop();
			}
		});
	});

	describe('rdiff', { concurrency: 2 }, () => {
		let delta: Uint8Array;
		let deltaFile: string;

		before(async () => {
			deltaFile = join(trial.folder, 'new.rdiff');
			delta = await rdiffDelta(trial.oldFile, trial.newFile, deltaFile);
		});

		/** A slot A that is not the base: one byte of it, copied by the delta, has changed. */
		const otherBase = async () => {
			const base = await readFile(trial.oldFile);
			base[3] = (base[3] ?? 0) ^ 1;
			return { [slots.a]: base, [slots.b]: new Uint8Array(trial.images.new.length) };
		};

		for (const compress of [undefined, 'zstd', 'zlib'] as const) {
			test(`a delta on its base, ${compress ?? 'not'} compressed, gives the new image`, async () => {
				const { attributes, properties } = rdiffImage();
				const proven = { base: trial.oldFile, result: trial.newFile, ...(compress && { compress }) };
				const image = { source: deltaFile, ...attributes, properties, ...proven };
				const outcome = await trial.installOnce({ specification: { images: [image] } });
				assert.equal(outcome.code, 0, log(outcome));
				assert.ok(holdsNew(outcome), 'slot B is not the new image');
			});
		}

		test('a delta on another base is success to SWUpdate alone, failure with readback', async () => {
			const files = await otherBase();
			const byHand = { image: rdiffImage(), payload: delta };
			const alone = await trial.installOnce({ byHand }, { files });
			assert.equal(alone.code, 0, log(alone));
			assert.ok(!holdsNew(alone), 'the wrong base gave the new image');
			const scripts = [readback(trial.images.new)];
			assertRefused(await trial.installOnce({ byHand: { ...byHand, scripts } }, { files }), /readback/i);
		});

		test('a delta that was cut off before it was signed is success to SWUpdate alone, failure with readback', async () => {
			const byHand = { image: rdiffImage(), payload: delta.subarray(0, delta.length - 500) };
			const alone = await trial.installOnce({ byHand });
			assert.equal(alone.code, 0, log(alone));
			assert.ok(!holdsNew(alone), 'the cut delta gave the new image');
			const scripts = [readback(trial.images.new)];
			assertRefused(await trial.installOnce({ byHand: { ...byHand, scripts } }), /readback/i);
		});

		test('a delta that was changed after it was signed is refused', async () => {
			const packed = Buffer.from(delta);
			packed[packed.length >> 1] = (packed[packed.length >> 1] ?? 0) ^ 1;
			assertRefused(await trial.installOnce({ byHand: { image: rdiffImage(), payload: delta, packed } }), notInstalled);
		});

		test('Caisson refuses to pack a delta for another base, and one that was cut off', async () => {
			const { attributes, properties } = rdiffImage();
			const cut = join(trial.folder, 'cut.rdiff');
			await writeFile(cut, delta.subarray(0, delta.length - 500));
			const image = { ...attributes, properties, result: trial.newFile };
			const pack = (more: object) =>
				trial.updates.packSpecification(join(trial.folder, 'refused.swu'), trial.folder, {
					images: [{ ...image, ...more }],
				});
			await assert.rejects(pack({ source: deltaFile, base: trial.newFile }), { code: 'delta-wrong' });
			await assert.rejects(pack({ source: cut, base: trial.oldFile }), { code: 'delta-wrong' });
		});
	});
});
