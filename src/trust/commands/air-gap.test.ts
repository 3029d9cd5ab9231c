// Signing on a machine without a network: nothing that speaks to one is loaded, and it works where there is none.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const from = (name: string) => fileURLToPath(new URL(`../../../${name}`, import.meta.url));
const data = from('testdata/trust/ceremony');
const folder = mkdtempSync(join(tmpdir(), 'caisson-air-gap-'));
after(() => rmSync(folder, { recursive: true }));

// net and dgram come with node:child_process, which asks tokens.
const network = ['http', 'https', 'http2', 'tls', 'dns', 'internal/deps/undici/undici'];
const tell = `process.on('exit', () => console.error('LOADED ' + JSON.stringify(process.moduleLoadList)))`;
const words = (document: string) => [
	...['--disable-warning=ExperimentalWarning', '--import', `data:text/javascript,${encodeURIComponent(tell)}`],
	...[from('programs/cli.ts'), 'trust', 'sign', document, '--yes'],
	...['--key', join(data, 'bob.pem'), '--passphrase-file', join(data, 'passphrase')],
];

test('trust sign loads nothing that speaks to a network', () => {
	const document = join(folder, '1.root.json');
	cpSync(join(data, 'signed/1.root.json'), document);
	const { status, stdout, stderr } = spawnSync(process.execPath, words(document), { encoding: 'utf8' });
	assert.equal(status, 0, stderr);
	assert.match(stdout, /By root version 1: 2 needed, signed by alice, bob; complete/);
	assert.equal(JSON.parse(readFileSync(document, 'utf8')).signatures.length, 2);
	const loaded: string[] = JSON.parse(/LOADED (.*)/.exec(stderr)?.[1] ?? '[]');
	assert.ok(loaded.includes('NativeModule crypto'), 'the list tells what was loaded');
	assert.deepEqual(
		network.filter((name) => loaded.includes(`NativeModule ${name}`)),
		[],
	);
});

const isolated = spawnSync('unshare', ['--net', 'true']).status === 0;
test('trust sign works where there is no network', {
	skip: isolated ? false : 'unshare --net is not permitted',
}, () => {
	const document = join(folder, '1.root.json');
	cpSync(join(data, 'signed/1.root.json'), document);
	const run = spawnSync('unshare', ['--net', process.execPath, ...words(document)], { encoding: 'utf8' });
	assert.equal(run.status, 0, run.stderr);
	assert.match(run.stdout, /complete/);
});
