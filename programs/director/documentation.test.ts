// Every command of docs/director.md runs as it stands there, in order, against an image repository on this machine.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TufRepository } from '../../testing/tuf-repository/repository.ts';
import { startFileServer } from '../../testing/tuf-repository/server.ts';

const page = await readFile(new URL('../../docs/director.md', import.meta.url), 'utf8');
const cli = new URL('../cli.ts', import.meta.url).pathname;

async function freePort(): Promise<number> {
	const server = createServer();
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as AddressInfo;
	await new Promise((resolve) => server.close(resolve));
	return port;
}

test('the commands of docs/director.md take an order from nothing to the device and back', async () => {
	const image = new TufRepository();
	image.addTarget('targets', 'releases/7.swu', 'seven', { hardware_ids: ['board-a'], release_counter: 7 });
	image.publish();
	const server = await startFileServer(image.source);
	const folder = await mkdtemp(join(tmpdir(), 'caisson-director-page-'));
	try {
		await writeFile(join(folder, 'image-root.json'), image.firstRoot);
		const shown = [...page.matchAll(/```sh\n([^`]+)```/g)].map(([, block]) => block as string).join('');
		const commands = shown
			.replaceAll('https://updates.example/tuf/targets', `${server.url}/targets`)
			.replaceAll('https://updates.example/tuf', `${server.url}/metadata`)
			.replaceAll('127.0.0.1:8090', `127.0.0.1:${await freePort()}`)
			.replace(/&$/m, '&\nuntil [ -S director/operator.sock ]; do kill -0 $!; sleep 0.1; done');
		// A program that becomes node, so that ending the job ends the director.
		await mkdir(join(folder, 'bin'));
		const start = `exec '${process.execPath}' --disable-warning=ExperimentalWarning '${cli}' "$@"`;
		await writeFile(join(folder, 'bin', 'caisson'), `#!/bin/sh\n${start}\n`, { mode: 0o755 });
		const script = `set -eu\numask 077\ntrap 'kill $(jobs -p); wait' EXIT\nPATH=$PWD/bin:$PATH\n${commands}`;
		const child = spawn('bash', ['-c', script], { cwd: folder });
		let output = '';
		for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
		const code = await new Promise((resolve) => child.once('close', resolve));
		assert.equal(code, 0, output);
		assert.match(output, /accepted +main: releases\/7\.swu\n.*accepted +main: nothing\n/);
		assert.equal(await readFile(join(folder, 'updates/releases/7.swu'), 'utf8'), 'seven');
	} finally {
		await server.close();
		await rm(folder, { recursive: true, force: true });
	}
});
