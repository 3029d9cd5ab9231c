// The server answers a change only after the kernel has said that it is on disk: strace shows the order of the calls.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client } from '../kill-series/client.ts';
import { startServer } from '../kill-series/server-process.ts';
import { workflow } from '../kill-series/writers.ts';
import { judgeTrace, readTrace, tracedCalls } from './trace.ts';

const traceable = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
const skip = traceable ? false : 'strace is not installed or may not trace here';

test('fdatasync of the log comes before the answer to each change', { skip }, async () => {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-durability-'));
	const trace = `${folder}.trace`;
	const server = await startServer(folder, [
		...['strace', '-f', '-y', '-s', '64', '-e', `trace=${tracedCalls}`, '-e', 'signal=none', '-o', trace],
	]);
	const client = new Client();
	try {
		const north = `${server.northbound}/api/wfx/v1`;
		const south = `${server.southbound}/api/wfx/v1`;
		let changes = 0;
		const change = async (method: string, url: string, body: unknown, status: number) => {
			const answer = await client.send(method, url, body);
			assert.equal(answer?.status, status, JSON.stringify(answer?.body));
			changes++;
			return answer.body;
		};
		await change('POST', `${north}/workflows`, workflow, 201);
		for (const clientId of ['a', 'b', 'c']) {
			const job = await change('POST', `${north}/jobs`, { clientId, workflow: workflow.name, tags: ['one'] }, 201);
			const { id } = job as { id: string };
			for (let report = 0; report < 5; report++) {
				const status = { clientId, state: 'RUNNING', message: `report ${report}` };
				await change('PUT', `${south}/jobs/${id}/status`, status, 200);
			}
			await change('PUT', `${north}/jobs/${id}/definition`, { version: '2' }, 200);
			await change('POST', `${north}/jobs/${id}/tags`, ['two'], 200);
			await change('DELETE', `${north}/jobs/${id}/tags`, ['one'], 200);
		}
		assert.equal(await server.stop(), 0);
		const { findings, answers } = judgeTrace(readTrace(readFileSync(trace, 'utf8')));
		assert.deepEqual(findings, []);
		assert.equal(answers, changes);
	} finally {
		client.close();
		await server.stop();
		rmSync(folder, { recursive: true, force: true });
		rmSync(trace, { force: true });
	}
});

const wal = '21</data/caisson.db-wal>';
const answer = '25<socket:[123]>, [{iov_base="HTTP/1.1 201 Created\\r\\n"..., iov_len=300}], 1';

test('an answer that overtakes the sync is found', () => {
	const good = `10 pwrite64(${wal}, "x"..., 4096, 32) = 4096\n10 fdatasync(${wal}) = 0\n10 writev(${answer}) = 300\n`;
	assert.deepEqual(judgeTrace(readTrace(good)), { findings: [], answers: 1 });

	const early = `10 pwrite64(${wal}, "x"..., 4096, 32) = 4096\n10 writev(${answer}) = 300\n10 fdatasync(${wal}) = 0\n`;
	assert.match(judgeTrace(readTrace(early)).findings.join(), /before the log was synced/);

	const writtenAfter = `10 fdatasync(${wal}) = 0\n10 pwrite64(${wal}, "x"..., 4096, 32) = 4096\n10 writev(${answer}) = 300\n`;
	assert.match(judgeTrace(readTrace(writtenAfter)).findings.join(), /before the log was synced/);

	const failed = `10 pwrite64(${wal}, "x"..., 4096, 32) = 4096\n10 fdatasync(${wal}) = -1 EIO (Input/output error)\n10 writev(${answer}) = 300\n`;
	assert.match(judgeTrace(readTrace(failed)).findings.join(), /before the log was synced/);

	assert.match(judgeTrace(readTrace(`10 writev(${answer}) = 300\n`)).findings.join(), /nothing was written/);
});

test('a sync that another thread interrupts in the log counts where it ends', () => {
	const written = `10 pwrite64(${wal}, "x"..., 4096, 32) = 4096\n10 fdatasync(${wal} <unfinished ...>\n`;
	const late = `${written}11 writev(${answer}) = 300\n10 <... fdatasync resumed>) = 0\n`;
	assert.match(judgeTrace(readTrace(late)).findings.join(), /before the log was synced/);
	const inTime = `${written}11 write(9<pipe:[1]>, "x", 1) = 1\n10 <... fdatasync resumed>) = 0\n11 writev(${answer}) = 300\n`;
	assert.deepEqual(judgeTrace(readTrace(inTime)), { findings: [], answers: 1 });
});
