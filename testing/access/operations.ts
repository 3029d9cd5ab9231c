// Every operation that the server has, each with a request that would succeed for whoever may make it. Read from both
// OpenAPI documents, with what is served beside them; a request that changes something gets a target of its own.

import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type AccessServer, type Ask, api, ask, own, workflow } from './server.ts';

export interface Probe {
	readonly path: string;
	readonly body?: unknown;
	/** Instead of JSON. */
	readonly bytes?: Buffer;
}

export interface WalkedOperation {
	/** As the table of callers names it. */
	readonly name: string;
	readonly method: string;
	/** A request about a job, where it is about one, of the device `clientId`. */
	readonly probe: (world: ProbeWorld, clientId: string) => Promise<Probe>;
}

/** Makes what requests are about, with the rights of an admin. */
export interface ProbeWorld {
	readonly server: AccessServer;
	/** The file of the CA of the server's certificate, where it has one. */
	readonly ca?: string;
}

interface Document {
	readonly servers: readonly { readonly url: string }[];
	readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const beside = [
	...['GET /', 'GET /health', 'GET /version', 'GET /metrics', 'GET /download/*'],
	...['GET /artifacts/sha256/:digest', 'GET /artifacts/sha256/:digest/:name'],
	...['GET /tuf/:name', 'GET /tuf/targets/*'],
	...[`GET ${api}/openapi.json`, `GET ${api}/swagger.json`],
];

/** @param more names of paths that do not exist */
export function allOperations(more: readonly string[] = ['GET /nowhere']): WalkedOperation[] {
	const documented = ['wfx', 'caisson'].flatMap((name) => {
		const text = readFileSync(new URL(`../../spec/${name}.openapi.yaml`, import.meta.url), 'utf8');
		const { servers, paths } = parse(text) as Document;
		return Object.entries(paths).flatMap(([path, methods]) =>
			Object.keys(methods).map((method) => `${method.toUpperCase()} ${servers[0]?.url}${path}`),
		);
	});
	return [...beside, ...documented, ...more].map((name) => {
		const [method = '', path = ''] = name.split(' ');
		return { name, method, probe: (world, clientId) => probe(world, method, path, clientId) };
	});
}

const artifact = Buffer.from('an artifact for everybody');
export const artifactDigest = createHash('sha256').update(artifact).digest('hex');

async function probe(world: ProbeWorld, method: string, path: string, clientId: string): Promise<Probe> {
	const body = bodies[`${method} ${path}`];
	const filled = await fill(world, method, path, clientId);
	if (method === 'PUT' && path.includes('/artifacts/')) return { path: filled, bytes: artifact };
	return body === undefined ? { path: filled } : { path: filled, body: body(clientId) };
}

async function fill(world: ProbeWorld, method: string, path: string, clientId: string): Promise<string> {
	if (path.includes('/job')) return path.replace('{id}', path.includes('{id}') ? await makeJob(world, clientId) : '');
	if (path.endsWith('/workflows/{name}')) return path.replace('{name}', await makeWorkflow(world, method));
	if (path.endsWith('/tokens/{id}')) return path.replace('{id}', await makeToken(world));
	if (path.includes('digest')) await putArtifact(world);
	return path
		.replace(/\{digest\}|:digest/, artifactDigest)
		.replace(':name', 'file.bin')
		.replace('/download/*', '/download/file')
		.replace('/tuf/:name', '/tuf/timestamp.json')
		.replace('/tuf/targets/*', `/tuf/targets/folder/${artifactDigest}.name`);
}

const bodies: Readonly<Record<string, (clientId: string) => unknown>> = {
	[`POST ${api}/workflows`]: () => ({ ...workflow, name: `made-${randomUUID()}` }),
	[`POST ${api}/jobs`]: (clientId) => ({ clientId, workflow: 'w' }),
	[`PUT ${api}/jobs/{id}/status`]: () => ({ state: 'BUSY' }),
	[`PUT ${api}/jobs/{id}/definition`]: () => ({ changed: true }),
	[`POST ${api}/jobs/{id}/tags`]: () => ['walked'],
	[`DELETE ${api}/jobs/{id}/tags`]: () => ['walked'],
	[`POST ${own}/jobs/bulk-create`]: (clientId) => ({ clientIds: [clientId], workflow: 'w' }),
	[`POST ${own}/artifacts/collect`]: () => ({ dryRun: true }),
	[`POST ${own}/jobs/bulk-delete`]: () => ({ tags: ['no job has this one'] }),
	[`POST ${own}/access/tokens`]: () => ({ kind: 'device', clientId: 'another' }),
	[`POST ${own}/access/sessions`]: () => ({ code: 'not the code of the link' }),
};

/** A request of the admin, which must succeed. */
export async function asAdmin({ server, ca }: ProbeWorld, method: string, path: string, more: Partial<Ask> = {}) {
	const headers = { ...server.operator, ...more.headers };
	const answer = await ask(server.north + path, { method, ...(ca !== undefined && { ca }), ...more, headers });
	if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
	return answer;
}

export async function makeJob(world: ProbeWorld, clientId: string): Promise<string> {
	const body = { clientId, workflow: 'w', definition: { of: clientId } };
	return (await asAdmin(world, 'POST', `${api}/jobs`, { body })).json.id;
}

async function makeWorkflow(world: ProbeWorld, method: string): Promise<string> {
	if (method === 'GET') return 'w';
	const name = `made-${randomUUID()}`;
	await asAdmin(world, 'POST', `${api}/workflows`, { body: { ...workflow, name } });
	return name;
}

async function makeToken(world: ProbeWorld): Promise<string> {
	const body = { kind: 'device', clientId: 'another' };
	return (await asAdmin(world, 'POST', `${own}/access/tokens`, { body })).json.id;
}

/** Written anew each time, as an operation before may have deleted it. */
async function putArtifact(world: ProbeWorld): Promise<void> {
	await asAdmin(world, 'PUT', `${own}/artifacts/sha256/${artifactDigest}`, { bytes: artifact });
}
