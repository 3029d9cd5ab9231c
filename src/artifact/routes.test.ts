// Artifacts over HTTP, on the application as it is served.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type RunningApplication, startApplication } from '../../testing/application/application.ts';
import { parseRanges } from '../web/file-reply.ts';
import { sampleBytes, sha256 } from './contract.ts';

const api = '/api/caisson/v1/artifacts';
const maximum = 2 ** 20;
const bytes = sampleBytes(100_000, 1);
const digest = sha256(bytes);
let running: RunningApplication;

before(async () => {
	running = await startApplication({ maxBodySize: 100_000, maxArtifactSize: () => maximum });
	assert.equal((await put(digest, bytes)).status, 201);
});
after(() => running.stop());

const put = (name: string, body: RequestInit['body'], headers: Record<string, string> = {}) =>
	fetch(`${running.north}${api}/sha256/${name}`, { method: 'PUT', body, headers, duplex: 'half' } as RequestInit);
const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
	fetch(`${running.south}/artifacts/sha256/${path}`, { headers, method });
const body = async (response: Response) => Buffer.from(await response.arrayBuffer());
const incoming = () => readdirSync(join(running.directory, 'blobs', 'incoming'));
const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code;
const lastAudit = async () => (await running.storage.audit.read(0, 100_000)).at(-1);

test('what was uploaded comes back on both ports, to be kept for ever', async () => {
	const south = await get(digest);
	assert.equal(south.status, 200);
	assert.ok((await body(south)).equals(bytes));
	assert.deepEqual(
		['content-length', 'content-type', 'etag', 'accept-ranges', 'cache-control', 'x-content-type-options'].map((name) =>
			south.headers.get(name),
		),
		['100000', 'application/octet-stream', `"${digest}"`, 'bytes', 'public, max-age=31536000, immutable', 'nosniff'],
	);
	const digestHeader = `sha-256=:${Buffer.from(digest, 'hex').toString('base64')}:`;
	assert.equal(south.headers.get('repr-digest'), digestHeader);
	const north = await fetch(`${running.north}/artifacts/sha256/${digest}`);
	assert.ok((await body(north)).equals(bytes));
});

test('a port that asks for a credential lets no shared cache keep the bytes', async () => {
	const guarded = await startApplication({ southboundAuthenticated: true, northboundAuthenticated: true });
	try {
		const path = `/sha256/${digest}`;
		await fetch(`${guarded.north}${api}${path}`, { method: 'PUT', body: bytes });
		const response = await fetch(`${guarded.south}/artifacts${path}`);
		assert.equal(response.headers.get('cache-control'), 'private, max-age=31536000, immutable');
		await body(response);
	} finally {
		await guarded.stop();
	}
});

test('an upload is answered with its facts, and has an audit row', async () => {
	const small = sampleBytes(10, 2);
	const response = await put(sha256(small), small);
	assert.equal(response.status, 201);
	assert.equal(response.headers.get('location'), `/artifacts/sha256/${sha256(small)}`);
	const facts = (await response.json()) as { stored: string };
	assert.deepEqual(
		{ ...facts, stored: '' },
		{
			...{ digest: sha256(small), size: 10, stored: '', path: `/artifacts/sha256/${sha256(small)}` },
		},
	);
	const row = await lastAudit();
	assert.deepEqual(
		[row?.action, row?.subject, row?.detail],
		['artifact.add', sha256(small), { size: 10, replaced: false }],
	);
	assert.equal((await put(sha256(small), small)).status, 200);
	assert.deepEqual((await lastAudit())?.detail, { size: 10, replaced: true });
});

test('an upload may be larger than --max-body-size and of any content type', async () => {
	for (const [seed, type] of [
		[20, 'application/octet-stream'],
		[21, 'application/json'],
		[22, 'text/html; charset=utf-8'],
	] as const) {
		const large = sampleBytes(500_000, seed);
		assert.equal((await put(sha256(large), large, { 'content-type': type })).status, 201);
	}
});

test('no bytes are an artifact too', async () => {
	const nothing = sha256(new Uint8Array());
	assert.equal((await put(nothing, new Uint8Array())).status, 201);
	const response = await get(nothing);
	assert.deepEqual([response.status, response.headers.get('content-length')], [200, '0']);
	assert.equal((await body(response)).length, 0);
});

test('bytes with another digest are refused, and leave nothing but the refusal', async () => {
	const [lie, other] = [sampleBytes(5000, 3), sha256(sampleBytes(5000, 4))];
	const rows = await lastAudit();
	const response = await put(other, lie);
	assert.deepEqual([response.status, await codeOf(response)], [400, 'digest-mismatch']);
	assert.equal((await get(other)).status, 404);
	assert.deepEqual([incoming(), await lastAudit()], [[], rows]);
});

test('an announced length above the maximum is refused before the bytes', async () => {
	const { port, hostname } = new URL(running.north);
	const socket = connect(Number(port), hostname);
	const head = `PUT ${api}/sha256/${digest} HTTP/1.1\r\nHost: x\r\nContent-Length: ${2 ** 45}\r\n\r\n`;
	socket.write(head);
	const answer = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
	assert.match(answer, /^HTTP\/1.1 413 [\s\S]*request-too-large/);
	socket.destroy();
});

test('a body without a length is cut off where it passes the maximum', async () => {
	let sent = 0;
	async function* endless() {
		for (; sent < 64 * maximum; sent += 65_536) yield Buffer.alloc(65_536);
	}
	const response = await put(digest, endless() as unknown as RequestInit['body']).catch(() => undefined);
	// The refusal may meet a client that is still writing; either way the server stopped reading.
	if (response !== undefined) assert.equal(response.status, 413);
	assert.ok(sent < 64 * maximum, 'not all of it was taken');
	assert.deepEqual(incoming(), []);
	assert.ok((await body(await get(digest))).equals(bytes), 'what was there under this digest still is');
});

test('a client that goes away in the middle of its upload leaves nothing', async () => {
	const { port, hostname } = new URL(running.north);
	const [lost, rows] = [sampleBytes(200_000, 5), await lastAudit()];
	for (const encoding of [`Content-Length: ${lost.length}`, 'Transfer-Encoding: chunked']) {
		const socket = connect(Number(port), hostname);
		const piece = encoding.startsWith('T') ? `${(1000).toString(16)}\r\n${'x'.repeat(1000)}\r\n` : 'x'.repeat(1000);
		socket.write(`PUT ${api}/sha256/${sha256(lost)} HTTP/1.1\r\nHost: x\r\n${encoding}\r\n\r\n${piece}`);
		while (incoming().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
		socket.destroy();
		while (incoming().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
	}
	assert.equal((await get(sha256(lost))).status, 404);
	assert.deepEqual(await lastAudit(), rows);
});

test('HEAD tells the length and sends nothing; the name is for who saves it', async () => {
	const response = await get(`${digest}/${encodeURIComponent('Übung "1".swu')}`, {}, 'HEAD');
	assert.deepEqual([response.status, response.headers.get('content-length')], [200, '100000']);
	assert.equal(
		response.headers.get('content-disposition'),
		`attachment; filename="_bung _1_.swu"; filename*=UTF-8''%C3%9Cbung%20%221%22.swu`,
	);
	assert.equal((await body(response)).length, 0);
});

test('what is not the address of an artifact is not found', async () => {
	const absent = sha256(sampleBytes(3, 99));
	for (const path of [
		...[absent, digest.toUpperCase(), digest.slice(1), `${digest}0`, `x${digest.slice(1)}`, `${digest}%00`],
		...[`${digest}/a%2fb`, `${digest}/%2e%2e`, `${digest}/a%5cb`, `${digest}/a%0ab`, `${digest}/${'x'.repeat(256)}`],
		...['..%2f..%2fincoming', `${digest.slice(0, 2)}/${digest}`, `${digest}/a/b`],
	]) {
		const response = await get(path);
		assert.ok([400, 404].includes(response.status), `${path}: ${response.status}`);
		assert.notEqual(response.headers.get('cache-control'), 'public, max-age=31536000, immutable');
		await body(response);
	}
});

test('one range, and several in the order asked with the boundary that SWUpdate reads', async () => {
	const one = await get(digest, { range: 'bytes=10-19' });
	assert.deepEqual([one.status, one.headers.get('content-range')], [206, 'bytes 10-19/100000']);
	assert.ok((await body(one)).equals(bytes.subarray(10, 20)));
	const several = await get(`${digest}/new.zck`, { range: 'bytes=90000-90009,0-3,50-59' });
	assert.equal(several.status, 206);
	const type = several.headers.get('content-type') ?? '';
	const boundary = /^multipart\/byteranges; boundary=([a-z-]+)$/.exec(type)?.[1];
	const parts = (await body(several)).toString('latin1').split(`--${boundary}`).slice(1, -1);
	const contents = parts.map((part) => part.split('\r\n\r\n').slice(1).join('\r\n\r\n').slice(0, -2));
	const expected = [bytes.subarray(90_000, 90_010), bytes.subarray(0, 4), bytes.subarray(50, 60)];
	assert.deepEqual(
		contents,
		expected.map((part) => Buffer.from(part).toString('latin1')),
	);
});

test('conditions go by the digest', async () => {
	const [same, other] = [`"${digest}"`, `"${sha256(sampleBytes(1, 1))}"`];
	for (const [headers, status] of [
		[{ 'if-none-match': same }, 304],
		[{ 'if-none-match': `W/${same}` }, 304],
		[{ 'if-none-match': `${other}, ${same}` }, 304],
		[{ 'if-none-match': other }, 200],
		[{ 'if-match': same }, 200],
		[{ 'if-match': other }, 412],
		[{ range: 'bytes=0-1', 'if-range': same }, 206],
		[{ range: 'bytes=0-1', 'if-range': other }, 200],
		[{ range: 'bytes=0-1', 'if-range': `W/${same}` }, 200],
		[{ range: 'bytes=0-1', 'if-range': 'Thu, 01 Jan 2026 00:00:00 GMT' }, 200],
		[{ range: 'bytes=100000-' }, 416],
	] as const) {
		const response = await get(digest, headers as Record<string, string>);
		assert.equal(response.status, status, JSON.stringify(headers));
		const length = (await body(response)).length;
		if (status === 304) assert.deepEqual([length, response.headers.get('etag')], [0, same]);
	}
});

test('whatever a Range header says, the answer is whole, right parts of it, or a refusal', async () => {
	let seed = 7;
	const random = (below: number) => {
		seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
		return (seed >> 8) % below;
	};
	const words = [
		'bytes=',
		'bytes',
		'=',
		'-',
		',',
		' ',
		'0',
		'9',
		'99999',
		'100000',
		'1e3',
		'-5',
		'5-',
		'x',
		'999999999999999999',
	];
	const seen = new Set<string>();
	for (let round = 0; round < 20_000; round++) {
		const start = random(3) === 0 ? '' : 'bytes=';
		const header = start + Array.from({ length: random(9) }, () => words[random(words.length)]).join('');
		const ranges = parseRanges(header, 100_000);
		seen.add(typeof ranges === 'object' ? 'ranges' : String(ranges));
		if (typeof ranges !== 'object') continue;
		let sum = 0;
		for (const { start: first, end } of ranges) {
			assert.ok(Number.isInteger(first) && Number.isInteger(end) && first >= 0 && end < 100_000, header);
			sum += end - first + 1;
		}
		assert.ok(sum <= 100_000, header);
		if (round % 100 !== 0) continue;
		const response = await get(digest, { range: header });
		const length = (await body(response)).length;
		assert.equal(response.status, 206, header);
		assert.equal(response.headers.get('content-length'), String(length), header);
	}
	assert.deepEqual([...seen].sort(), ['invalid', 'ranges', 'undefined', 'unsatisfiable']);
});

test('a client that goes away in the middle of a download leaves no open file', async () => {
	const open = () => readdirSync('/proc/self/fd').length;
	const before = open();
	const { port, hostname } = new URL(running.south);
	for (let round = 0; round < 20; round++) {
		const socket = connect(Number(port), hostname);
		socket.write(`GET /artifacts/sha256/${digest} HTTP/1.1\r\nHost: x\r\n\r\n`);
		if (round % 2 === 0) await new Promise((resolve) => socket.once('data', resolve));
		socket.destroy();
	}
	for (let wait = 0; wait < 400 && open() > before + 2; wait++) await new Promise((resolve) => setTimeout(resolve, 5));
	assert.ok(open() <= before + 2, `${before} before, ${open()} after`);
});

test('the list has pages', async () => {
	const listed: string[] = [];
	for (let next: string | undefined = ''; next !== undefined; ) {
		const query: string = next === '' ? '' : `&after=${next}`;
		const response = await fetch(`${running.north}${api}?limit=2${query}`);
		const page = (await response.json()) as { artifacts: { digest: string }[]; next?: string };
		assert.ok(page.artifacts.length <= 2);
		listed.push(...page.artifacts.map((one) => one.digest));
		next = page.next;
	}
	assert.deepEqual(listed, [...new Set(listed)].sort());
	assert.ok(listed.includes(digest));
	for (const query of ['after=x', 'limit=0', 'limit=1001', 'limit=x']) {
		assert.equal((await fetch(`${running.north}${api}?${query}`)).status, 400, query);
	}
});

test('the administration is not on the southbound port', async () => {
	for (const method of ['GET', 'PUT', 'DELETE']) {
		const init = { method, ...(method === 'PUT' && { body: 'x' }) };
		const { status } = await fetch(`${running.south}${api}/sha256/${digest}`, init);
		assert.ok([404, 405].includes(status), `${method}: ${status}`);
	}
	assert.equal((await get(digest)).status, 200);
});

test('digests that are none are refused by the administration', async () => {
	for (const name of ['x', digest.toUpperCase(), `${digest}0`, '%2e%2e%2f', 'a%00b']) {
		for (const method of ['GET', 'PUT', 'DELETE']) {
			const init = { method, ...(method === 'PUT' && { body: 'x' }) };
			const { status } = await fetch(`${running.north}${api}/sha256/${name}`, init);
			assert.equal(status, 400, `${method} ${name}`);
		}
	}
});

const json = { 'content-type': 'application/json' };
const workflow = {
	name: 'artifact-test',
	states: [{ name: 'NEW' }, { name: 'BUSY' }, { name: 'DONE' }],
	transitions: [
		{ from: 'NEW', to: 'BUSY', eligible: 'WFX' },
		{ from: 'BUSY', to: 'DONE', eligible: 'WFX' },
	],
};
const wfx = async (method: string, path: string, value: unknown) => {
	const init = { method, body: JSON.stringify(value), headers: json };
	const response = await fetch(`${running.north}/api/wfx/v1${path}`, init);
	assert.ok(response.ok, await response.clone().text());
	return (await response.json()) as { id: string };
};
const remove = (name: string) => fetch(`${running.north}${api}/sha256/${name}`, { method: 'DELETE' });

test('an artifact is kept while an unfinished job names it, and deleted with an audit row afterwards', async () => {
	const wanted = sampleBytes(50, 30);
	const name = sha256(wanted);
	await put(name, wanted);
	await wfx('POST', '/workflows', workflow);
	const url = `http://10.0.0.1:8080/artifacts/sha256/${name.toUpperCase()}/x.swu`;
	const definition = { artifacts: [{ name: 'x', uri: url }] };
	const { id } = await wfx('POST', '/jobs', { clientId: 'c', workflow: workflow.name, definition });
	// More than one page of others.
	const clientIds = Array.from({ length: 1100 }, (_, index) => `other-${index}`);
	const bulk = { clientIds, workflow: workflow.name, definition: {} };
	const created = await fetch(`${running.north}/api/caisson/v1/jobs/bulk-create`, {
		...{ method: 'POST', headers: json, body: JSON.stringify(bulk) },
	});
	assert.equal(created.status, 201);
	for (const state of ['NEW', 'BUSY']) {
		if (state !== 'NEW') await wfx('PUT', `/jobs/${id}/status`, { state });
		const response = await remove(name);
		assert.deepEqual([response.status, await codeOf(response.clone())], [409, 'artifact-in-use']);
		assert.match(await response.text(), new RegExp(id));
		assert.equal((await get(name)).status, 200);
	}
	await wfx('PUT', `/jobs/${id}/status`, { state: 'DONE' });
	assert.equal((await remove(name)).status, 204);
	const row = await lastAudit();
	assert.deepEqual([row?.action, row?.subject, row?.detail], ['artifact.delete', name, { size: 50 }]);
	assert.equal((await get(name)).status, 404);
	const again = await remove(name);
	assert.deepEqual([again.status, await codeOf(again)], [404, 'artifact-not-found']);
});
