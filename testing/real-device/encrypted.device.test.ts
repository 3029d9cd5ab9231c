// What Caisson encrypts and signs, Debian's own SWUpdate installs: AES keys of every length, compressed or not, signed in one
// step, afterwards, by several signers; and with a wrong key it installs nothing.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openSigner } from '../../src/outside/signer/open.ts';
import { createTestKey } from '../../src/outside/signer/test-key.ts';
import { readAesKey } from '../../src/update/encryption.ts';
import { packUpdate } from '../../src/update/pack.ts';
import { signUpdate } from '../../src/update/sign.ts';
import type { Signer, TestKey } from '../../src/update/signer.ts';
import { install } from './install.ts';
import { type DeviceRoot, prepareRoot, whyNot } from './root.ts';

const reason = await whyNot();
const keyPath = '/etc/update.key';

describe('SWUpdate installs what is encrypted and signed apart', { skip: reason, concurrency: 2 }, () => {
	let folder: string;
	let root: DeviceRoot;
	let keys: readonly [TestKey, TestKey];
	let certificate: string;
	const content = randomBytes(100_000);
	const text = Buffer.from('Only for the device.\n'.repeat(2000));
	const at = (name: string) => join(folder, name);

	before(async () => {
		folder = await mkdtemp(join(tmpdir(), 'caisson-encrypted-'));
		root = await prepareRoot({
			suite: process.env.CAISSON_DEVICE_SUITE || 'trixie',
			note: (line) => console.error(line),
		});
		const make = (name: string) => createTestKey(at(name), { now: Date.now(), bits: 2048, commonName: name });
		keys = [await make('first'), await make('second')];
		certificate = await readFile(keys[0].certificateFile, 'utf8');
		await writeFile(at('data'), content);
		await writeFile(at('text'), text);
	});
	after(() => rm(folder, { recursive: true, force: true }));

	const value = {
		version: '1',
		'hardware-compatibility': 'any',
		files: [
			{ source: 'data', path: '/opt/data', 'create-destination': true, encrypt: true },
			{ source: 'text', path: '/opt/text', 'create-destination': true, encrypt: true, compress: 'zstd' },
			{ source: 'text', filename: 'plain', path: '/opt/plain', 'create-destination': true },
		],
	};
	async function encrypted(name: string, bytes: number, signer?: Signer): Promise<{ file: string; key: string }> {
		const key = `${randomBytes(bytes).toString('hex')} ${randomBytes(16).toString('hex')}\n`;
		await writeFile(at(`${name}.key`), key, { mode: 0o600 });
		const encryption = await readAesKey(at(`${name}.key`), () => {});
		const request = { specification: { value }, baseDirectory: folder, output: at(`${name}.swu`), encryption };
		await packUpdate({ ...request, ...(signer === undefined ? {} : { signer }) });
		return { file: at(`${name}.swu`), key };
	}
	async function installed(update: string, key: string) {
		const wanted = ['/opt/data', '/opt/text', '/opt/plain'];
		const parameters = ['-K', keyPath];
		return install({ root, update, certificate, files: { [keyPath]: key }, parameters, wanted });
	}
	async function assertInstalled(update: string, key: string): Promise<void> {
		const { code, lines, held } = await installed(update, key);
		assert.equal(code, 0, lines.slice(-20).join('\n'));
		assert.ok(Buffer.from(held['/opt/data'] ?? []).equals(content));
		for (const path of ['/opt/text', '/opt/plain']) assert.ok(Buffer.from(held[path] ?? []).equals(text), path);
	}

	for (const bytes of [16, 24, 32]) {
		it(`with a key of ${bytes * 8} bits`, async () => {
			const { file, key } = await encrypted(`aes-${bytes}`, bytes, await openSigner(keys[0]));
			await assertInstalled(file, key);
		});
	}

	it('after it was signed apart, by two signers of which the device trusts one', async () => {
		const { file, key } = await encrypted('apart', 32);
		const { code, lines } = await installed(file, key);
		assert.notEqual(code, 0, `unsigned: ${lines.slice(-5).join('\n')}`);
		await signUpdate(file, await openSigner(keys[0]), at('signed.swu'), () => {});
		await assertInstalled(at('signed.swu'), key);
		// Debian builds with CMS_SKIP_UNKNOWN_SIGNERS: one known signer is enough.
		await signUpdate(file, await openSigner(...keys), at('both.swu'), () => {});
		await assertInstalled(at('both.swu'), key);
		await signUpdate(file, await openSigner(keys[1]), at('stranger.swu'), () => {});
		assert.notEqual((await installed(at('stranger.swu'), key)).code, 0);
	});

	it('not with another key', async () => {
		const { file } = await encrypted('wrong', 32, await openSigner(keys[0]));
		const { code, held } = await installed(file, `${'5a'.repeat(32)} ${'00'.repeat(16)}\n`);
		assert.notEqual(code, 0);
		assert.ok(!Buffer.from(held['/opt/data'] ?? []).equals(content));
	});
});
