// The repository of trust over HTTP: from the first root to what devices fetch, and what is refused.

import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type RunningApplication, startApplication } from '../../testing/application/application.ts';
import { signedBytes, type TestKey } from '../../testing/tuf-documents/documents.ts';
import { tufJs } from '../../testing/tuf-oracles/tuf-js.ts';
import {
	onlineSigner,
	people,
	serviceNow,
	serviceRoot,
	serviceTargets,
	targetOf,
} from '../../testing/tuf-service/service.ts';
import { openDiskMetadata } from '../outside/metadata-files/disk.ts';
import { expiryText } from './rules/metadata/expiry.ts';
import { payloadToSign } from './rules/metadata/make.ts';
import type { Signed } from './rules/metadata/model.ts';
import { defaultSettings } from './rules/repository/settings.ts';

const { anna, ben, clara, dora, server } = people;
const folder = mkdtempSync(join(tmpdir(), 'caisson-trust-routes-'));
let running: RunningApplication;
let bare: RunningApplication;

before(async () => {
	const files = await openDiskMetadata(join(folder, 'tuf'));
	[running, bare] = await Promise.all([
		startApplication({ trust: { files, signers: [onlineSigner(server)] } }),
		startApplication(),
	]);
});
after(async () => {
	await Promise.all([running?.stop(), bare?.stop()]);
	rmSync(folder, { recursive: true, force: true });
});

interface Answer {
	readonly status: number;
	// biome-ignore lint/suspicious/noExplicitAny: answers of many operations
	readonly body: any;
}

async function ask(method: string, path: string, body?: unknown, at = running): Promise<Answer> {
	const bytes = body instanceof Uint8Array;
	const response = await fetch(`${at.north}/api/caisson/v1/trust${path}`, {
		method,
		...(body !== undefined && {
			body: bytes ? Buffer.from(body) : JSON.stringify(body),
			headers: { 'Content-Type': bytes ? 'application/octet-stream' : 'application/json' },
		}),
	});
	const text = await response.text();
	return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

const signatureOf = ({ keyid, privateKey }: TestKey, signed: Signed) => ({
	keyid,
	sig: sign(null, payloadToSign(signed), privateKey).toString('hex'),
});

test('a server without a key answers as before, says so, and takes no root that it could not serve', async () => {
	const { status, body } = await ask('GET', '', undefined, bare);
	assert.deepEqual([status, body.bootstrapped, body.roles, body.alarms], [200, false, [], []]);
	const publish = await ask('POST', '/publish', undefined, bare);
	assert.deepEqual([publish.status, publish.body.code], [409, 'trust-not-bootstrapped']);
	const targets = { targets: [{ path: 'a', target: targetOf('a') }] };
	assert.equal((await ask('PUT', '/targets', targets, bare)).body.code, 'trust-not-bootstrapped');
	const offered = await ask('POST', '/documents/root', signedBytes(serviceRoot(1), anna), bare);
	assert.deepEqual([offered.status, offered.body.code], [400, 'trust-role-refused']);
	assert.equal((await fetch(`${bare.south}/tuf/timestamp.json`)).status, 404);
});

test('a repository comes to be and is served to devices', async () => {
	const root = signedBytes(serviceRoot(1), anna);
	const first = await ask('POST', '/documents/root', root);
	assert.deepEqual([first.status, first.body.committed, first.body.waiting[0].checks[0].missing], [200, [], 1]);
	const waiting = (await ask('GET', '')).body.pending[0];
	assert.deepEqual([waiting.role, waiting.checks[0].unsigned], ['root', [ben.keyid]]);
	const pending = (await ask('GET', '/pending/root')).body;
	assert.equal(pending.signatures.length, 1);
	const second = await ask('POST', '/pending/root/signatures', signatureOf(ben, pending.signed));
	assert.deepEqual(second.body.committed, ['root']);
	const settings = { ...defaultSettings, bins: { ...defaultSettings.bins, bitLength: 2 } };
	assert.equal((await ask('PUT', '/settings', settings)).status, 200);
	const third = await ask('POST', '/documents/targets', signedBytes(serviceTargets(1, { releases: true }), clara));
	assert.deepEqual(third.body.committed, ['targets']);
	// A role that people sign gets an empty document to sign, without which nothing can be served.
	assert.equal((await fetch(`${running.south}/tuf/timestamp.json`)).status, 404);
	const releases = (await ask('GET', '/pending/releases')).body;
	const fourth = await ask('POST', '/pending/releases/signatures', signatureOf(dora, releases.signed));
	assert.equal(fourth.body.published.timestamp, 1);
	const body = { targets: [{ path: 'a', target: { ...targetOf('a'), custom: { counter: 7 } } }], publish: true };
	assert.equal((await ask('PUT', '/targets', body)).body.published.snapshot, 2);
	const oracle = tufJs();
	const urls = { metadataUrl: `${running.south}/tuf`, targetUrl: running.south };
	const { error, versions } = await oracle({ ...urls, root: signedBytes(serviceRoot(1), anna, ben) });
	assert.deepEqual([error, versions.root, versions.timestamp], [null, 1, 2]);
});

test('files with a version are kept by caches for ever, the timestamp is asked for each time', async () => {
	for (const port of [running.south, running.north]) {
		const root = await fetch(`${port}/tuf/1.root.json`);
		assert.deepEqual([root.status, root.headers.get('cache-control')], [200, 'public, max-age=31536000, immutable']);
		const timestamp = await fetch(`${port}/tuf/timestamp.json`);
		assert.equal(timestamp.headers.get('cache-control'), 'public, no-cache');
		const again = await fetch(`${port}/tuf/timestamp.json`, {
			headers: { 'If-None-Match': timestamp.headers.get('etag') ?? '' },
		});
		assert.equal(again.status, 304);
		const absent = await fetch(`${port}/tuf/2.root.json`);
		assert.deepEqual([absent.status, absent.headers.get('cache-control')], [404, 'no-store']);
		for (const name of ['root.json', '..%2Fcaisson.db', '1.%2e%2e%2fx.json', '0.root.json']) {
			assert.equal((await fetch(`${port}/tuf/${name}`)).status, 404, name);
		}
	}
});

test('targets are listed in pages, held back, released and removed', async () => {
	const targets = ['t/1', 't/2', 't/3'].map((path) => ({ path, target: targetOf(path), held: path === 't/3' }));
	assert.equal((await ask('PUT', '/targets', { targets })).body.changed, 3);
	const page = await ask('GET', '/targets?prefix=t/&limit=2');
	assert.deepEqual([page.body.targets.length, page.body.next], [2, 't/2']);
	const rest = await ask('GET', `/targets?prefix=t/&after=${page.body.next}`);
	assert.deepEqual(
		rest.body.targets.map((one: { path: string; held: boolean; published: unknown }) => [
			one.path,
			one.held,
			one.published,
		]),
		[['t/3', true, null]],
	);
	assert.ok((await ask('POST', '/publish')).body.published.snapshot > 2);
	assert.equal((await ask('POST', '/publish')).body.published, null);
	assert.deepEqual(
		(await ask('GET', '')).body.waiting.map((one: { held: boolean }) => one.held),
		[true],
	);
	assert.equal((await ask('POST', '/targets/release', { paths: ['t/3', 't/9'], publish: true })).body.released, 1);
	assert.deepEqual((await ask('GET', '/targets?waiting=true')).body.targets, []);
	await ask('PUT', '/targets', { targets: [{ path: 't/1', removed: true }], publish: true });
	assert.equal((await ask('GET', '/targets?prefix=t/1')).body.targets.length, 0);
	const custom = (await ask('GET', '/targets?prefix=a')).body.targets[0].published.custom;
	assert.deepEqual(custom, { counter: 7 });
});

test('a prepared document lists what is wanted, ends when asked, and can be given up', async () => {
	const path = 'releases/7.swu';
	await ask('PUT', '/targets', { targets: [{ path, target: targetOf(path) }] });
	assert.equal((await ask('POST', '/pending/releases', { expires: '2001-01-01T00:00:00Z' })).status, 400);
	const expires = expiryText(serviceNow + 30 * 86_400_000);
	const prepared = await ask('POST', '/pending/releases', { expires });
	assert.deepEqual([prepared.body.signed.version, prepared.body.signed.expires], [2, expires]);
	assert.deepEqual(Object.keys(prepared.body.signed.targets), [path]);
	assert.equal((await ask('DELETE', '/pending/releases')).status, 204);
	assert.equal((await ask('DELETE', '/pending/releases')).body.code, 'trust-pending-unknown');
});

test('documents can be read, everything signed anew, and what is no document is refused', async () => {
	const before = (await ask('GET', '/documents/timestamp')).body.signed.version;
	assert.equal((await ask('GET', '/documents/timestamp?version=1')).body.signed.version, 1);
	assert.equal((await ask('GET', '/documents/elsewhere')).status, 404);
	const anew = await ask('POST', '/online');
	assert.deepEqual([anew.body.published.timestamp, anew.body.published.roles.length], [before + 1, 5]);
	const twice = new TextEncoder().encode('{"signatures":[],"signed":{"version":1,"version":2}}');
	const refused = await ask('POST', '/documents/root', twice);
	assert.deepEqual([refused.status, refused.body.code], [400, 'trust-metadata-malformed']);
	const none = await ask('PUT', '/targets', { targets: [{ path: 'x' }] });
	assert.deepEqual([none.status, none.body.code], [400, 'request-invalid']);
	const strange = await ask('PUT', '/targets', { targets: [{ path: '../x', target: targetOf('x') }] });
	assert.match(strange.body.detail, /\.\.\/x/);
});

test('each change has its row in the audit trail', async () => {
	const rows = await running.storage.audit.read(0, 999);
	const actions = new Set(rows.map(({ action }) => action));
	for (const action of ['offer', 'sign', 'settings', 'targets', 'release', 'publish', 'prepare', 'abort']) {
		assert.ok(actions.has(`trust.${action}`), action);
	}
	const published = (await running.storage.trust.versions('timestamp', 99)).length;
	assert.equal(rows.filter(({ action }) => action === 'trust.publish').length, published);
});
