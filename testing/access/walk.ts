// The walk over every operation as every kind of caller, in every mode of the southbound port, against the real server.
// What it saw is a table; docs/security-model.md holds it, and a test compares. It decides what is asked and how an
// answer is shown; whether it is right is judged by walk.test.ts.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { roles } from '../../src/access/rules/roles.ts';
import { type Pair, TestAuthority } from './certificates.ts';
import { subscribe } from './event-stream.ts';
import { allOperations, asAdmin, makeJob, type ProbeWorld, type WalkedOperation } from './operations.ts';
import { type Ask, api, ask, own, startAccessServer, workflow } from './server.ts';

/** Somebody who asks. */
interface Caller {
	readonly name: string;
	readonly headers?: Readonly<Record<string, string>>;
	readonly identity?: Pair;
	/** The device that it is. */
	readonly clientId?: string;
}

/**
 * What came back: a status; with '∅' where nothing of the device that was asked about is in an answer that could have
 * held it; 'none' where there was no connection.
 */
export type Seen = string;

export interface WalkTable {
	/** 'northbound', or 'southbound' with its mode. */
	readonly title: string;
	readonly callers: readonly string[];
	readonly rows: readonly { readonly operation: string; readonly seen: readonly Seen[] }[];
}

/** Walks all of it. Takes some seconds. */
export async function walk(): Promise<WalkTable[]> {
	const folder = mkdtempSync(join(tmpdir(), 'caisson-walk-'));
	try {
		writeFileSync(join(folder, 'file'), 'a file for everybody');
		const options = { 'southbound-rate': '0', 'northbound-rate': '0', 'simple-fileserver': folder };
		return [
			await walkNorth(options),
			await walkOpen(options),
			await walkTokens(options),
			await walkCertificates(folder, options),
		];
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

type Options = Readonly<Record<string, string>>;
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const wrongToken = bearer('x'.repeat(43));

async function walkNorth(options: Options): Promise<WalkTable> {
	const server = await startAccessServer(options);
	const world = { server };
	try {
		await asAdmin(world, 'POST', `${api}/workflows`, { body: workflow });
		const withRole = async (role: string): Promise<Caller> => {
			const body = { kind: 'operator', name: role, roles: [role] };
			const { json } = await asAdmin(world, 'POST', `${own}/access/tokens`, { body });
			return { name: role, headers: bearer(json.secret) };
		};
		const callers: Caller[] = [
			{ name: 'no credential' },
			{ name: 'wrong token', headers: wrongToken },
			{ name: 'device', headers: bearer(await deviceToken(world, 'a')) },
		];
		for (const role of roles) callers.push(await withRole(role));
		callers.push({ name: 'operator token', headers: server.operator });
		return await table('northbound', world, server.north, callers);
	} finally {
		await server.stop();
	}
}

async function deviceToken(world: ProbeWorld, clientId: string): Promise<string> {
	return (await asAdmin(world, 'POST', `${own}/access/tokens`, { body: { kind: 'device', clientId } })).json.secret;
}

async function walkOpen(options: Options): Promise<WalkTable> {
	const server = await startAccessServer(options);
	try {
		await asAdmin({ server }, 'POST', `${api}/workflows`, { body: workflow });
		const callers = [{ name: 'anybody', headers: { 'X-Client-Id': 'b' } }];
		return await table('southbound, open', { server }, server.south, callers);
	} finally {
		await server.stop();
	}
}

async function walkTokens(options: Options): Promise<WalkTable> {
	const server = await startAccessServer({ ...options, 'southbound-auth': 'token' });
	const world = { server };
	try {
		await asAdmin(world, 'POST', `${api}/workflows`, { body: workflow });
		const device = async (name: string, clientId: string): Promise<Caller> => {
			return { name, clientId, headers: { ...bearer(await deviceToken(world, clientId)), 'X-Client-Id': 'a' } };
		};
		const callers: Caller[] = [
			{ name: 'no token', headers: { 'X-Client-Id': 'a' } },
			{ name: 'wrong token', headers: wrongToken },
			{ name: 'operator token', headers: server.operator },
			await device('other device', 'b'),
			await device('device', 'a'),
		];
		return await table('southbound, token', world, server.south, callers);
	} finally {
		await server.stop();
	}
}

async function walkCertificates(folder: string, common: Options): Promise<WalkTable> {
	const authority = new TestAuthority(folder, 'devices');
	const revoked = authority.issue('revoked', { subject: '/CN=a' });
	authority.revoke(revoked);
	const list = join(folder, 'list.pem');
	authority.writeRevocationList(list);
	const { certificate, key } = authority.issueServer('server');
	const ca = authority.pair.certificate;
	const server = await startAccessServer({
		...{ ...common, 'southbound-auth': 'mtls', scheme: 'https', 'tls-certificate': certificate, 'tls-key': key },
		...{ 'tls-ca': ca, 'tls-crl': list },
	});
	const world = { server, ca };
	try {
		await asAdmin(world, 'POST', `${api}/workflows`, { body: workflow });
		const claims = { 'X-Client-Id': 'a', ...server.operator };
		const callers: Caller[] = [
			{ name: 'no certificate', headers: claims },
			{ name: 'another CA’s', headers: claims, identity: new TestAuthority(folder, 'other').issue('a') },
			{ name: 'expired', identity: authority.issue('expired', { subject: '/CN=a', days: -1 }) },
			{ name: 'revoked', identity: revoked },
			{ name: 'other device', clientId: 'b', headers: claims, identity: authority.issue('b') },
			{ name: 'device', clientId: 'a', identity: authority.issue('a') },
		];
		return await table('southbound, mtls', world, server.south, callers);
	} finally {
		await server.stop();
	}
}

async function table(title: string, world: ProbeWorld, base: string, callers: readonly Caller[]): Promise<WalkTable> {
	const rows: { operation: string; seen: Seen[] }[] = [];
	for (const operation of allOperations()) {
		const seen: Seen[] = [];
		for (const caller of callers) seen.push(await look(world, base, operation, caller));
		rows.push({ operation: operation.name, seen });
	}
	return { title, callers: callers.map(({ name }) => name), rows };
}

/** One request about something of the device 'a'. */
async function look(world: ProbeWorld, base: string, operation: WalkedOperation, caller: Caller): Promise<Seen> {
	// There is always something of it that a list could show.
	const held = await makeJob(world, 'a');
	const { path, ...payload } = await operation.probe(world, 'a');
	const { ca } = world;
	const { headers, identity } = caller;
	const request: Ask = {
		...{ method: operation.method, ...payload },
		...{ ...(headers && { headers }), ...(identity && { identity }), ...(ca !== undefined && { ca }) },
	};
	try {
		const answer = await ask(base + path, request);
		if (answer.status !== 200 || operation.method !== 'GET') return String(answer.status);
		if (path.endsWith('/jobs')) {
			const { text } = await ask(`${base}${path}?limit=10000&clientId=`, request);
			return text.includes(held) ? '200' : '200 ∅';
		}
		if (path.endsWith('/jobs/events')) return await lookAtEvents(world, base + path, request, caller, held);
		return '200';
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === undefined) throw error;
		return 'none';
	}
}

/** Reads until an event comes that this caller surely gets; by then the one of before has come, or never will. */
async function lookAtEvents(world: ProbeWorld, url: string, request: Ask, caller: Caller, held: string): Promise<Seen> {
	const own = await makeJob(world, caller.clientId ?? 'a');
	const text = await subscribe(`${url}?clientIds=a,b`, request, (sofar) => sofar.includes(own));
	return text.includes(held) ? '200' : '200 ∅';
}
