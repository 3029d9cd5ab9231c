// Records what SWUpdate sends during a job, for testdata/device: `node testing/real-device/record.ts`, as root. One file a
// flow, one request a line. It leaves out what the fake device makes of it.

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer } from '../../programs/main-job/server-process.ts';
import { anonymous, startRecorder } from '../fake-device/recorder.ts';
import { startDevice } from './device.ts';
import { approve, createJob, ensureWorkflow, inState, waitForStatus } from './operator.ts';
import { prepareRoot, whyNot } from './root.ts';
import { trialFiles, updateMaker } from './updates.ts';

const reason = await whyNot();
if (reason !== undefined) throw new Error(reason);
const folder = await mkdtemp(join(tmpdir(), 'caisson-record-'));
const root = await prepareRoot({ suite: 'trixie', note: (line) => console.error(line) });
const updates = await updateMaker(join(folder, 'keys'));
const server = await startServer({ data: join(folder, 'data') });
const recorder = await startRecorder(server.southbound);

interface Flow {
	readonly workflow: 'wfx.workflow.dau.direct' | 'wfx.workflow.dau.phased';
	readonly type: string;
	readonly update: string;
	readonly end: 'ACTIVATED' | 'TERMINATED';
}

const flows: Readonly<Record<string, Flow>> = {
	'direct-files': { workflow: 'wfx.workflow.dau.direct', type: 'config', update: 'files.swu', end: 'ACTIVATED' },
	'direct-firmware': {
		workflow: 'wfx.workflow.dau.direct',
		type: 'firmware',
		update: 'firmware.swu',
		end: 'ACTIVATED',
	},
	'direct-missing': { workflow: 'wfx.workflow.dau.direct', type: 'config', update: 'absent.swu', end: 'TERMINATED' },
	'phased-files': { workflow: 'wfx.workflow.dau.phased', type: 'config', update: 'files.swu', end: 'ACTIVATED' },
};

async function record(name: string, flow: Flow): Promise<void> {
	const { api } = server;
	const from = recorder.requests.length;
	const id = `device-${randomUUID()}`;
	const { workflow, type, update } = flow;
	const job = await createJob(api, { clientId: id, workflow, type, uri: `${recorder.url}/download/${update}` });
	if (workflow === 'wfx.workflow.dau.phased') await approve(api, job, 'DOWNLOAD');
	const url = `${recorder.url}/api/wfx/v1`;
	const device = await startDevice({ root, id, server: url, certificate: updates.certificate });
	try {
		if (workflow === 'wfx.workflow.dau.phased') {
			await waitForStatus(api, job, inState('DOWNLOADED'));
			await approve(api, job, 'INSTALL');
		}
		if (type === 'firmware') {
			await waitForStatus(api, job, (status) => /^Update installed/.test(status.message ?? ''));
			await device.reboot('ok');
		}
		await waitForStatus(api, job, inState(flow.end));
	} finally {
		await device.stop();
	}
	const requests = anonymous(recorder.requests.slice(from), { JOB: job, DEVICE: id });
	const lines = requests.map((request) => `${JSON.stringify(request)}\n`);
	const file = fileURLToPath(new URL(`../../testdata/device/${name}.jsonl`, import.meta.url));
	await writeFile(file, lines.join(''));
	console.log(`${name}: ${requests.length} requests of SWUpdate ${device.swupdateVersion}`);
}

try {
	await ensureWorkflow(server.api, 'wfx.workflow.dau.direct');
	await ensureWorkflow(server.api, 'wfx.workflow.dau.phased');
	await updates.pack(join(server.downloads, 'files.swu'), trialFiles());
	await updates.pack(join(server.downloads, 'firmware.swu'), trialFiles(), { bootpart: '2' });
	for (const [name, flow] of Object.entries(flows)) await record(name, flow);
} finally {
	await recorder.close();
	await server.stop();
	await rm(folder, { recursive: true, force: true });
}
