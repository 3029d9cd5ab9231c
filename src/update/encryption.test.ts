// Encrypted payloads: what openssl enc -d makes of them, that the same inputs give the same bytes, and how a key is read.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
	chmodSync,
	copyFileSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { readAesKey } from './encryption.ts';
import { type PackedUpdate, packUpdate } from './pack.ts';
import { type ReadUpdate, readUpdate } from './read.ts';
import { parseUpdateSpecification } from './rules/specification.ts';

const testdata = (name: string) => fileURLToPath(new URL(`../../testdata/update/${name}`, import.meta.url));
const key256 = '390ad54490a4a5f53722291023c19e08ffb5c4677a59e958c96ffa6e641df040';
const fileVector = 'd5d601bacfe13100b149177318ebc7a4';

const root = mkdtempSync(join(tmpdir(), 'caisson-encryption-'));
after(() => rmSync(root, { recursive: true }));
let directory: string;
let count = 0;
beforeEach(() => {
	directory = join(root, String(++count));
	mkdirSync(directory);
	for (const name of ['hello.txt', 'numbers.bin']) copyFileSync(testdata(`payload/${name}`), join(directory, name));
	writeFileSync(join(directory, 'empty'), '');
});
const at = (name: string) => join(directory, name);

async function openKey(text = `${key256} ${fileVector}\n`) {
	writeFileSync(at('key'), text, { mode: 0o600 });
	return await readAesKey(at('key'), (message) => assert.fail(message));
}
async function pack(
	files: readonly object[],
	output = 'x.swu',
	key = `${key256} ${fileVector}\n`,
): Promise<PackedUpdate> {
	const value = { version: '1', 'hardware-compatibility': 'any', files };
	const encryption = await openKey(key);
	return await packUpdate({ specification: { value }, baseDirectory: directory, output: at(output), encryption });
}
const hello = { source: 'hello.txt', path: '/h', encrypt: true };
const artifact = (update: ReadUpdate, index = 0) => update.description.sections[0]?.files[index];

/** What openssl makes of a member; undefined where openssl is not installed. */
function decrypted(update: ReadUpdate, index: number, cipher: string, key: string): Buffer | undefined {
	const member = update.members.find(({ name }) => name === artifact(update, index)?.filename);
	assert.ok(member !== undefined);
	const input = readFileSync(at('x.swu')).subarray(member.dataOffset, member.dataOffset + member.size);
	const words = ['enc', '-d', `-${cipher}`, '-K', key, '-iv', String(artifact(update, index)?.attributes.ivt)];
	const { status, stdout, error } = spawnSync('openssl', words, { input });
	if (error !== undefined) return undefined;
	assert.equal(status, 0);
	return stdout;
}

describe('encrypted payloads', () => {
	for (const [cipher, bytes] of [
		['aes-256-cbc', 32],
		['aes-192-cbc', 24],
		['aes-128-cbc', 16],
	] as const) {
		it(`are what openssl enc -d -${cipher} decrypts`, async (context) => {
			const key = key256.slice(0, bytes * 2);
			await pack([hello, { source: 'empty', path: '/e', encrypt: true }], 'x.swu', `${key} ${fileVector}`);
			const update = await readUpdate(at('x.swu'));
			const plain = decrypted(update, 0, cipher, key);
			if (plain === undefined) return context.skip('openssl is not installed (Debian package openssl)');
			assert.deepEqual(plain, readFileSync(at('hello.txt')));
			assert.equal(decrypted(update, 1, cipher, key)?.length, 0);
		});
	}

	it('are described as SWUpdate reads them: hash and size of the encrypted member, and the size that comes out', async () => {
		const packed = await pack([hello, { source: 'empty', path: '/e', encrypt: true }]);
		const update = await readUpdate(at('x.swu'));
		const described = artifact(update);
		assert.equal(described?.attributes.encrypted, true);
		assert.match(String(described?.attributes.ivt), /^[0-9a-f]{32}$/);
		assert.deepEqual(described?.properties, { 'decrypted-size': '15' });
		assert.equal(described?.sha256, update.members.find(({ name }) => name === 'hello.txt')?.sha256);
		assert.deepEqual(
			packed.members.slice(1).map(({ name, size }) => [name, size]),
			[
				['hello.txt', 16],
				['empty', 16],
			],
		);
		// SWUpdate takes a decrypted-size of 0 for an error (core/util.c, get_output_size).
		assert.deepEqual(artifact(update, 1)?.properties, {});
	});

	it('are compressed first, encrypted then', async (context) => {
		await pack([{ source: 'numbers.bin', path: '/n', compress: 'zlib', encrypt: true }]);
		const update = await readUpdate(at('x.swu'));
		assert.deepEqual(artifact(update)?.properties, { 'decompressed-size': '3001' });
		const compressed = decrypted(update, 0, 'aes-256-cbc', key256);
		if (compressed === undefined) return context.skip('openssl is not installed (Debian package openssl)');
		assert.deepEqual(gunzipSync(compressed), readFileSync(at('numbers.bin')));
	});

	it('are the same bytes for the same inputs, whatever vector the key file holds', async () => {
		const first = await pack([hello]);
		assert.equal((await pack([hello])).sha256, first.sha256);
		assert.equal((await pack([hello], 'x.swu', `${key256} ${'00'.repeat(16)}`)).sha256, first.sha256);
	});

	it('have a vector of their own: another content or another key, another vector', async () => {
		await pack([hello, { source: 'numbers.bin', path: '/n', encrypt: true }]);
		const update = await readUpdate(at('x.swu'));
		await pack([hello], 'x.swu', `${fileVector} ${fileVector}`);
		const other = await readUpdate(at('x.swu'));
		const vectors = [artifact(update, 0), artifact(update, 1), artifact(other)].map((each) => each?.attributes.ivt);
		assert.equal(new Set([...vectors, fileVector]).size, 4);
	});

	it('leave no plain copy behind', async () => {
		await pack([{ ...hello, compress: 'zstd' }]);
		assert.deepEqual(readdirSync(directory).sort(), ['empty', 'hello.txt', 'key', 'numbers.bin', 'x.swu']);
		assert.equal(readFileSync(at('x.swu')).includes('Hello'), false);
	});

	it('need a key', async () => {
		const value = { version: '1', 'hardware-compatibility': 'any', files: [hello] };
		const request = packUpdate({ specification: { value }, baseDirectory: directory, output: at('x.swu') });
		await assert.rejects(request, {
			code: 'update-specification-invalid',
			message: /files\[0\]: .*no key .*--aes-key/,
		});
	});

	it('may be encrypted already: then the specification says so', async () => {
		const files = [{ source: 'hello.txt', path: '/h', encrypted: true, ivt: fileVector }];
		await pack(files);
		const described = artifact(await readUpdate(at('x.swu')));
		assert.deepEqual([described?.attributes.encrypted, described?.attributes.ivt], [true, fileVector]);
		assert.equal(
			described?.sha256,
			createHash('sha256')
				.update(readFileSync(at('hello.txt')))
				.digest('hex'),
		);
	});
});

describe('encryption in a specification', () => {
	for (const [fields, message] of [
		['encrypt: true, encrypted: true', /both encrypt .* and encrypted/],
		[`encrypt: true, ivt: "${fileVector}"`, /both encrypt/],
		[`ivt: "${fileVector}"`, /needs encrypted: true/],
		['encrypted: true, ivt: "12"', /must be 32 hexadecimal digits/],
		['encrypt: true, type: swuforward', /swuforward of SWUpdate refuses it/],
	] as const) {
		it(`is refused: ${fields}`, () => {
			const text = `version: "1"\nhardware-compatibility: any\nimages: [{ source: a, device: /dev/a, ${fields} }]`;
			assert.throws(() => parseUpdateSpecification(text), { code: 'update-specification-invalid', message });
		});
	}
});

describe('a key file for AES', () => {
	it('is in the form of swupdate -K; what is not is refused without a digit of it', async () => {
		for (const text of [
			'',
			key256,
			`${key256} 00`,
			`${key256.slice(2)} ${fileVector}`,
			`${fileVector}${fileVector}zz x`,
		]) {
			await assert.rejects(openKey(text), ({ code, message }: Error & { code: string }) => {
				assert.equal(code, 'key-unusable');
				assert.match(message, /not in the form of swupdate -K/);
				assert.doesNotMatch(message, /390ad5|d5d601/);
				return true;
			});
		}
		await assert.rejects(
			readAesKey(at('nowhere'), () => {}),
			{ code: 'file-unusable', message: /ENOENT/ },
		);
	});

	it('draws a warning when others can read it', async () => {
		await openKey();
		chmodSync(at('key'), 0o644);
		const warnings: string[] = [];
		await readAesKey(at('key'), (message) => warnings.push(message));
		assert.match(warnings.join(), /can be read by others.*chmod 0600/);
	});
});
