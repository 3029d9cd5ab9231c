// The fake device against the real application: that it is taken for SWUpdate by what it sends (testdata/device holds what
// SWUpdate sends), that it installs what was signed and nothing else, and that each failure ends as it does on SWUpdate.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobStatus } from '../../src/job/rules/model.ts';
import type { ApiClient } from '../../src/terminal/api-client.ts';
import { httpClient } from '../../src/terminal/http-client.ts';
import { parseAddress } from '../../src/terminal/server-address.ts';
import type { BuiltinWorkflowName } from '../../src/workflow/builtin.ts';
import { type RunningApplication, startApplication } from '../application/application.ts';
import * as operator from '../real-device/operator.ts';
import { trialFiles, type UpdateMaker, updateMaker } from '../real-device/updates.ts';
import { type Failure, startFakeDevice } from './fake-device.ts';
import { folderInstaller } from './folder-installer.ts';
import { anonymous, type RecordedRequest, type Recorder, startRecorder } from './recorder.ts';

const direct = 'wfx.workflow.dau.direct';
const phased = 'wfx.workflow.dau.phased';
const files = trialFiles();

describe('the fake device', () => {
	let folder: string;
	let application: RunningApplication;
	let recorder: Recorder;
	let client: ApiClient;
	let updates: UpdateMaker;

	before(async () => {
		folder = await mkdtemp(join(tmpdir(), 'caisson-fake-device-'));
		const downloads = join(folder, 'downloads');
		await mkdir(downloads);
		application = await startApplication({ downloads: () => downloads });
		recorder = await startRecorder(application.south);
		client = httpClient({ address: parseAddress(application.north, 'test') }, new AbortController().signal);
		updates = await updateMaker(join(folder, 'keys'));
		await updates.pack(join(downloads, 'files.swu'), files);
		const stranger = await updateMaker(join(folder, 'other-keys'));
		await stranger.pack(join(downloads, 'stranger.swu'), files);
		await operator.ensureWorkflow(client, direct);
		await operator.ensureWorkflow(client, phased);
	});

	after(async () => {
		await recorder?.close();
		await application?.stop();
		await rm(folder, { recursive: true, force: true });
	});

	interface Trial {
		readonly id: string;
		readonly job: string;
		/** The device's files. */
		readonly root: string;
		readonly lines: readonly string[];
		/** What the device sent so far, with names taken out. */
		requests(): RecordedRequest[];
	}

	interface Given {
		readonly workflow?: BuiltinWorkflowName;
		readonly type?: string;
		readonly update?: string;
		readonly failure?: Failure;
	}

	/** A device with one job, for one test. */
	async function trial(given: Given, use: (trial: Trial) => Promise<void>): Promise<void> {
		const { workflow = direct, type = 'config', update = 'files.swu', failure } = given;
		const id = `device-${randomUUID()}`;
		const uri = `${recorder.url}/download/${update}`;
		const job = await operator.createJob(client, { clientId: id, workflow, type, uri });
		const root = join(folder, id);
		const lines: string[] = [];
		const from = recorder.requests.length;
		const device = startFakeDevice({
			id,
			server: `${recorder.url}/api/wfx/v1`,
			installer: folderInstaller(root, join(folder, 'keys', 'test-certificate.pem'), Date.now),
			pollDelay: 20,
			bootTime: 20,
			onLine: (line) => lines.push(line),
			...(failure === undefined ? {} : { failure }),
		});
		const requests = () => anonymous(recorder.requests.slice(from), { JOB: job, DEVICE: id });
		try {
			await use({ id, job, root, lines, requests });
		} finally {
			await device.stop();
		}
	}

	const end = (job: string, state: string) => operator.waitForStatus(client, job, operator.inState(state), 20_000);

	async function assertHolds(root: string): Promise<void> {
		for (const { path, content } of files) {
			assert.ok((await readFile(join(root, path))).equals(content), `${path} differs`);
		}
	}

	const flows: readonly [recording: string, given: Given, end: string][] = [
		['direct-files', { type: 'config' }, 'ACTIVATED'],
		['direct-missing', { type: 'config', update: 'absent.swu' }, 'TERMINATED'],
		['phased-files', { workflow: phased, type: 'config' }, 'ACTIVATED'],
	];
	for (const [recording, given, last] of flows) {
		test(`in the flow ${recording} it sends what SWUpdate sends`, async () => {
			await trial(given, async ({ job, requests }) => {
				if (given.workflow === phased) {
					await operator.approve(client, job, 'DOWNLOAD');
					await end(job, 'DOWNLOADED');
					await operator.approve(client, job, 'INSTALL');
				}
				await end(job, last);
				const recorded = await readRecording(recording);
				assert.deepEqual(onMainConnection(requests()), onMainConnection(recorded));
			});
		});
	}

	test('its reports of progress have the headers and messages of SWUpdate’s', async () => {
		await trial({}, async ({ job, requests }) => {
			await end(job, 'ACTIVATED');
			const messages = (sent: readonly RecordedRequest[]) =>
				new Set(progressReports(sent).map(({ message }) => message));
			const headers = (sent: readonly RecordedRequest[]) => progressReports(sent).map(({ headers }) => headers)[0];
			const recorded = await readRecording('direct-files');
			for (const message of messages(requests())) assert.ok(messages(recorded).has(message), message);
			assert.ok(messages(requests()).has('Downloading artifact'));
			assert.deepEqual(headers(requests()), headers(recorded));
		});
	});

	test('it installs the files of the update, byte for byte', async () => {
		await trial({}, async ({ job, root }) => {
			await end(job, 'ACTIVATED');
			await assertHolds(root);
			assert.deepEqual((await readdir(root)).sort(), ['opt']);
		});
	});

	test('firmware is activated by a reboot, with SWUpdate’s requests', async () => {
		await trial({ type: 'firmware' }, async ({ job, requests }) => {
			const { status } = await end(job, 'ACTIVATED');
			assert.match(status.message ?? '', /activation SUCCESSFUL/);
			// The same files without the boot loader's variables, which a folder has not.
			const recorded = (await readRecording('direct-firmware')).map((request) =>
				request.path === '/download/firmware.swu' ? { ...request, path: '/download/files.swu' } : request,
			);
			assert.deepEqual(onMainConnection(requests()), onMainConnection(recorded));
		});
	});

	test('firmware that does not come up ends the job TERMINATED', async () => {
		await trial({ type: 'firmware', failure: 'activation' }, async ({ job }) => {
			const { status } = await end(job, 'TERMINATED');
			assert.match(status.message ?? '', /activation FAILED/);
		});
	});

	test('a device that never answers leaves its job in ACTIVATING and sends nothing more', async () => {
		await trial({ type: 'firmware', failure: 'silence' }, async ({ job, requests }) => {
			const waits = (status: JobStatus) => /to reboot/.test(status.message ?? '');
			await operator.waitForStatus(client, job, waits, 20_000);
			const sent = requests().length;
			await sleep(200);
			assert.equal(requests().length, sent);
			assert.equal((await operator.readJob(client, job)).status.state, 'ACTIVATING');
		});
	});

	for (const given of [{ update: 'absent.swu' }, { failure: 'download' }] as const) {
		test(`an artifact that cannot be fetched (${Object.keys(given)}) ends the job with the reason in its log`, async () => {
			await trial(given, async ({ job, root }) => {
				const { status } = await end(job, 'TERMINATED');
				assert.equal(status.message, 'Error installing artifact 1/1.');
				assert.match(JSON.stringify(status.context), /HTTP error code 404/);
				await assert.rejects(readdir(join(root, 'opt')), { code: 'ENOENT' });
			});
		});
	}

	test('an update that somebody else signed is refused, and nothing of it is written', async () => {
		await trial({ update: 'stranger.swu' }, async ({ job, root }) => {
			const { status } = await end(job, 'TERMINATED');
			assert.match(JSON.stringify(status.context), /signature is not valid/);
			assert.deepEqual(await readdir(root), []);
		});
	});

	test('what is no update is refused', async () => {
		await writeFile(join(folder, 'downloads', 'noise.swu'), 'this is no archive');
		await trial({ update: 'noise.swu' }, async ({ job }) => {
			const { status } = await end(job, 'TERMINATED');
			assert.equal(status.message, 'Error installing artifact 1/1.');
		});
	});

	test('in the phased workflow it waits for the operator twice', async () => {
		await trial({ workflow: phased }, async ({ job, root }) => {
			await sleep(100);
			assert.equal((await operator.readJob(client, job)).status.state, 'CREATED');
			await operator.approve(client, job, 'DOWNLOAD');
			await end(job, 'DOWNLOADED');
			await assert.rejects(readdir(root), { code: 'ENOENT' });
			await operator.approve(client, job, 'INSTALL');
			await end(job, 'ACTIVATED');
			await assertHolds(root);
		});
	});

	test('a changed definition is fetched by the path that SWUpdate asks for, and obeyed', async () => {
		await trial({ workflow: phased, type: 'firmware' }, async ({ job, requests }) => {
			await operator.approve(client, job, 'DOWNLOAD');
			await end(job, 'DOWNLOADED');
			const definition = operator.definitionFor('config', `${recorder.url}/download/files.swu`);
			await operator.changeDefinition(client, job, definition);
			await operator.approve(client, job, 'INSTALL');
			const { status } = await end(job, 'ACTIVATED');
			assert.equal(status.message, 'Finished Update.');
			assert.ok(requests().some(({ path }) => path === '/api/wfx/v1/job/JOB/definition'));
		});
	});

	test('a server that goes away and comes back is waited for', async () => {
		const lines: string[] = [];
		const root = join(folder, 'patient');
		const device = startFakeDevice({
			id: 'patient',
			server: 'http://127.0.0.1:9/api/wfx/v1',
			installer: folderInstaller(root, join(folder, 'keys', 'test-certificate.pem'), Date.now),
			pollDelay: 10,
			onLine: (line) => lines.push(line),
		});
		while (lines.filter((line) => /ECONNREFUSED/.test(line)).length < 3) await sleep(10);
		await device.stop();
	});
});

async function readRecording(name: string): Promise<RecordedRequest[]> {
	const text = await readFile(new URL(`../../testdata/device/${name}.jsonl`, import.meta.url), 'utf8');
	return text
		.trimEnd()
		.split('\n')
		.map((line) => JSON.parse(line));
}

interface Sent {
	readonly method: string;
	readonly path: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly status: number;
	readonly body?: unknown;
}

/**
 * What went over the connection that says who the device is, up to its last report. A poll that found nothing new counts
 * once: how many there are is a matter of time.
 */
function onMainConnection(requests: readonly RecordedRequest[]): Sent[] {
	const sent = requests.filter(({ headers }) => headers['x-client-id'] !== undefined).map(withBody);
	const once = sent.filter((one, index) => JSON.stringify(one) !== JSON.stringify(sent[index - 1]));
	return once.slice(0, once.findLastIndex(({ method }) => method === 'PUT') + 1);
}

function withBody({ body, ...request }: RecordedRequest): Sent {
	if (body === undefined) return request;
	const { context, ...report } = JSON.parse(body) as { context: { lines: string[] } };
	// The words of the log are the device's own; whether there are any is not.
	return { ...request, body: { ...report, log: context.lines.length > 0 } };
}

function progressReports(requests: readonly RecordedRequest[]) {
	return requests
		.filter(({ headers, method }) => method === 'PUT' && headers['x-client-id'] === undefined)
		.map(({ headers, body }) => ({ headers, message: (JSON.parse(body ?? '{}') as { message?: string }).message }));
}
