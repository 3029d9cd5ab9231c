// Debian's own SWUpdate against Caisson's own server: the flows that an operator relies on, from job to installed bytes.
// The root's suite is CAISSON_DEVICE_SUITE, by default trixie; CAISSON_DEVICE_EXPIRED=1 takes it from a mirror that stands
// still. Devices run side by side.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ServerProcess, startServer } from '../../programs/main-job/server-process.ts';
import type { JobStatus } from '../../src/job/rules/model.ts';
import { type Device, startDevice } from './device.ts';
import {
	approve,
	changeDefinition,
	createJob,
	definitionFor,
	ended,
	ensureWorkflow,
	inState,
	readJob,
	waitForStatus,
} from './operator.ts';
import { type DeviceRoot, prepareRoot, whyNot } from './root.ts';
import { trialFiles, type UpdateFile, type UpdateMaker, updateMaker } from './updates.ts';

const reason = await whyNot();
const suite = process.env.CAISSON_DEVICE_SUITE || 'trixie';

describe(`SWUpdate of Debian ${suite}`, { skip: reason, concurrency: true }, () => {
	let folder: string;
	let root: DeviceRoot;
	let server: ServerProcess;
	let updates: UpdateMaker;
	const files = trialFiles();

	before(async () => {
		folder = await mkdtemp(join(tmpdir(), 'caisson-device-test-'));
		const expired = process.env.CAISSON_DEVICE_EXPIRED === '1';
		root = await prepareRoot({ suite, expired, note: (line) => console.error(line) });
		updates = await updateMaker(join(folder, 'keys'));
		server = await startServer({ data: join(folder, 'data') });
		await ensureWorkflow(server.api, 'wfx.workflow.dau.direct');
		await ensureWorkflow(server.api, 'wfx.workflow.dau.phased');
		await updates.pack(join(server.downloads, 'files.swu'), files);
		await updates.pack(join(server.downloads, 'firmware.swu'), files, { bootpart: '2' });
	});

	after(async () => {
		await server?.stop();
		await rm(folder, { recursive: true, force: true });
	});

	const download = (name: string) => `${server.southbound}/download/${name}`;
	// "to reboot" until 2024.12, "to activate" in 2026.05.
	const waitsForReboot = (status: JobStatus) => /^Update installed\. Notifying/.test(status.message ?? '');

	/** Runs one test with a device of its own. Where the test fails, the device's log is printed. */
	async function withDevice(id: string, use: (device: Device) => Promise<void>): Promise<void> {
		const device = await startDevice({
			root,
			id,
			server: `${server.southbound}/api/wfx/v1`,
			certificate: updates.certificate,
			environment: { bootpart: '1', ustate: '0' },
		});
		try {
			const died = device.died.then((words) => Promise.reject(new Error(words)));
			await Promise.race([use(device), died]);
		} catch (error) {
			console.error(`device ${id}:\n${device.lines.slice(-60).join('\n')}`);
			throw error;
		} finally {
			await device.stop();
		}
	}

	async function assertHolds(device: Device, expected: readonly UpdateFile[]): Promise<void> {
		for (const { path, content } of expected) {
			const found = await device.readFile(path);
			assert.ok(found !== undefined, `${device.id} has no ${path}`);
			assert.ok(Buffer.from(found).equals(content), `${path} differs on ${device.id}`);
		}
	}

	test('firmware whose reboot succeeds ends ACTIVATED, with the boot loader set to the new part', async () => {
		const id = `firmware-good-${randomUUID()}`;
		const workflow = 'wfx.workflow.dau.direct';
		const job = await createJob(server.api, {
			clientId: id,
			workflow,
			type: 'firmware',
			uri: download('firmware.swu'),
		});
		await withDevice(id, async (device) => {
			await waitForStatus(server.api, job, waitsForReboot);
			const waiting = await device.environment();
			assert.deepEqual([waiting.get('bootpart'), waiting.get('ustate')], ['2', '1']);
			await device.reboot('ok');
			const done = await waitForStatus(server.api, job, inState('ACTIVATED'));
			assert.match(done.status.message ?? '', /activation SUCCESSFUL/);
			assert.equal((await device.environment()).get('ustate'), '0');
			await assertHolds(device, files);
		});
	});

	test('firmware whose reboot fails ends TERMINATED', async () => {
		const id = `firmware-bad-${randomUUID()}`;
		const workflow = 'wfx.workflow.dau.direct';
		const job = await createJob(server.api, {
			clientId: id,
			workflow,
			type: 'firmware',
			uri: download('firmware.swu'),
		});
		await withDevice(id, async (device) => {
			await waitForStatus(server.api, job, waitsForReboot);
			await device.reboot('failed');
			const done = await waitForStatus(server.api, job, inState('TERMINATED'));
			assert.match(done.status.message ?? '', /activation FAILED/);
			assert.equal((await device.environment()).get('ustate'), '0');
		});
	});

	test('files that need no reboot are activated at once, byte for byte', async () => {
		const id = `files-${randomUUID()}`;
		const workflow = 'wfx.workflow.dau.direct';
		const job = await createJob(server.api, { clientId: id, workflow, type: 'config', uri: download('files.swu') });
		await withDevice(id, async (device) => {
			await waitForStatus(server.api, job, inState('ACTIVATED'));
			await assertHolds(device, files);
			assert.equal((await device.environment()).get('ustate'), '0');
		});
	});

	test('in the phased workflow the device waits for the operator before download and before installation', async () => {
		const id = `phased-${randomUUID()}`;
		const workflow = 'wfx.workflow.dau.phased';
		const job = await createJob(server.api, { clientId: id, workflow, type: 'config', uri: download('files.swu') });
		await withDevice(id, async (device) => {
			await device.waitForLine(/No pending action/);
			assert.equal((await readJob(server.api, job)).status.state, 'CREATED');
			await approve(server.api, job, 'DOWNLOAD');
			await waitForStatus(server.api, job, inState('DOWNLOADED'));
			assert.equal(await device.readFile('/opt/trial/greeting.txt'), undefined);
			await approve(server.api, job, 'INSTALL');
			await waitForStatus(server.api, job, inState('ACTIVATED'));
			await assertHolds(device, files);
		});
	});

	test('a missing artifact ends the job, and the device’s log says why', async () => {
		const id = `missing-${randomUUID()}`;
		const workflow = 'wfx.workflow.dau.direct';
		const job = await createJob(server.api, { clientId: id, workflow, type: 'config', uri: download('absent.swu') });
		await withDevice(id, async (device) => {
			const { status } = await waitForStatus(server.api, job, ended);
			// The log is the proof: now and then the stock client reports success all the same (see `ended`), without its log.
			let lines: unknown = device.lines;
			if (status.state === 'TERMINATED') {
				assert.match(status.message ?? '', /Error installing artifact 1\/1/);
				lines = status.context?.lines;
			}
			assert.ok(Array.isArray(lines), 'the context has no lines');
			// 2024.12 names the answer 404 in most runs; otherwise it says, as 2026.05 does, that no archive came.
			const why = /HTTP error code 404|Cannot read CPIO header|CPIO (Header|Format)/;
			assert.ok(
				lines.some((line) => why.test(String(line))),
				`the log does not say why: ${JSON.stringify(lines)}`,
			);
		});
	});

	test('a definition that changes while the job waits is fetched by the device, which goes on with the new one', async () => {
		const id = `changed-${randomUUID()}`;
		const workflow = 'wfx.workflow.dau.phased';
		const job = await createJob(server.api, { clientId: id, workflow, type: 'firmware', uri: download('files.swu') });
		await withDevice(id, async (device) => {
			await approve(server.api, job, 'DOWNLOAD');
			await waitForStatus(server.api, job, inState('DOWNLOADED'));
			await changeDefinition(server.api, job, definitionFor('config', download('files.swu')));
			await approve(server.api, job, 'INSTALL');
			// Firmware would wait for a reboot: only a device that took the new definition gets to the end. Its log is no
			// proof: it names the change only where the device had asked for the job again in between.
			await waitForStatus(server.api, job, inState('ACTIVATED'));
			await assertHolds(device, files);
		});
	});
});
