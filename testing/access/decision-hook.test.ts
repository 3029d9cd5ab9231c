import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openDecisionHook, parseHookAddress } from '../../src/outside/decision-hook.ts';
import { api, ask, seed, startAccessServer } from './server.ts';

const folder = mkdtempSync(join(tmpdir(), 'caisson-hook-'));
after(() => rmSync(folder, { recursive: true, force: true }));

type Behaviour = (question: Record<string, unknown>, response: ServerResponse, request: IncomingMessage) => void;

/** A service that answers as `behaviour` does, which a test may change at any time. */
async function startHook(first: Behaviour, path?: string) {
	const hook = { behaviour: first, questions: [] as Record<string, unknown>[] };
	const server: Server = createServer(async (request, response) => {
		let text = '';
		for await (const chunk of request) text += chunk;
		const question = JSON.parse(text) as Record<string, unknown>;
		hook.questions.push(question);
		hook.behaviour(question, response, request);
	});
	server.listen(path === undefined ? { port: 0, host: '127.0.0.1' } : { path });
	await once(server, 'listening');
	const url = path === undefined ? `http://127.0.0.1:${(server.address() as AddressInfo).port}/decide` : `unix:${path}`;
	const stop = async () => {
		server.closeAllConnections();
		await new Promise((resolve) => server.close(resolve));
	};
	return { ...hook, hook, url, stop };
}

const says =
	(answer: unknown): Behaviour =>
	(_question, response) =>
		response.end(JSON.stringify(answer));

test('a request proceeds where the hook allows it and is refused where it does not, on both ports', async () => {
	const { hook, url, stop } = await startHook(says({ allow: true }));
	const server = await startAccessServer({ 'decision-hook': url });
	try {
		assert.equal((await ask(`${server.south}${api}/jobs`)).status, 200);
		assert.equal((await ask(`${server.north}${api}/jobs`, { headers: server.operator })).status, 200);
		hook.behaviour = says({ allow: false, reason: 'not on a Sunday' });
		for (const [base, headers] of [
			[server.south, {}],
			[server.north, server.operator],
		] as const) {
			const refused = await ask(`${base}${api}/jobs`, { headers });
			assert.equal(refused.status, 403);
			assert.match(refused.text, /not on a Sunday/);
		}
		const rows = await server.storage.audit.read(0, 100);
		const denied = rows.filter(({ detail }) => detail?.reason === 'decision-hook').map(({ actor }) => actor);
		assert.deepEqual(denied, ['anonymous', 'operator']);
	} finally {
		await server.stop();
		await stop();
	}
});

test('the hook is told who asks for what, from where, and no credential', async () => {
	const { hook, url, stop } = await startHook(says({ allow: true }), join(folder, 'hook.sock'));
	const server = await startAccessServer({ 'decision-hook': url });
	try {
		const headers = { ...server.operator, 'X-Client-Id': 'claimed', cookie: 'a=b', 'user-agent': 'test/1' };
		await ask(`${server.north}${api}/jobs?clientId=x`, { headers });
		const { authorization } = server.operator;
		const [question] = hook.questions;
		assert.deepEqual(
			{ ...question, headers: undefined },
			{
				port: 'northbound',
				method: 'GET',
				path: `${api}/jobs?clientId=x`,
				identity: { kind: 'operator', name: 'operator', roles: ['admin'], how: 'operator-token' },
				certificate: null,
				remoteAddress: '127.0.0.1',
				headers: undefined,
			},
		);
		const shown = question?.headers as Record<string, string>;
		assert.deepEqual([shown['x-client-id'], shown['user-agent']], ['claimed', 'test/1']);
		assert.ok(!JSON.stringify(hook.questions).includes(authorization.slice('Bearer '.length)));
		assert.ok(!JSON.stringify(hook.questions).includes('a=b'));
		assert.equal((await ask(`${server.north}${api}/jobs`)).status, 401, 'the credential is still needed');
		assert.equal(hook.questions.length, 1, 'and whoever has none is not asked about');
	} finally {
		await server.stop();
		await stop();
	}
});

test('the hook may say which device it is; then only its jobs are there', async () => {
	const { hook, url, stop } = await startHook(says({ allow: true, clientId: 'a' }));
	const server = await startAccessServer({ 'decision-hook': url });
	try {
		const ids = await seed(server, ['a', 'b']);
		const jobs = await ask(`${server.south}${api}/jobs`, { headers: { 'X-Client-Id': 'b' } });
		assert.deepEqual(
			jobs.json.content.map(({ id }: { id: string }) => id),
			[ids.a],
		);
		hook.behaviour = says({ allow: true, clientId: 'b' });
		assert.equal((await ask(`${server.south}${api}/jobs/${ids.a}`)).status, 404);
	} finally {
		await server.stop();
		await stop();
	}
});

test('a hook that hangs, answers late, dies or answers nonsense lets nobody through', async () => {
	const late: ServerResponse[] = [];
	const faults: Record<string, Behaviour> = {
		hangs: () => undefined,
		'answers late': (_question, response) => late.push(response),
		'stops half-way': (_question, response) => {
			response.writeHead(200, { 'content-length': 100 });
			response.write('{"allow":true}');
		},
		'cuts the connection': (_question, response) => response.destroy(),
		'cuts it in the answer': (_question, response) => {
			response.writeHead(200, { 'content-length': 100 });
			response.write('{"allow":true}', () => response.destroy());
		},
		'answers 500': (_question, response) => response.writeHead(500).end('{"allow":true}'),
		redirects: (_question, response) => response.writeHead(302, { location: '/' }).end('{"allow":true}'),
		'answers text': (_question, response) => response.end('yes'),
		'answers a list': says([true]),
		'answers nothing': (_question, response) => response.end(),
		'answers "true"': says({ allow: 'true' }),
		'answers another thing': says({ permitted: true }),
		'names no device': says({ allow: true, clientId: '' }),
		'names a strange device': says({ allow: true, clientId: 'a\nb' }),
		'answers without end': (_question, response) => response.end(`{"allow":true,"reason":"${'x'.repeat(1e6)}"}`),
	};
	const { hook, url, stop } = await startHook(says({ allow: true }));
	const server = await startAccessServer({ 'decision-hook': url, 'decision-timeout': '150ms' });
	try {
		for (const [name, behaviour] of Object.entries(faults)) {
			hook.behaviour = behaviour;
			const answers = [
				await ask(`${server.south}${api}/jobs`),
				await ask(`${server.north}${api}/jobs`, { headers: server.operator }),
			];
			assert.deepEqual(
				answers.map(({ status }) => status),
				[503, 503],
				name,
			);
		}
		for (const response of late) response.end('{"allow":true}');
		hook.behaviour = says({ allow: true });
		assert.equal((await ask(`${server.south}${api}/jobs`)).status, 200, 'and goes on once the hook does');
		await stop();
		assert.equal((await ask(`${server.south}${api}/jobs`)).status, 503, 'nobody listens there');
	} finally {
		await server.stop();
		await stop();
	}
});

test('questions under way are bounded; those that wait too long or are too many fail', async () => {
	const open: ServerResponse[] = [];
	const { url, stop } = await startHook((_question, response) => open.push(response));
	const hook = openDecisionHook(parseHookAddress(url), { timeout: 500, concurrency: 2, waiting: 1 });
	try {
		const outcomes = [1, 2, 3, 4].map((number) =>
			hook.ask({ number }).then(
				() => 'answered',
				(error: Error & { code: string }) => `${error.code} ${error.message}`,
			),
		);
		assert.match(await (outcomes[3] as Promise<string>), /decision-unavailable .*too many/);
		while (open.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
		assert.equal(open.length, 2);
		open[0]?.end('{"allow":true}');
		while (open.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
		open[2]?.end('{"allow":true}');
		assert.equal(await outcomes[0], 'answered');
		assert.equal(await outcomes[2], 'answered');
		assert.match(await (outcomes[1] as Promise<string>), /decision-unavailable .*none within 500 ms/);
	} finally {
		hook.close();
		await stop();
	}
});

test('an address that is neither http nor a socket is refused', () => {
	for (const text of ['https://x/', 'ftp://x', 'x', 'unix:relative', 'http://user:pass@x/', 'http://x/#a', '']) {
		assert.throws(() => parseHookAddress(text), RangeError, text);
	}
});
