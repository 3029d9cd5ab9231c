import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type RunningApplication, startApplication } from '../../testing/application/application.ts';
import { parseRanges } from './file-reply.ts';

const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251));
let folder: string;
let running: RunningApplication;

before(async () => {
	folder = mkdtempSync(join(tmpdir(), 'caisson-downloads-'));
	writeFileSync(join(folder, 'a.swu'), bytes);
	mkdirSync(join(folder, 'sub'));
	writeFileSync(join(folder, 'sub', '<b>.txt'), 'text');
	symlinkSync('/etc/passwd', join(folder, 'escape'));
	running = await startApplication({ downloads: () => folder });
});
after(async () => {
	await running.stop();
	rmSync(folder, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
	fetch(`${running.south}/download/${path}`, { headers, method, redirect: 'manual' });
const body = async (response: Response) => Buffer.from(await response.arrayBuffer());

test('a file comes whole, with its length and date', async () => {
	const response = await get('a.swu');
	assert.deepEqual([response.status, response.headers.get('content-length')], [200, '100000']);
	assert.equal(response.headers.get('content-type'), 'application/octet-stream');
	assert.ok((await body(response)).equals(bytes));
	const modified = response.headers.get('last-modified') ?? '';
	assert.equal((await get('a.swu', { 'if-modified-since': modified })).status, 304);
});

test('HEAD tells the length and sends nothing', async () => {
	const response = await get('a.swu', {}, 'HEAD');
	assert.deepEqual([response.status, response.headers.get('content-length')], [200, '100000']);
	assert.equal((await body(response)).length, 0);
});

test('one range is sent alone', async () => {
	const response = await get('a.swu', { range: 'bytes=10-19' });
	assert.equal(response.status, 206);
	assert.equal(response.headers.get('content-range'), 'bytes 10-19/100000');
	assert.ok((await body(response)).equals(bytes.subarray(10, 20)));
	const tail = await get('a.swu', { range: 'bytes=-5' });
	assert.ok((await body(tail)).equals(bytes.subarray(-5)));
});

test('several ranges are sent as parts in the order asked, with a boundary that SWUpdate can read', async () => {
	const parts = await get('a.swu', { range: 'bytes=90000-90009,0-3' });
	assert.equal(parts.status, 206);
	const boundary = /^multipart\/byteranges; boundary=([a-z-]+)$/.exec(parts.headers.get('content-type') ?? '')?.[1];
	assert.ok(boundary);
	const raw = await body(parts);
	assert.equal(parts.headers.get('content-length'), String(raw.length));
	const contents = raw.toString('latin1').split(`--${boundary}`).slice(1, -1);
	assert.deepEqual(
		contents.map((part) => Buffer.from(part.split('\r\n\r\n').slice(1).join('\r\n\r\n').slice(0, -2), 'latin1')),
		[bytes.subarray(90_000, 90_010), bytes.subarray(0, 4)].map((part) => Buffer.from(part)),
	);
});

test('a range that is not understood is refused, as wfx refuses it', async () => {
	for (const range of ['bytes=90000-90009,500-99', 'lines=0-1', 'bytes=-', 'bytes=a-b', 'bytes=1']) {
		const response = await get('a.swu', { range });
		assert.deepEqual([response.status, await response.text()], [416, 'invalid range\n'], range);
		assert.equal(response.headers.get('content-range'), null);
	}
});

test('conditions are looked at before ranges', async () => {
	const range = 'bytes=0-1';
	assert.equal((await get('a.swu', { range, 'if-match': '"x"' })).status, 412);
	assert.equal((await get('a.swu', { range, 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' })).status, 412);
	assert.equal((await get('a.swu', { range, 'if-none-match': '*' })).status, 304);
	assert.equal((await get('a.swu', { range, 'if-match': '*' })).status, 206);
});

test('a folder is its index.html, under no other name', async () => {
	mkdirSync(join(folder, 'site'), { recursive: true });
	writeFileSync(join(folder, 'site', 'index.html'), 'the index');
	assert.equal(await (await get('site/')).text(), 'the index');
	const named = await get('site/index.html?a=b');
	assert.deepEqual([named.status, named.headers.get('location')], [301, './?a=b']);
	const folded = await get('site');
	assert.deepEqual([folded.status, folded.headers.get('location')], [301, 'site/']);
	const slash = await get('a.swu/');
	assert.deepEqual([slash.status, slash.headers.get('location')], [301, '../a.swu']);
});

test('a range beyond the end cannot be satisfied, which is said without the header that crashes SWUpdate', async () => {
	const response = await get('a.swu', { range: 'bytes=100000-' });
	assert.equal(response.status, 416);
	assert.equal(response.headers.get('content-range'), null);
});

test('ranges that add up to more than the file are answered with the file', () => {
	assert.equal(parseRanges('bytes=0-99,0-99', 100), undefined);
	assert.equal(parseRanges(`bytes=${Array.from({ length: 10_000 }, () => '0-0').join(',')}`, 100_000), undefined);
	assert.deepEqual(parseRanges('bytes=0-0,-1', 100), [
		{ start: 0, end: 0 },
		{ start: 99, end: 99 },
	]);
	assert.equal(parseRanges('bytes=-', 100), 'invalid');
	assert.equal(parseRanges('bytes=-0', 100), 'unsatisfiable');
	for (const range of ['bytes=0-0', 'bytes=-1']) assert.equal(parseRanges(range, 0), undefined);
});

test('If-Range with another date gives the whole file', async () => {
	const response = await get('a.swu', { range: 'bytes=0-1', 'if-range': 'Mon, 01 Jan 2001 00:00:00 GMT' });
	assert.equal(response.status, 200);
	await body(response);
});

test('nothing outside the folder can be named', async () => {
	for (const path of ['escape', '..%2f..%2fetc%2fpasswd', 'sub/%2e%2e/%2e%2e/etc/passwd', 'a.swu%00', 'missing']) {
		const response = await get(path);
		assert.ok([404, 307].includes(response.status), `${path}: ${response.status}`);
		assert.doesNotMatch(String(await body(response)), /root:/);
	}
});

test('a folder is listed, with names that cannot become markup', async () => {
	assert.equal((await get('sub')).headers.get('location'), 'sub/');
	assert.match(String(await body(await get('sub/'))), /<a href="%3Cb%3E.txt">&lt;b&gt;.txt<\/a>/);
});
