// Debian's own SWUpdate with a certificate of its own against a server that tells devices apart by certificates: one
// update from job to activation, progress reports included, which carry no X-Client-Id.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { builtinWorkflow } from '../../src/workflow/builtin.ts';
import { TestAuthority } from '../access/certificates.ts';
import { api, ask, startAccessServer } from '../access/server.ts';
import { startDevice } from './device.ts';
import { definitionFor } from './operator.ts';
import { prepareRoot, whyNot } from './root.ts';
import { trialFiles, updateMaker } from './updates.ts';

const reason = await whyNot();

describe('SWUpdate with a client certificate', { skip: reason }, () => {
	test('a device that shows its certificate is taken through its own job to the end', async () => {
		const folder = mkdtempSync(join(tmpdir(), 'caisson-mtls-device-'));
		const authority = new TestAuthority(folder, 'devices');
		const [pair, own] = [authority.issueServer('server'), authority.issue('pump-7')];
		const ca = authority.pair.certificate;
		const server = await startAccessServer({
			...{ 'southbound-auth': 'mtls', scheme: 'https', 'tls-certificate': pair.certificate, 'tls-key': pair.key },
			...{ 'tls-ca': ca, 'simple-fileserver': folder },
		});
		const operator = (method: string, path: string, body?: unknown) =>
			ask(server.north + api + path, { method, ca, headers: server.operator, ...(body !== undefined && { body }) });
		const root = await prepareRoot({ suite: process.env.CAISSON_DEVICE_SUITE || 'trixie', note: console.error });
		const updates = await updateMaker(join(folder, 'keys'));
		await updates.pack(join(folder, 'files.swu'), trialFiles());
		await operator('POST', '/workflows', builtinWorkflow('wfx.workflow.dau.direct'));
		const definition = definitionFor('rootfs', `${server.south}/download/files.swu`);
		const job = { workflow: 'wfx.workflow.dau.direct', definition };
		const mine = (await operator('POST', '/jobs', { ...job, clientId: 'pump-7' })).json.id as string;
		const other = (await operator('POST', '/jobs', { ...job, clientId: 'pump-8' })).json.id as string;
		const text = (file: string) => readFileSync(file, 'utf8');
		const device = await startDevice({
			...{ root, id: 'pump-7', server: `${server.south}${api}`, certificate: updates.certificate },
			tls: { authority: text(ca), certificate: text(own.certificate), key: text(own.key) },
			environment: { bootpart: '1', ustate: '0' },
		});
		try {
			const state = async (id: string) => (await operator('GET', `/jobs/${id}/status`)).json.state as string;
			const deadline = Date.now() + 60_000;
			while (!['ACTIVATED', 'TERMINATED'].includes(await state(mine)) && Date.now() < deadline) await sleep(200);
			assert.deepEqual(
				[await state(mine), await state(other)],
				['ACTIVATED', 'INSTALL'],
				device.lines.slice(-40).join('\n'),
			);
			const rows = await server.storage.audit.read(0, 1000);
			const actors = new Set(rows.filter(({ subject }) => subject === mine).map(({ actor }) => actor));
			assert.deepEqual([...actors], ['operator', 'device:pump-7']);
		} finally {
			await device.stop();
			await server.stop();
			rmSync(folder, { recursive: true, force: true });
		}
	});
});
