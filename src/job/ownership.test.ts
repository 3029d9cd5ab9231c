import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RunningApplication, startApplication } from '../../testing/application/application.ts';
import { setIdentity } from '../web/identity.ts';

// The guard of a port is stood in for by a hook that believes a header: what is tested here is what follows from it.
let running: RunningApplication;
const jobs: Record<string, string> = {};
const api = '/api/wfx/v1';

before(async () => {
	running = await startApplication({
		southboundAuthenticated: true,
		prepare(app, port) {
			if (port === 'northbound') return;
			app.addHook('onRequest', async (request) => {
				const clientId = request.headers['x-test-identity'];
				if (typeof clientId === 'string') {
					setIdentity(request.raw, { kind: 'device', clientId, how: 'certificate' });
				}
			});
		},
	});
	const workflow = {
		name: 'w',
		states: [{ name: 'NEW' }, { name: 'BUSY' }, { name: 'DONE' }],
		groups: [{ name: 'OPEN', states: ['NEW', 'BUSY'] }],
		transitions: [
			{ from: 'NEW', to: 'BUSY', eligible: 'CLIENT' },
			{ from: 'BUSY', to: 'BUSY', eligible: 'CLIENT' },
			{ from: 'BUSY', to: 'DONE', eligible: 'CLIENT' },
		],
	};
	await send(running.north, 'POST', '/workflows', { body: workflow });
	for (const clientId of ['a', 'b']) {
		const body = { clientId, workflow: 'w', tags: [`of-${clientId}`], definition: { secret: clientId } };
		const answer = await send(running.north, 'POST', '/jobs', { body });
		jobs[clientId] = (answer.json as { id: string }).id;
	}
});
after(() => running.stop());

interface Ask {
	readonly as?: string;
	readonly body?: unknown;
	readonly headers?: Record<string, string>;
}

async function send(base: string, method: string, path: string, { as, body, headers }: Ask = {}) {
	const answer = await fetch(base + api + path, {
		method,
		headers: {
			...(body !== undefined && { 'content-type': 'application/json' }),
			...(as !== undefined && { 'x-test-identity': as }),
			...headers,
		},
		...(body !== undefined && { body: JSON.stringify(body) }),
	});
	const text = await answer.text();
	return { status: answer.status, text, json: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : null };
}

const south = (method: string, path: string, ask: Ask = {}) => send(running.south, method, path, ask);

test('a device lists its own jobs, whatever clientId it asks for', async () => {
	const ids = async (query: string) => {
		const { json } = await south('GET', `/jobs${query}`, { as: 'a' });
		return json.content.map((job: { id: string }) => job.id);
	};
	assert.deepEqual(await ids(''), [jobs.a]);
	assert.deepEqual(await ids('?clientId=a&group=OPEN'), [jobs.a]);
	assert.deepEqual(await ids('?clientId='), [jobs.a]);
	assert.deepEqual(await ids('?clientId=b'), []);
	assert.deepEqual(await ids('?tag=of-b'), []);
	assert.deepEqual(await ids('?tag=of-a,of-b'), [jobs.a]);
	const { json } = await south('GET', '/jobs?clientId=b&pagination=true', { as: 'a' });
	assert.deepEqual(json.pagination, { limit: 10, offset: 0, total: 0 });
});

test('X-Client-Id and the query give nobody an identity', async () => {
	const { json } = await south('GET', '/jobs?clientId=b', { as: 'a', headers: { 'X-Client-Id': 'b' } });
	assert.deepEqual(json.content, []);
});

test('a job of another device is answered as one that does not exist', async () => {
	const unknown = '00000000-0000-4000-8000-000000000000';
	const reads = ['', '/status', '/definition', '/tags'].map((part) => ['GET', `/jobs/ID${part}`, undefined] as const);
	const requests = [
		...reads,
		['GET', '/job/ID/definition', undefined] as const,
		['PUT', '/jobs/ID/status', { state: 'BUSY' }] as const,
	];
	for (const [method, path, body] of requests) {
		const ask = (id: string) => south(method, path.replace('ID', id), { as: 'a', body });
		const [foreign, absent] = [await ask(jobs.b ?? ''), await ask(unknown)];
		assert.equal(foreign.status, 404, `${method} ${path}`);
		assert.deepEqual(foreign, absent, `${method} ${path}`);
	}
	const { json } = await send(running.north, 'GET', `/jobs/${jobs.b}/status`);
	assert.equal(json.state, 'NEW');
});

test('a report needs no header and no clientId; one that names another device is refused and changes nothing', async () => {
	const report = (body: unknown) => south('PUT', `/jobs/${jobs.a}/status`, { as: 'a', body });
	assert.equal((await report({ state: 'BUSY', progress: 1 })).status, 200);
	assert.equal((await report({ state: 'BUSY', progress: 2, clientId: 'a' })).status, 200);
	assert.equal((await report({ state: 'BUSY', progress: 3, clientId: 'b' })).status, 403);
	const { json } = await send(running.north, 'GET', `/jobs/${jobs.a}/status`);
	assert.equal(json.progress, 2);
});

test('repeated reports, which are folded, are as closed to others as the first one', async () => {
	const report = (as: string) => south('PUT', `/jobs/${jobs.b}/status`, { as, body: { state: 'BUSY', progress: 9 } });
	assert.equal((await report('b')).status, 200);
	assert.equal((await report('b')).status, 200);
	assert.equal((await report('a')).status, 404);
});

test('a device does not write the definition of its own job', async () => {
	const answer = await south('PUT', `/jobs/${jobs.a}/definition`, { as: 'a', body: { other: 1 } });
	assert.equal(answer.status, 403);
	const { json } = await send(running.north, 'GET', `/jobs/${jobs.a}/definition`);
	assert.deepEqual(json, { secret: 'a' });
});

test('the audit trail names the device that reported', async () => {
	const rows = await running.storage.audit.read(0, 100);
	const actors = rows
		.filter(({ action }) => action === 'job.update-status')
		.map(({ actor, subject }) => [actor, subject]);
	assert.ok(actors.some(([actor, subject]) => actor === 'device:a' && subject === jobs.a));
	assert.ok(actors.every(([actor, subject]) => subject === (actor === 'device:a' ? jobs.a : jobs.b)));
});

test('a device hears of its own jobs only, whatever it subscribes to', async () => {
	const stopped = new AbortController();
	const query = `clientIds=a,b&jobIds=${jobs.b}&workflows=w`;
	const stream = await fetch(`${running.south}${api}/jobs/events?${query}`, {
		headers: { 'x-test-identity': 'a', 'last-event-id': '0' },
		signal: stopped.signal,
	});
	assert.equal(stream.headers.get('access-control-allow-origin'), null);
	// The last event is one of its own, so everything before it has been sent or left out by then.
	await send(running.north, 'POST', `/jobs/${jobs.b}/tags`, { body: ['later'] });
	await send(running.north, 'POST', `/jobs/${jobs.a}/tags`, { body: ['last'] });
	let text = '';
	const decoder = new TextDecoder();
	for await (const chunk of stream.body as unknown as AsyncIterable<Uint8Array>) {
		text += decoder.decode(chunk, { stream: true });
		if (text.includes('"last"')) break;
	}
	stopped.abort();
	assert.ok(text.includes(jobs.a ?? ''));
	assert.ok(!text.includes(jobs.b ?? ''));
	assert.ok(!text.includes('later'));
});
