// The artifact commands against the real application, for what the case file (testdata/cli/server/artifact.txt) cannot
// show: large files, uploads and downloads that are cut off, artifacts that the disk has damaged.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
	appendFileSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	truncateSync,
	writeFileSync,
} from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type RunningApplication, startApplication } from '../../testing/application/application.ts';
import { runCaisson } from '../../testing/cli-cases/run-case.ts';
import type { ApiClient } from '../terminal/api-client.ts';
import { httpClient } from '../terminal/http-client.ts';
import { recordingTerminal } from '../terminal/recording-terminal.ts';
import { parseAddress } from '../terminal/server-address.ts';
import { writeWhole } from '../update/output-file.ts';
import { openSource } from './commands/source-file.ts';
import { artifactCommands } from './commands.ts';
import { sampleBytes, sha256 } from './contract.ts';

const maximum = 32 * 1024 * 1024;
let running: RunningApplication;
let folder: string;

before(async () => {
	running = await startApplication({ maxArtifactSize: () => maximum });
	folder = mkdtempSync(join(tmpdir(), 'caisson-artifact-'));
});
after(async () => {
	await running.stop();
	rmSync(folder, { recursive: true, force: true });
});

const environment = (north = running.north) => ({ CAISSON_SERVER: north, CAISSON_SOUTHBOUND: running.south });
const caisson = (words: string[], north?: string) => runCaisson(['artifact', ...words], '', environment(north));
const blobPath = (digest: string) => join(running.directory, 'blobs', 'sha256', digest.slice(0, 2), digest);
const incoming = () => readdirSync(join(running.directory, 'blobs', 'incoming'));
const lastAudit = async () => (await running.storage.audit.read(0, 100_000)).at(-1);

/** A file of this test alone. */
function sampleFile(name: string, size: number, seed: number): { path: string; bytes: Uint8Array; digest: string } {
	const bytes = sampleBytes(size, seed);
	const path = join(folder, name);
	writeFileSync(path, bytes);
	return { path, bytes, digest: sha256(bytes) };
}

async function added(name: string, size: number, seed: number) {
	const file = sampleFile(name, size, seed);
	assert.equal((await caisson(['add', file.path])).exit, 0);
	return file;
}

/** The server seen through a connection that passes only so many bytes each way, and then stalls or is cut. */
async function narrowed(t: TestContext, limit: { up?: number; down?: number }, then: 'stall' | 'cut') {
	const reached = Promise.withResolvers<void>();
	const { hostname, port } = new URL(running.north);
	const sockets: Socket[] = [];
	const relay = createServer((client) => {
		const server = connect(Number(port), hostname);
		sockets.push(client, server);
		const pass = (from: Socket, to: Socket, most = Number.POSITIVE_INFINITY) => {
			let passed = 0;
			from.on('data', (bytes) => {
				passed += bytes.length;
				if (passed <= most) to.write(bytes);
				else {
					// Where it stalls, what comes is dropped, not left waiting: a paused socket does not see its end.
					if (then === 'cut') for (const socket of [client, server]) socket.destroy();
					reached.resolve();
				}
			});
			from.on('error', () => undefined).on('close', () => to.destroy());
		};
		pass(client, server, limit.up);
		pass(server, client, limit.down);
	});
	relay.listen(0, '127.0.0.1');
	await once(relay, 'listening');
	t.after(() => {
		relay.close();
		for (const socket of sockets) socket.destroy();
	});
	return { north: `http://127.0.0.1:${(relay.address() as AddressInfo).port}`, reached: reached.promise };
}

/** The command as a process, ended by Ctrl-C once `when` is there. @returns its exit code and what it wrote */
async function interruptedProcess(t: TestContext, words: string[], north: string, when: Promise<void>) {
	const program = fileURLToPath(new URL('../../bin/caisson', import.meta.url));
	const child = spawn(program, ['artifact', ...words], { env: { ...process.env, ...environment(north) } });
	t.after(() => child.kill('SIGKILL'));
	let output = '';
	for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
	await when;
	child.kill('SIGINT');
	const [code] = await once(child, 'close');
	return { code, output };
}

test('what is added is served to devices at the URL that is printed', async () => {
	const { path, bytes, digest } = sampleFile('a b%ü.swu', 3_000_001, 1);
	const { stdout, exit } = await caisson(['add', path]);
	const [printed, url] = stdout.trim().split('  ');
	assert.deepEqual([printed, exit], [digest, 0]);
	assert.equal(url, `${running.south}/artifacts/sha256/${digest}/a%20b%25%C3%BC.swu`);
	const response = await fetch(url ?? '');
	assert.ok(Buffer.from(await response.arrayBuffer()).equals(bytes));
});

test('a file of no bytes is added and comes back', async () => {
	const { digest } = await added('nothing', 0, 0);
	const output = join(folder, 'nothing.back');
	assert.equal((await caisson(['get', digest, '-o', output])).exit, 0);
	assert.equal(readFileSync(output).length, 0);
});

test('what is there already is not sent again, unless that is asked for', async () => {
	const { path } = await added('twice', 1000, 2);
	const row = await lastAudit();
	const { stderr, exit } = await caisson(['add', path]);
	assert.equal(exit, 0);
	assert.match(stderr, /there already, since 20.*Z; nothing was sent/);
	assert.deepEqual(await lastAudit(), row);
	assert.equal((await caisson(['add', '--again', path])).exit, 0);
	assert.deepEqual((await lastAudit())?.detail, { size: 1000, replaced: true });
});

test('a file above the server’s maximum is refused, whatever its size, and the ones before it stay', async () => {
	const small = sampleFile('small', 10, 3);
	const large = join(folder, 'large');
	writeFileSync(large, '');
	truncateSync(large, 200 * 1024 * 1024);
	const { stdout, stderr, exit } = await caisson(['add', '--format', 'json', small.path, large]);
	assert.equal(exit, 2);
	assert.match(stderr, /"code":"request-too-large","message":"the artifact has more than 33554432 bytes/);
	const { artifacts } = JSON.parse(stdout);
	assert.deepEqual(
		artifacts.map((artifact: { digest: string }) => artifact.digest),
		[small.digest],
	);
	assert.deepEqual(incoming(), []);
});

test('a pipe is no file to upload', async () => {
	const pipe = join(folder, 'pipe');
	assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
	const { stderr, exit } = await caisson(['add', pipe]);
	assert.equal(exit, 2);
	assert.match(stderr, /no regular file.*\[file-unusable\]/);
});

for (const [change, expected] of [
	['longer', /became longer while it was read/],
	['shorter', /became shorter while it was read/],
] as const) {
	test(`a file that becomes ${change} while it is read is not uploaded`, async () => {
		const { path } = sampleFile(change, 1_000_000, 4);
		const file = await openSource(path);
		try {
			await assert.rejects(async () => {
				for await (const _ of file.chunks(new AbortController().signal, () => undefined)) {
					if (change === 'longer') appendFileSync(path, 'x');
					else truncateSync(path, 300_000);
				}
			}, expected);
		} finally {
			await file.close();
		}
	});
}

/** The real client, which calls `onUpload` before each chunk that it sends. */
function watchedClient(onUpload: (index: number) => void, signal: AbortSignal): ApiClient {
	const client = httpClient({ address: parseAddress(running.north, 'test') }, signal);
	async function* watched(chunks: AsyncIterable<Uint8Array>) {
		let index = 0;
		for await (const chunk of chunks) {
			onUpload(index++);
			yield chunk;
		}
	}
	return {
		...client,
		request: (method, path, request = {}) => {
			const { content } = request;
			const sent = content && { content: { ...content, chunks: watched(content.chunks) } };
			return client.request(method, path, { ...request, ...sent });
		},
	};
}

async function addWatched(path: string, onUpload: (index: number) => void, signal: AbortSignal) {
	const api = watchedClient(onUpload, signal);
	const terminal = recordingTerminal({ api, interrupted: signal, onTerminal: true });
	const words = ['add', '--southbound', running.south, path];
	await artifactCommands(terminal, { writeWhole }).parseAsync(words, { from: 'user' });
	return terminal;
}

test('a file that changes between its digest and its upload is refused by the server', async () => {
	const { path, digest } = sampleFile('changing', 2_000_000, 5);
	const change = (index: number) => {
		if (index === 0) writeFileSync(path, sampleBytes(2_000_000, 6));
	};
	const never = new AbortController().signal;
	await assert.rejects(addWatched(path, change, never), { code: 'digest-mismatch' });
	assert.equal((await caisson(['show', digest])).exit, 1);
});

test('on a terminal the progress of reading and of uploading is shown', async () => {
	const { path } = sampleFile('shown', 2_000_000, 7);
	const terminal = await addWatched(path, () => undefined, new AbortController().signal);
	assert.match(terminal.stderrText, /Reading shown: 100 % of 2.00 MB/);
	assert.match(terminal.stderrText, /Uploading shown: 26 % of 2.00 MB[\s\S]*Uploading shown: 100 %/);
});

test('an upload that is aborted leaves nothing on the server, and can be given again', async () => {
	const { path, digest } = sampleFile('aborted', 20_000_000, 8);
	const row = await lastAudit();
	const interrupted = new AbortController();
	const abort = (index: number) => {
		if (index === 20) interrupted.abort(new Error('Ctrl-C'));
	};
	await assert.rejects(addWatched(path, abort, interrupted.signal), /Ctrl-C/);
	while (incoming().length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
	assert.match((await caisson(['show', digest])).stderr, /artifact-not-found/);
	assert.deepEqual(await lastAudit(), row);
	assert.equal((await caisson(['add', path])).exit, 0);
	assert.match((await caisson(['verify', digest])).stdout, /intact/);
});

test('Ctrl-C in an upload ends the command with 130 and leaves no artifact on the server', async (t) => {
	const { path, digest } = sampleFile('ctrl-c', 20_000_000, 9);
	const { north, reached } = await narrowed(t, { up: 5_000_000 }, 'stall');
	const { code, output } = await interruptedProcess(t, ['add', path], north, reached);
	assert.deepEqual([code, output], [130, '']);
	while (incoming().length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
	assert.match((await caisson(['show', digest])).stderr, /artifact-not-found/);
});

test('a connection that is cut in a small upload is trouble, and nothing is kept', async (t) => {
	const { path, digest } = sampleFile('cut', 4_000_000, 10);
	const { north } = await narrowed(t, { up: 1_000_000 }, 'cut');
	const { stdout, stderr, exit } = await caisson(['add', path], north);
	assert.deepEqual([stdout, exit], ['', 2]);
	assert.match(stderr, /connection was closed.*\[server-unreachable\]/);
	assert.match((await caisson(['show', digest])).stderr, /artifact-not-found/);
});

/** A folder with one file in it, which a download is to replace. */
function targetIn(name: string): { path: string; leftovers: () => string[]; text: () => string } {
	const own = join(folder, name);
	mkdirSync(own);
	const path = join(own, 'update.swu');
	writeFileSync(path, 'before');
	return { path, leftovers: () => readdirSync(own), text: () => readFileSync(path, 'utf8') };
}

test('a download replaces the file by the bytes of the artifact', async () => {
	const { bytes, digest } = await added('whole', 5_000_000, 11);
	const target = targetIn('whole-target');
	const { stdout, exit } = await caisson(['get', `SHA256:${digest.toUpperCase()}`, '-o', target.path]);
	assert.deepEqual([stdout, exit], [`${target.path}: 5.00 MB, its digest is right\n`, 0]);
	assert.ok(readFileSync(target.path).equals(bytes));
	assert.deepEqual(target.leftovers(), ['update.swu']);
});

for (const [damage, how] of [
	['a flipped bit', (path: string, bytes: Buffer) => writeFileSync(path, bytes.fill(1, 70_000, 70_001))],
	['a lost end', (path: string) => truncateSync(path, 99_999)],
] as const) {
	test(`an artifact with ${damage} is found out by get and verify, and mended by add`, async () => {
		const { path, digest } = await added(`damaged by ${damage}`, 100_000, 12);
		how(blobPath(digest), readFileSync(blobPath(digest)));
		const target = targetIn(`target of ${damage}`);
		const got = await caisson(['get', digest, '-o', target.path]);
		assert.deepEqual([got.stdout, got.exit], ['', 1]);
		assert.match(got.stderr, /SHA-256 [0-9a-f]{64}, not .*was not written\. \[artifact-damaged\]/);
		assert.deepEqual([target.leftovers(), target.text()], [['update.swu'], 'before']);
		const verified = await caisson(['verify', digest]);
		assert.equal(verified.exit, 1);
		assert.match(verified.stdout, new RegExp(`^${digest}  damaged: its \\d+ bytes have the SHA-256`));
		// A length that is wrong shows without a download.
		await caisson(damage === 'a lost end' ? ['add', path] : ['add', '--again', path]);
		assert.deepEqual((await caisson(['verify', digest])).stdout, `${digest}  intact\n`);
		rmSync(blobPath(digest)); // both rounds use the same bytes
	});
}

test('a download that is cut leaves the file as it was', async (t) => {
	const { digest } = await added('cut-download', 5_000_000, 13);
	const { north } = await narrowed(t, { down: 2_000_000 }, 'cut');
	const target = targetIn('cut-target');
	const { stderr, exit } = await caisson(['get', digest, '-o', target.path], north);
	assert.equal(exit, 2);
	assert.match(stderr, /\[server-unreachable\]/);
	assert.deepEqual([target.leftovers(), target.text()], [['update.swu'], 'before']);
});

test('Ctrl-C in a download ends the command with 130 and leaves the file as it was', async (t) => {
	const { digest } = await added('ctrl-c-download', 5_000_000, 14);
	const { north, reached } = await narrowed(t, { down: 2_000_000 }, 'stall');
	const target = targetIn('ctrl-c-target');
	const { code, output } = await interruptedProcess(t, ['get', digest, '-o', target.path], north, reached);
	assert.deepEqual([code, output], [130, '']);
	assert.deepEqual([target.leftovers(), target.text()], [['update.swu'], 'before']);
});

test('a device file is not replaced by a download', async () => {
	const { digest } = await added('for-null', 10, 15);
	const { stderr, exit } = await caisson(['get', digest, '-o', '/dev/null']);
	assert.equal(exit, 2);
	assert.match(stderr, /Cannot write \/dev\/null: it is no regular file/);
});

test('an artifact that cannot be read to its end is not checked, the others are', async (t) => {
	const large = await added('unreadable', 5_000_000, 16);
	const small = await added('readable', 100, 17);
	const { north } = await narrowed(t, { down: 2_000_000 }, 'cut');
	const { stdout, exit } = await caisson(['verify', '--format', 'json', large.digest, small.digest], north);
	const { results } = JSON.parse(stdout);
	assert.deepEqual(
		results.map(({ digest, result }: { digest: string; result: string }) => [digest, result]),
		[
			[large.digest, 'not checked'],
			[small.digest, 'intact'],
		],
	);
	assert.equal(exit, 2);
});

test('an address that only this machine reaches is said to be one, unless a person named it', async () => {
	const { path } = sampleFile('local', 10, 18);
	const api = watchedClient(() => undefined, new AbortController().signal);
	const asked = async (words: string[]) => {
		const terminal = recordingTerminal({ api });
		await artifactCommands(terminal, { writeWhole }).parseAsync(['add', ...words, path], { from: 'user' });
		return terminal.stderrText;
	};
	assert.match(await asked([]), /Only this machine reaches http:\/\/127\.0\.0\.1/);
	assert.doesNotMatch(await asked(['--southbound', running.south]), /Only this machine/);
});

test('an upload that is cut again and again goes on each time where it was', async (t) => {
	const { path, digest, bytes } = sampleFile('cut', 20_000_000, 90);
	const { north } = await narrowed(t, { up: 9_000_000 }, 'cut');
	const { exit, stderr } = await caisson(['add', path], north);
	assert.equal(exit, 0, stderr);
	const response = await fetch(`${running.south}/artifacts/sha256/${digest}`);
	assert.ok(Buffer.from(await response.arrayBuffer()).equals(bytes));
});

test('a command that is given again goes on where the one before it was interrupted', async (t) => {
	const { path, digest } = sampleFile('again', 20_000_000, 91);
	const { north, reached } = await narrowed(t, { up: 9_000_000 }, 'stall');
	await interruptedProcess(t, ['add', path], north, reached);
	const { exit, stderr } = await caisson(['add', path]);
	assert.equal(exit, 0, stderr);
	assert.match(stderr, /again: goes on behind [\d.]+ MB that the server has/);
	assert.equal((await fetch(`${running.south}/artifacts/sha256/${digest}`, { method: 'HEAD' })).status, 200);
});
