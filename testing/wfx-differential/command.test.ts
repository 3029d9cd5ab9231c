// The command as it is called: wrong use, an old Node, listing, and two servers that differ.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requestsOf } from './command.ts';
import { script } from './script/script.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

function run(words: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
	return new Promise((resolve) => {
		const child = spawn(process.execPath, ['testing/wfx-differential', ...words], { cwd: root });
		let [out, err] = ['', ''];
		child.stdout.on('data', (part) => {
			out += part;
		});
		child.stderr.on('data', (part) => {
			err += part;
		});
		child.on('close', (code) => resolve({ code, out, err }));
	});
}

/** A server without any job or workflow that answers every other GET with `text`; what is compared is up to the script. */
async function answering(text: string): Promise<{ url: string; close: () => void }> {
	const server = createServer((request, response) => {
		const empty = request.url?.includes('limit=100') === true;
		response.setHeader('content-type', empty ? 'application/json' : 'text/plain');
		response.end(empty ? '{"content":[]}' : text);
	});
	await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
	return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

test('the script has at least 250 requests, and no two steps of a chapter share a name', () => {
	assert.ok(script.reduce((sum, chapter) => sum + requestsOf(chapter), 0) >= 250);
	for (const chapter of script)
		assert.equal(new Set(chapter.steps.map((step) => step.name)).size, chapter.steps.length, chapter.name);
});

test('--list names every chapter', async () => {
	const { code, out } = await run(['--list']);
	assert.equal(code, 0);
	for (const chapter of script) assert.match(out, new RegExp(`^${chapter.name} `, 'm'));
});

test('wrong use ends with 2 and says what is wrong', async () => {
	for (const [words, message] of [
		[[], /expected 2 sides, got 0/],
		[['http://a,http://b'], /expected 2 sides, got 1/],
		[['http://a', 'http://b'], /"http:\/\/a" is not SOUTH,NORTH/],
		[['--only', 'nothing', 'a', 'b'], /no chapter nothing/],
		[['--nonsense'], /nonsense/],
		[['--format', 'xml', 'a', 'b'], /--format is text or json/],
	] as const) {
		const { code, err } = await run(words);
		assert.equal(code, 2);
		assert.match(err, message);
	}
});

test('a server that does not answer is trouble, not a difference', async () => {
	const gone = await answering('');
	gone.close();
	const { code, err } = await run([`${gone.url},${gone.url}`, `${gone.url},${gone.url}`]);
	assert.equal(code, 2);
	assert.match(err, /ECONNREFUSED/);
});

test('two servers that answer alike end with 0, two that do not with 1 and every difference', async (t) => {
	const [one, two] = [await answering('one'), await answering('two')];
	t.after(one.close);
	t.after(two.close);
	const [a, b] = [`${one.url},${one.url}`, `${two.url},${two.url}`];
	const same = await run(['--only', 'cross-origin', a, a]);
	assert.equal(same.code, 0);
	assert.match(same.out, /: 0 differences/);
	const different = await run(['--only', 'cross-origin', '--format', 'json', a, b]);
	assert.equal(different.code, 1);
	const { requests, differences } = JSON.parse(different.out);
	assert.equal(differences.length, requests);
	assert.deepEqual([differences[0].a, differences[0].b], ['"one"', '"two"']);
});
