// A package fetched from a small archive on this machine: what fits its digests is taken, everything else refused.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { CaissonError } from '../../src/errors.ts';
import { fetchFromArchive } from './debian-archive.ts';

const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
const indexPath = `main/binary-${architecture}/Packages.gz`;
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** An archive with one package, path → content. */
function archive(): Map<string, string | Uint8Array> {
	const deb = 'the bytes of a package';
	const stanza = (name: string) => `Package: ${name}\nFilename: pool/${name}.deb\nSHA256: ${sha256(deb)}\n`;
	const index = gzipSync(`${stanza('hello-traditional')}\n${stanza('hello')}\n`);
	return new Map<string, string | Uint8Array>([
		['/debian/dists/trixie/InRelease', `Suite: trixie\nSHA256:\n ${sha256(index)} ${index.length} ${indexPath}\n`],
		[`/debian/dists/trixie/${indexPath}`, index],
		['/debian/pool/hello.deb', deb],
	]);
}

/** Fetches `hello` from `files` served over HTTP. */
async function fetchHello(files: ReadonlyMap<string, string | Uint8Array>, keyring = '/nonexistent', name = 'hello') {
	const server = createServer((request, response) => {
		const content = files.get(request.url ?? '');
		response.writeHead(content === undefined ? 404 : 200).end(content);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const folder = await mkdtemp(join(tmpdir(), 'caisson-archive-'));
	try {
		const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian`;
		const { signal } = new AbortController();
		const got = await fetchFromArchive({ name, folder, suite: 'trixie', mirror, signal, keyring }, 'apt was not asked');
		return { ...got, content: await readFile(got.file, 'utf8') };
	} finally {
		server.close();
		server.closeAllConnections();
		await rm(folder, { recursive: true });
	}
}

function refused(message: RegExp) {
	return (error: unknown) =>
		error instanceof CaissonError && error.code === 'package-unavailable' && message.test(error.message);
}

test('a package that fits its digests is fetched, and that no signature was checked is said', async () => {
	const { content, checked } = await fetchHello(archive());
	assert.equal(content, 'the bytes of a package');
	assert.match(checked, /signature was not checked/);
});

test('changed bytes of the package are refused', async () => {
	const files = archive().set('/debian/pool/hello.deb', 'other bytes');
	await assert.rejects(fetchHello(files), refused(/has the SHA-256/));
});

test('a changed index is refused', async () => {
	const files = archive().set(`/debian/dists/trixie/${indexPath}`, gzipSync('Package: hello\n'));
	await assert.rejects(fetchHello(files), refused(/has the SHA-256/));
});

test('an index that the release does not name is refused', async () => {
	const files = archive().set('/debian/dists/trixie/InRelease', 'Suite: trixie\n');
	await assert.rejects(fetchHello(files), refused(/does not list/));
});

test('a package that is not there is refused by its name', async () => {
	await assert.rejects(fetchHello(archive(), '/nonexistent', 'absent'), refused(/no package absent/));
	await assert.rejects(fetchHello(new Map()), refused(/HTTP 404/));
});

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const keys = await Promise.all([keyring, '/usr/bin/gpgv'].map((file) => access(file).catch((error: Error) => error)));
const skip = keys.some((result) => result instanceof Error) && 'gpgv and debian-archive-keyring are not both installed';

test('a release that Debian did not sign is refused where gpgv can tell', { skip }, async () => {
	await assert.rejects(fetchHello(archive(), keyring), refused(/not signed by Debian/));
});
