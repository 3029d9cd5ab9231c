import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type RunningApplication, startApplication } from '../../testing/application/application.ts';
import { builtinWorkflow } from '../workflow/builtin.ts';

let running: RunningApplication;
const api = '/api/wfx/v1';

before(async () => {
	running = await startApplication();
	await north('POST', '/workflows', await builtinWorkflow('wfx.workflow.dau.direct'));
	await north('POST', '/workflows', await builtinWorkflow('wfx.workflow.dau.phased'));
});
after(() => running.stop());

interface Answer {
	readonly status: number;
	readonly headers: Headers;
	// biome-ignore lint/suspicious/noExplicitAny: answers are read field by field
	readonly body: any;
}

async function ask(method: string, url: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
	const json = body === undefined ? {} : { body: JSON.stringify(body) };
	const type = body === undefined ? {} : { 'content-type': 'application/json' };
	const response = await fetch(url, { method, ...json, headers: { ...type, ...headers } });
	const text = await response.text();
	const parsed = response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
	return { status: response.status, headers: response.headers, body: parsed };
}
type Asked = Parameters<typeof ask> extends [string, string, ...infer Rest] ? Rest : never;
const north = (method: string, path: string, ...rest: Asked) => ask(method, running.north + api + path, ...rest);
const south = (method: string, path: string, ...rest: Asked) => ask(method, running.south + api + path, ...rest);

async function newJob(workflow = 'wfx.workflow.dau.direct', more: object = {}): Promise<string> {
	const { status, body } = await north('POST', '/jobs', { clientId: 'device', workflow, ...more });
	assert.equal(status, 201);
	return body.id;
}
const report = (id: string, status: object) => south('PUT', `/jobs/${id}/status`, { clientId: 'device', ...status });
const history = async (id: string) => (await south('GET', `/jobs/${id}?history=true`)).body.history;

test('a device is taken through the direct workflow, and what it said before the hop stays in the history', async () => {
	const id = await newJob();
	await report(id, { state: 'INSTALLING' });
	const { body } = await report(id, { state: 'INSTALLED', message: 'all written' });
	assert.equal(body.state, 'ACTIVATE');
	assert.equal(body.message, undefined);
	assert.deepEqual(
		(await history(id)).map((entry: { status: { state: string } }) => entry.status.state),
		['INSTALLED', 'INSTALLING', 'INSTALL'],
	);
	assert.equal((await history(id))[0].status.message, 'all written');
});

test('equal reports are folded: all answered, all shown, one entry with their number in the history', async () => {
	const id = await newJob();
	const seen = (await running.storage.events.range()).last;
	for (let progress = 0; progress < 50; progress++) {
		const { status, body } = await report(id, { state: 'INSTALLING', progress });
		assert.deepEqual([status, body.progress], [200, progress]);
		assert.equal((await south('GET', `/jobs/${id}/status`)).body.progress, progress);
	}
	assert.equal(
		(await south('GET', '/jobs?clientId=device&state=INSTALLING&sort=desc')).body.content[0].status.progress,
		49,
	);
	await report(id, { state: 'INSTALLED' });
	const [installed, installing, install] = await history(id);
	assert.equal(installed.status.state, 'INSTALLED');
	assert.deepEqual([installing.status.progress, installing.count], [49, 50]);
	assert.equal(install.status.state, 'INSTALL');
	const events = await running.storage.events.read(seen, 100);
	assert.ok(events.length < 10, `${events.length} events for 52 reports`);
});

test('a repeated report with another message is kept as a report of its own', async () => {
	const id = await newJob();
	await report(id, { state: 'INSTALLING', message: 'one' });
	await report(id, { state: 'INSTALLING', message: 'two' });
	assert.equal((await history(id))[0].status.message, 'one');
});

test('who may take a transition depends on the port', async () => {
	const id = await newJob('wfx.workflow.dau.phased');
	const refused = await report(id, { state: 'DOWNLOAD' });
	assert.equal(refused.status, 400);
	assert.match(refused.body.errors[0].message, /not allowed for actor 'CLIENT'/);
	assert.equal((await north('PUT', `/jobs/${id}/status`, { state: 'DOWNLOAD' })).status, 200);
});

test('the singular path that SWUpdate asks answers the definition', async () => {
	const id = await newJob('wfx.workflow.dau.direct', { definition: { version: '1' } });
	assert.deepEqual((await south('GET', `/job/${id}/definition`)).body, { version: '1' });
});

test('If-Match lets only the writer through who saw the present version', async () => {
	const id = await newJob();
	const { headers } = await north('GET', `/jobs/${id}`);
	const version = headers.get('etag') ?? '';
	const put = () => north('PUT', `/jobs/${id}/definition`, { v: 1 }, { 'if-match': version });
	assert.deepEqual([(await put()).status, (await put()).status], [200, 412]);
	assert.equal((await north('PUT', `/jobs/${id}/definition`, { v: 2 }, { 'if-match': '*' })).status, 200);
	assert.equal((await north('PUT', `/jobs/${id}/definition`, { v: 3 }, { 'if-match': '"no"' })).status, 412);
});

test('concurrent writers are serialised: each transition is taken once, and every writer is judged', async () => {
	const id = await newJob();
	const answers = await Promise.all(
		Array.from({ length: 40 }, (_, i) => report(id, { state: i % 2 ? 'INSTALLING' : 'TERMINATED', message: `${i}` })),
	);
	const final = (await south('GET', `/jobs/${id}?history=true`)).body;
	assert.equal(final.status.state, 'TERMINATED');
	const accepted = answers.filter(({ status }) => status === 200).length;
	assert.equal(final.history.length, accepted);
	for (const { status, body } of answers) {
		if (status !== 200) assert.match(body.errors[0].message, /does not exist/);
	}
});

/** The frames of an event stream until `count` messages have come. */
async function listen(query: string, count: number, headers: Record<string, string> = {}, opened = () => {}) {
	const abort = new AbortController();
	const response = await fetch(`${running.north}${api}/jobs/events${query}`, { headers, signal: abort.signal });
	opened();
	const messages: { id: number; event?: string; data: { action: string; job: { id: string } } }[] = [];
	let text = '';
	for await (const chunk of response.body ?? []) {
		text += new TextDecoder().decode(chunk);
		const frames = text.split('\n\n');
		text = frames.pop() ?? '';
		for (const frame of frames.filter((one) => !one.startsWith(':'))) {
			const fields = Object.fromEntries(frame.split('\n').map((line) => line.split(/: (.*)/s)));
			messages.push({ ...fields, id: Number(fields.id), data: JSON.parse(fields.data) });
		}
		if (messages.length >= count) break;
	}
	abort.abort();
	return messages;
}

test('a subscriber sees what happens, and one that comes back goes on after the last event it saw', async () => {
	const { promise: subscribed, resolve } = Promise.withResolvers<void>();
	const live = listen('?clientIds=device', 3, {}, resolve);
	await subscribed;
	const id = await newJob();
	await report(id, { state: 'INSTALLING' });
	await north('POST', `/jobs/${id}/tags`, ['t']);
	await north('DELETE', `/jobs/${id}`);
	const first = await live;
	assert.deepEqual(
		first.map(({ data }) => data.action),
		['CREATE', 'UPDATE_STATUS', 'ADD_TAGS'],
	);
	const resumed = await listen('', 2, { 'last-event-id': String(first[1]?.id) });
	assert.deepEqual(
		resumed.map(({ data }) => data.action),
		['ADD_TAGS', 'DELETE'],
	);
	assert.equal(resumed[0]?.id, first[2]?.id);
});

test('the filter for actions is obeyed', async () => {
	const { promise: subscribed, resolve } = Promise.withResolvers<void>();
	const live = listen('?actions=delete', 1, {}, resolve);
	await subscribed;
	const id = await newJob();
	await north('DELETE', `/jobs/${id}`);
	assert.deepEqual(
		(await live).map(({ data }) => [data.action, data.job.id]),
		[['DELETE', id]],
	);
});

test('a subscriber that comes back too late is told what it has lost', async () => {
	await newJob();
	await running.storage.events.prune(Date.now() + 1000);
	const id = await newJob();
	const [lost, next] = await listen('', 2, { 'last-event-id': '1' });
	assert.equal(lost?.event, 'lost');
	assert.equal(next?.data.job.id, id);
});

test('many jobs are created and deleted at once', async () => {
	const bulk = (path: string, body: unknown) => ask('POST', `${running.north}/api/caisson/v1/jobs/${path}`, body);
	const clientIds = Array.from({ length: 450 }, (_, i) => `bulk-${i}`);
	const made = await bulk('bulk-create', { clientIds, workflow: 'wfx.workflow.dau.direct', tags: ['bulk'] });
	assert.deepEqual(
		made.body.jobs.map((job: { clientId: string }) => job.clientId),
		clientIds,
	);
	assert.deepEqual((await bulk('bulk-delete', { tags: ['bulk'], limit: 400 })).body, { deleted: 400 });
	assert.deepEqual((await bulk('bulk-delete', { tags: ['bulk'] })).body, { deleted: 50 });
	assert.equal((await bulk('bulk-delete', {})).status, 400);
	assert.equal((await bulk('bulk-delete', { changedBefore: 'soon' })).status, 400);
	assert.equal((await bulk('bulk-delete', { sate: 'X' })).status, 400, 'a misspelt filter must not match everything');
	const south = await ask('POST', `${running.south}/api/caisson/v1/jobs/bulk-delete`, { tags: ['bulk'] });
	assert.equal(south.status, 405);
});

test('every change has its audit row', async () => {
	const last = (await running.storage.audit.read(0, 100_000)).at(-1)?.id ?? 0;
	const id = await newJob();
	await report(id, { state: 'INSTALLING' });
	await north('DELETE', `/jobs/${id}`);
	const rows = await running.storage.audit.read(last, 100);
	assert.deepEqual(
		rows.map(({ actor, action, subject }) => [actor, action, subject]),
		['job.create', 'job.update-status', 'job.delete'].map((action) => ['anonymous', action, id]),
	);
});

test('an answer that would hold more than 10,000 jobs is refused, and says how to ask', async () => {
	const bulk = (path: string, body: unknown) => ask('POST', `${running.north}/api/caisson/v1/jobs/${path}`, body);
	const create = (count: number) => {
		const clientIds = Array.from({ length: count }, (_, i) => `many-${i}`);
		return bulk('bulk-create', { clientIds, workflow: 'wfx.workflow.dau.direct', tags: ['many'] });
	};
	await create(10_000);
	assert.equal((await south('GET', '/jobs?tag=many&limit=0')).body.content.length, 10_000);
	await create(1);
	for (const limit of [0, -1, 10_001]) {
		const { status, body } = await south('GET', `/jobs?tag=many&limit=${limit}`);
		assert.equal(status, 400);
		assert.match(body, /in pages, with limit and offset/);
	}
	assert.equal((await south('GET', '/jobs?tag=many&limit=10000&offset=1')).body.content.length, 10_000);
	assert.deepEqual((await bulk('bulk-delete', { tags: ['many'], limit: 20_000 })).body, { deleted: 10_001 });
});
