import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { pino } from 'pino';
import { startApplication } from '../testing/application/application.ts';

const json = { 'content-type': 'application/json' };

test('with strict errors what wfx says in text is a problem document', async () => {
	const running = await startApplication({ strict: true });
	try {
		const response = await fetch(`${running.north}/api/wfx/v1/jobs`, { method: 'POST', body: '{', headers: json });
		assert.equal(response.status, 400);
		assert.equal(response.headers.get('content-type'), 'application/problem+json');
		const problem = (await response.json()) as { code: string; status: number; type: string };
		assert.deepEqual(
			[problem.code, problem.status, problem.type],
			['request-invalid', 400, 'urn:caisson:error:request-invalid'],
		);
	} finally {
		await running.stop();
	}
});

test('an answer that is the server’s fault names its request, and so does the log', async () => {
	const lines: { requestId?: string; code?: string }[] = [];
	const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
	const running = await startApplication({ log });
	try {
		const response = await fetch(`${running.north}/api/wfx/v1/jobs`, { headers: { 'X-Response-Filter': '.[' } });
		assert.equal(response.status, 500);
		const id = response.headers.get('x-request-id');
		assert.ok(id);
		assert.deepEqual(
			lines.filter((line) => line.requestId === id).map((line) => line.code),
			['filter-failed'],
		);
	} finally {
		await running.stop();
	}
});

test('a body of 10 GiB is refused at its announcement, and the next request is served', async () => {
	const running = await startApplication();
	try {
		const { port, hostname } = new URL(running.north);
		const socket = connect(Number(port), hostname);
		socket.write(
			`POST /api/wfx/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${10 * 2 ** 30}\r\n\r\n{`,
		);
		const answer = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
		assert.match(answer, /^HTTP\/1.1 413 /);
		socket.destroy();
		assert.equal((await fetch(`${running.north}/health`)).status, 200);
	} finally {
		await running.stop();
	}
});

test('a body that is longer than it says at first is cut off', async () => {
	const running = await startApplication({ maxBodySize: 1000 });
	try {
		async function* chunks() {
			for (let i = 0; i < 100; i++) yield Buffer.alloc(100, ' ');
		}
		const init = { method: 'POST', body: chunks(), headers: json, duplex: 'half' };
		const response = await fetch(`${running.north}/api/wfx/v1/jobs`, init as unknown as RequestInit);
		assert.equal(response.status, 413);
	} finally {
		await running.stop();
	}
});

test('what is folded in memory is written when the server stops', async () => {
	const running = await startApplication();
	const { storage } = running;
	let stored: unknown;
	const close = storage.close;
	try {
		const workflow = {
			name: 'w',
			states: [{ name: 'A' }, { name: 'B' }],
			transitions: [{ from: 'A', to: 'B', eligible: 'CLIENT' }],
		};
		const send = (method: string, url: string, value: unknown) =>
			fetch(url, { method, body: JSON.stringify(value), headers: json }).then((response) => response.json());
		await send('POST', `${running.north}/api/wfx/v1/workflows`, workflow);
		const job = (await send('POST', `${running.north}/api/wfx/v1/jobs`, { clientId: 'c', workflow: 'w' })) as {
			id: string;
		};
		for (let progress = 1; progress <= 3; progress++) {
			await send('PUT', `${running.south}/api/wfx/v1/jobs/${job.id}/status`, { state: 'B', progress });
		}
		storage.close = async () => {
			stored = await storage.jobs.find(job.id);
			await close.call(storage);
		};
	} finally {
		await running.stop();
	}
	const { status, reports } = stored as { status: { progress: number }; reports: number };
	assert.deepEqual([status.progress, reports], [3, 3]);
});
