// The job of the main job, against the real application and the fake device: followed from its events to its end.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import type { JobStatus } from '../../src/job/rules/model.ts';
import { httpClient } from '../../src/terminal/http-client.ts';
import { parseAddress } from '../../src/terminal/server-address.ts';
import { startApplication } from '../../testing/application/application.ts';
import { startFakeDevice } from '../../testing/fake-device/fake-device.ts';
import { folderInstaller } from '../../testing/fake-device/folder-installer.ts';
import { createJob, definitionOf, ensureWorkflow, followDevice } from './job.ts';
import { packPackage, placeOnDevice, trialKey } from './update-file.ts';

const fetched = {
	name: 'hello',
	version: '2.10-3',
	architecture: 'amd64',
	file: 'hello.deb',
	size: 1,
	sha256: '',
	checked: '',
};

/** Takes a package of two files with the same name to a fake device. */
async function run(uri: (south: string) => string): Promise<{ statuses: JobStatus[]; installed: string[] }> {
	const folder = await mkdtemp(join(tmpdir(), 'caisson-main-job-test-'));
	const downloads = join(folder, 'downloads');
	const files = ['usr/de/hello.mo', 'usr/fr/hello.mo'].map((path) => ({ path, size: path.length }));
	for (const { path } of files) {
		await mkdir(join(folder, 'files', path, '..'), { recursive: true });
		await writeFile(join(folder, 'files', path), path);
	}
	await mkdir(downloads);
	const application = await startApplication({ downloads: () => downloads });
	const stop = new AbortController();
	const client = httpClient({ address: parseAddress(application.north, 'test') }, stop.signal);
	const key = await trialKey(join(folder, 'keys'));
	const { signal } = stop;
	const unpacked = join(folder, 'files');
	await packPackage({ fetched, folder: unpacked, files, key, output: join(downloads, 'hello.swu'), signal });
	const root = join(folder, 'device');
	const device = startFakeDevice({
		id: 'trial',
		server: `${application.south}/api/wfx/v1`,
		installer: folderInstaller(root, key.certificateFile, Date.now),
		pollDelay: 20,
	});
	try {
		assert.equal(await ensureWorkflow(client), true);
		assert.equal(await ensureWorkflow(client), false);
		const follow = await followDevice(client, 'trial', signal);
		const job = await createJob(client, 'trial', definitionOf('hello', '2.10-3', uri(application.south)));
		const statuses: JobStatus[] = [];
		const last = await follow(job, (status) => statuses.push(status));
		assert.equal(last, statuses.at(-1));
		const places = files.map(({ path }) => join(root, placeOnDevice('hello', path)));
		const installed = places.map((place) => readFile(place, 'utf8').catch(() => 'absent'));
		return { statuses, installed: await Promise.all(installed) };
	} finally {
		stop.abort();
		await device.stop();
		await application.stop();
		await rm(folder, { recursive: true, force: true });
	}
}

test('an update is followed from its first state to ACTIVATED, and files of the same name go to their own places', async () => {
	const { statuses, installed } = await run((south) => `${south}/download/hello.swu`);
	const states = statuses.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1]);
	assert.deepEqual(states, ['INSTALL', 'INSTALLING', 'ACTIVATE', 'ACTIVATING', 'ACTIVATED']);
	assert.deepEqual(installed, ['usr/de/hello.mo', 'usr/fr/hello.mo']);
});

test('a job that fails is followed to TERMINATED, with the device’s log', async () => {
	const { statuses, installed } = await run((south) => `${south}/download/absent.swu`);
	assert.equal(statuses.at(-1)?.state, 'TERMINATED');
	assert.match(JSON.stringify(statuses.at(-1)?.context), /404/);
	assert.deepEqual(installed, ['absent', 'absent']);
});
