import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type AccessServer, type Answer, type Ask, api, ask, own, seed, startAccessServer } from './server.ts';

let server: AccessServer;
let ids: Record<string, string>;
before(async () => {
	server = await startAccessServer({ 'southbound-auth': 'token', 'southbound-rate': '0', 'northbound-rate': '0' });
	ids = await seed(server, ['a', 'b']);
});
after(() => server.stop());

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const north = (path: string, { headers, ...more }: Ask = {}) =>
	ask(server.north + path, { headers: headers ?? server.operator, ...more });
const south = (path: string, more: Ask = {}) => ask(server.south + path, more);
const make = async (body: unknown): Promise<Answer> => north(`${own}/access/tokens`, { method: 'POST', body });
const forDevice = async (clientId: string): Promise<string> => (await make({ kind: 'device', clientId })).json.secret;
const withRoles = async (...roles: string[]): Promise<string> =>
	(await make({ kind: 'operator', name: roles.join('.'), roles })).json.secret;

test('a device token opens the southbound port for the jobs of its device, and nothing else', async () => {
	const secret = await forDevice('a');
	const list = await south(`${api}/jobs`, { headers: bearer(secret) });
	assert.deepEqual(
		list.json.content.map(({ id }: { id: string }) => id),
		[ids.a],
	);
	assert.equal((await south(`${api}/jobs/${ids.b}`, { headers: bearer(secret) })).status, 404);
	assert.equal((await north(`${api}/jobs`, { headers: bearer(secret) })).status, 401);
	const body = { state: 'BUSY', progress: 1 };
	const put = await south(`${api}/jobs/${ids.a}/status`, { method: 'PUT', body, headers: bearer(secret) });
	assert.equal(put.status, 200);
});

test('no token, a wrong one, the operator token and one in the URL do not open the southbound port', async () => {
	const secret = await forDevice('a');
	const jobs = `${api}/jobs`;
	const without = await south(jobs);
	assert.deepEqual([without.status, without.headers['www-authenticate']], [401, 'Bearer realm="caisson"']);
	const wrong = await south(jobs, { headers: bearer(`${secret}x`) });
	assert.deepEqual(
		[wrong.status, wrong.headers['www-authenticate']],
		[401, 'Bearer realm="caisson", error="invalid_token"'],
	);
	assert.equal((await south(jobs, { headers: server.operator })).status, 401);
	assert.equal((await south(jobs, { headers: bearer(await withRoles('admin')) })).status, 401);
	assert.equal((await south(`${jobs}?token=${secret}`, { headers: bearer(secret) })).status, 400);
	assert.equal((await south(jobs, { headers: { 'X-Client-Id': 'a' } })).status, 401);
	for (const path of ['/health', '/', '/nowhere', '/download/x', `${api}/swagger.json`]) {
		assert.equal((await south(path)).status, 401, path);
		assert.notEqual((await south(path, { headers: bearer(secret) })).status, 401, path);
	}
});

test('a revoked token is worth nothing at once, and one that has expired from then on', async () => {
	const { json } = await make({ kind: 'device', clientId: 'a' });
	assert.equal((await south(`${api}/jobs`, { headers: bearer(json.secret) })).status, 200);
	assert.equal((await north(`${own}/access/tokens/${json.id}`, { method: 'DELETE' })).status, 204);
	assert.equal((await south(`${api}/jobs`, { headers: bearer(json.secret) })).status, 401);
	assert.equal((await north(`${own}/access/tokens/absent`, { method: 'DELETE' })).status, 404);
	const brief = (await make({ kind: 'operator', name: 'brief', roles: ['viewer'], expiresIn: 1 })).json;
	const use = () => north(`${api}/jobs`, { headers: bearer(brief.secret) });
	assert.equal((await use()).status, 200);
	while (Date.now() < Date.parse(brief.expires)) await new Promise((resolve) => setTimeout(resolve, 50));
	assert.equal((await use()).status, 401);
});

test('the secret is in the answer to its creation, and in no list, no row of the audit trail and no log', async () => {
	const { json, headers } = await make({ kind: 'operator', name: 'ci', roles: ['operator', 'operator'] });
	assert.equal(headers['cache-control'], 'no-store');
	assert.match(json.secret, /^caisson-api-[\w-]{43}$/);
	await north(`${api}/jobs`, { headers: bearer(json.secret) });
	const list = await north(`${own}/access/tokens?kind=operator&limit=1000`);
	const listed = list.json.tokens.find(({ id }: { id: string }) => id === json.id);
	assert.deepEqual(
		[listed.name, listed.roles, listed.createdBy, listed.secret],
		['ci', ['operator'], 'operator', undefined],
	);
	const rows = await server.storage.audit.read(0, 1000);
	assert.ok(rows.some(({ action, subject }) => action === 'access.token-create' && subject === json.id));
	const everything = list.text + JSON.stringify(rows) + server.log.join('');
	assert.ok(!everything.includes(json.secret));
});

test('a role may do what the table says; the audit trail names the token', async () => {
	const [viewer, operator, approver, auditor] = [
		...[
			await withRoles('viewer'),
			await withRoles('operator'),
			await withRoles('approver'),
			await withRoles('auditor'),
		],
	] as [string, string, string, string];
	const job = { clientId: 'a', workflow: 'w' };
	const create = (secret: string) => north(`${api}/jobs`, { method: 'POST', body: job, headers: bearer(secret) });
	const statuses = [];
	for (const secret of [viewer, approver, auditor, operator]) statuses.push((await create(secret)).status);
	assert.deepEqual(statuses, [403, 403, 403, 201]);
	const audit = (secret: string) => north(`${own}/audit`, { headers: bearer(secret) });
	assert.deepEqual([(await audit(operator)).status, (await audit(auditor)).status], [403, 200]);
	const tokens = (secret: string) => north(`${own}/access/tokens`, { headers: bearer(secret) });
	assert.deepEqual([(await tokens(operator)).status, (await tokens(auditor)).status], [403, 403]);
	const rows = await server.storage.audit.read(0, 1000);
	assert.ok(rows.some(({ actor, action }) => actor === 'operator:operator' && action === 'job.create'));
	const denied = rows.filter(({ action }) => action === 'access.denied');
	assert.ok(denied.some(({ actor, detail }) => actor === 'operator:viewer' && detail?.reason === 'role'));
});

test('what a token is for must be said, and a device has no role', async () => {
	const faulty = [
		{},
		{ kind: 'admin' },
		{ kind: 'device' },
		{ kind: 'device', clientId: 'a', roles: ['admin'] },
		{ kind: 'operator', name: 'x' },
		{ kind: 'operator', roles: ['viewer'] },
		{ kind: 'operator', name: 'x', roles: ['root'] },
		{ kind: 'operator', name: 'x', roles: ['viewer'], clientId: 'a' },
		{ kind: 'operator', name: 'a\nb', roles: ['viewer'] },
		{ kind: 'operator', name: 'x', roles: ['viewer'], expiresIn: 0 },
	];
	for (const body of faulty) assert.equal((await make(body)).status, 400, JSON.stringify(body));
});

test('when a token was last used is written by and by', async () => {
	const { json } = await make({ kind: 'device', clientId: 'b' });
	await south(`${api}/jobs`, { headers: bearer(json.secret) });
	const again = await startAccessServer();
	try {
		const made = (await ask(`${again.north}${own}/access/tokens`, {
			...{ method: 'POST', headers: again.operator, body: { kind: 'operator', name: 'x', roles: ['viewer'] } },
		})) as Answer;
		await ask(`${again.north}${api}/jobs`, { headers: bearer(made.json.secret) });
		const { close } = again.storage;
		let lastUsed: number | undefined;
		(again.storage as { close: typeof close }).close = async () => {
			lastUsed = (await again.storage.tokens.find(made.json.id))?.lastUsed;
			await close();
		};
		await again.running.stop();
		assert.ok(lastUsed !== undefined && lastUsed <= Date.now());
	} finally {
		await again.stop();
	}
});

test('tokens for devices are not taken over plain TCP beyond loopback', async () => {
	const starting = startAccessServer({ 'southbound-auth': 'token', 'client-host': '0.0.0.0', 'insecure-open': 'true' });
	await assert.rejects(starting, { code: 'configuration-invalid', message: /in the clear/ });
});
