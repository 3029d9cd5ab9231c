import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { archiveMirror, defaultMirror } from './mirror.ts';

async function mirrorOf(files: Readonly<Record<string, string>>): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), 'caisson-apt-'));
	try {
		for (const [name, text] of Object.entries(files)) {
			await mkdir(dirname(join(folder, name)), { recursive: true });
			await writeFile(join(folder, name), text);
		}
		return await archiveMirror(folder);
	} finally {
		await rm(folder, { recursive: true });
	}
}

test('a site mirror signed with Debian’s keys is taken from deb822 sources', async () => {
	const stanza = (uri: string) =>
		`Types: deb\nURIs: ${uri}\nSuites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n`;
	const text = `${stanza('http://mirror.example/debian-security')}\n${stanza('http://mirror.example/debian/')}`;
	assert.equal(await mirrorOf({ 'sources.list.d/debian.sources': text }), 'http://mirror.example/debian');
});

test('Debian’s own host is taken from a one-line source with options', async () => {
	const text = '# comment\ndeb [arch=amd64] https://ftp.de.debian.org/debian bookworm main contrib\n';
	assert.equal(await mirrorOf({ 'sources.list': text }), 'https://ftp.de.debian.org/debian');
});

test('archives of third parties for Debian are passed over', async () => {
	const docker = 'deb [signed-by=/etc/apt/keyrings/docker.asc] https://download.example/linux/debian bookworm main\n';
	assert.equal(await mirrorOf({ 'sources.list.d/docker.list': docker }), defaultMirror);
});

test('without sources it is deb.debian.org', async () => {
	assert.equal(await mirrorOf({}), defaultMirror);
});
