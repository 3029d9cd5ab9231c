// Packing, reading and verifying of .swu files, with GNU cpio and OpenSSL on the other side.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
	appendFileSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	truncateSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import { CaissonError } from '../errors.ts';
import { encodeHeader, padding } from '../format/cpio/header.ts';
import { fileKeys } from '../outside/signer/keys.ts';
import { type PackRequest, packUpdate } from './pack.ts';
import { readUpdate } from './read.ts';
import type { Signer } from './signer.ts';
import { verifyUpdate } from './verify.ts';

const testdata = (name: string) => fileURLToPath(new URL(`../../testdata/update/${name}`, import.meta.url));
const openSigner = (name: string) =>
	fileKeys.openSigner({
		keyFile: testdata(`keys/${name}.key.pem`),
		certificateFile: testdata(`keys/${name}.cert.pem`),
	});
const trust = { certificateFile: testdata('keys/rsa.cert.pem'), now: Date.parse('2030-01-01') };

const root = mkdtempSync(join(tmpdir(), 'caisson-pack-'));
after(() => rmSync(root, { recursive: true }));

let directory: string;
let signer: Signer;
let count = 0;
beforeEach(async () => {
	count++;
	directory = join(root, String(count));
	mkdirSync(directory);
	for (const name of ['hello.txt', 'numbers.bin']) copyFileSync(testdata(`payload/${name}`), join(directory, name));
	signer = await openSigner('rsa');
});

const specification = {
	version: '1.0',
	'hardware-compatibility': ['1.0'],
	files: [
		{ source: 'hello.txt', path: '/opt/hello.txt', 'create-destination': true },
		{ source: 'numbers.bin', path: '/opt/numbers.bin' },
	],
};
const pack = (more: Partial<PackRequest> = {}) =>
	packUpdate({
		specification: { value: specification },
		baseDirectory: directory,
		signer,
		output: join(directory, 'x.swu'),
		...more,
	});
const verify = (file: string) => verifyUpdate(file, fileKeys, trust);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const swuFiles = () => readdirSync(directory).filter((name) => name.includes('swu') || name.startsWith('.'));

describe('packUpdate', () => {
	it('writes sw-description, its signature, then the payloads, and verifies', async () => {
		const packed = await pack();
		const read = await readUpdate(packed.output);
		assert.deepEqual(
			read.members.map(({ name, sha256 }) => ({ name, sha256 })),
			packed.members.map(({ name, sha256 }) => ({ name, sha256 })),
		);
		assert.deepEqual(
			read.members.map(({ name }) => name),
			['sw-description', 'sw-description.sig', 'hello.txt', 'numbers.bin'],
		);
		assert.equal(read.members[2]?.sha256, sha256(readFileSync(testdata('payload/hello.txt'))));
		const verified = await verify(packed.output);
		assert.deepEqual([verified.ok, verified.findings, verified.artifacts], [true, [], 2]);
		assert.equal(packed.sha256, sha256(readFileSync(packed.output)));
	});

	it('writes the same bytes for the same inputs, on any day', async () => {
		// Changes only with the key of testdata or with what is written: then devices and caches see another update.
		const golden = 'f6e7ae960bf260cf60add9e313365b0b849696f73d29b8749b3900613e8c68a2';
		assert.equal((await pack()).sha256, golden);
		assert.equal((await pack({ output: join(directory, 'y.swu') })).sha256, golden);
	});

	it('reads the specification from a file, and sources beside it', async () => {
		writeFileSync(join(directory, 'spec.yaml'), JSON.stringify(specification));
		const packed = await packUpdate({
			specification: { file: join(directory, 'spec.yaml') },
			signer,
			output: join(directory, 'x.swu'),
		});
		assert.equal(packed.members.length, 4);
	});

	for (const [cpio, magic] of [
		['newc', '070701'],
		['crc', '070702'],
	] as const) {
		it(`writes the ${cpio} format when asked`, async () => {
			const { output } = await pack({ cpio });
			assert.equal(readFileSync(output, 'latin1').slice(0, 6), magic);
			assert.equal((await verify(output)).ok, true);
		});
	}

	it('compresses what it is told to, as SWUpdate expands it', async () => {
		const numbers = readFileSync(testdata('payload/numbers.bin'));
		for (const [compress, expand] of [
			['zlib', gunzipSync],
			['zstd', zstdDecompressSync],
		] as const) {
			const files = [{ source: 'numbers.bin', filename: 'n', path: '/n', compress }];
			const { output } = await pack({ specification: { value: { ...specification, files } } });
			const { description } = await readUpdate(output);
			const file = description.sections[0]?.files[0];
			assert.equal(file?.attributes.compressed, compress);
			assert.deepEqual(file?.properties, { 'decompressed-size': '3001' });
			const archive = readFileSync(output);
			const start = archive.indexOf(
				compress === 'zlib' ? Buffer.from([0x1f, 0x8b]) : Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
			);
			const size = (await readUpdate(output)).members[2]?.size ?? 0;
			assert.deepEqual(expand(archive.subarray(start, start + size)), numbers);
		}
		assert.deepEqual(swuFiles(), ['x.swu']);
	});

	it('takes a source that is compressed already, and refuses one that only says so', async () => {
		writeFileSync(join(directory, 'n.gz'), gzipSync('numbers'));
		const files = (source: string) => ({
			value: { ...specification, files: [{ source, path: '/n', compressed: 'zlib' }] },
		});
		assert.equal((await verify((await pack({ specification: files('n.gz') })).output)).ok, true);
		await assert.rejects(pack({ specification: files('hello.txt') }), {
			code: 'update-specification-invalid',
			message: /files\[0\]: hello\.txt does not start like gzip/,
		});
	});

	it('packs an empty file', async () => {
		writeFileSync(join(directory, 'hello.txt'), '');
		assert.equal((await verify((await pack()).output)).ok, true);
	});

	it('names the source that is missing or no file, and leaves an older .swu as it was', async () => {
		writeFileSync(join(directory, 'x.swu'), 'older');
		for (const [source, reason] of [
			['nowhere', /nowhere cannot be read \(ENOENT\)/],
			['.', /is not a file/],
		] as const) {
			const files = [{ source, filename: 'a', path: '/a' }];
			await assert.rejects(pack({ specification: { value: { ...specification, files } } }), {
				code: 'file-unusable',
				message: reason,
			});
		}
		assert.equal(readFileSync(join(directory, 'x.swu'), 'utf8'), 'older');
		assert.deepEqual(swuFiles(), ['x.swu']);
	});

	it('refuses a source that changes while it is packed, and leaves nothing', async () => {
		const growing = join(directory, 'numbers.bin');
		const progress = ({ step }: { step: string }) => {
			if (step === 'writing') appendFileSync(growing, 'more');
		};
		await assert.rejects(pack({ progress }), { code: 'file-unusable', message: /numbers\.bin changed while/ });
		assert.deepEqual(swuFiles(), []);
	});

	it('leaves nothing when it is interrupted', async () => {
		for (const at of ['reading', 'compressing', 'writing']) {
			const files = [{ source: 'numbers.bin', path: '/n', compress: 'zstd' }, ...specification.files];
			const stop = new AbortController();
			const request = pack({
				specification: { value: { ...specification, files } },
				signal: stop.signal,
				progress: ({ step }) => {
					if (step === at) stop.abort(new Error('interrupted'));
				},
			});
			await assert.rejects(request, at);
			assert.deepEqual(swuFiles(), [], at);
		}
	});

	it('leaves nothing when signing fails', async () => {
		const broken: Signer = {
			...signer,
			sign: async () => {
				throw new CaissonError('key-unusable', 'The token is gone.');
			},
		};
		await assert.rejects(pack({ signer: broken }), { code: 'key-unusable' });
		assert.deepEqual(swuFiles(), []);
	});

	it('refuses what 32 bits of size cannot hold before it reads it', async () => {
		const big = join(directory, 'big');
		writeFileSync(big, '');
		truncateSync(big, 2 ** 32);
		let read = 0;
		const files = [{ source: 'big', path: '/big' }];
		const progress = () => {
			read++;
		};
		await assert.rejects(pack({ specification: { value: { ...specification, files } }, progress }), {
			code: 'update-specification-invalid',
			message: /big has 4294967296 bytes; a \.swu \(cpio\) holds at most 4294967295/,
		});
		assert.equal(read, 0);
	});

	it('says that the folder of the output cannot be written', async () => {
		await assert.rejects(pack({ output: join(directory, 'no', 'x.swu') }), {
			code: 'file-unusable',
			message: /no\/x\.swu cannot be written \(ENOENT\)/,
		});
	});
});

describe('verifyUpdate', () => {
	it('accepts a .swu that GNU cpio and openssl made', async () => {
		const verified = await verify(testdata('reference.swu'));
		assert.deepEqual([verified.ok, verified.version], [true, '2.0.1']);
	});

	it('finds a payload that was changed, whatever the checksums of the archive say', async () => {
		const { output } = await pack({ cpio: 'newc' });
		const bytes = readFileSync(output);
		bytes[bytes.indexOf('Hello, device.')] = 0x4a;
		writeFileSync(output, bytes);
		const verified = await verify(output);
		assert.equal(verified.ok, false);
		assert.match(verified.findings.join(), /^files\[0\]: "hello\.txt" has SHA-256 /);
	});

	it('finds a description that was changed after it was signed', async () => {
		const { output } = await pack({ cpio: 'newc' });
		const bytes = readFileSync(output);
		bytes.write('9', bytes.indexOf('"1.0"') + 1);
		writeFileSync(output, bytes);
		assert.match((await verify(output)).findings.join(), /^The signature is not valid: it does not belong/);
	});

	it('finds another signer', async () => {
		const { output } = await pack({ signer: await openSigner('p256') });
		const verified = await verify(output);
		assert.match(verified.findings.join(), /signer O=Caisson tests, CN=P-256 signer is not trusted/);
	});

	it('finds that there is no signature', async () => {
		const text = new TextEncoder().encode('software = { version = "1"; };');
		const unsigned = [
			encodeHeader('newc', { name: 'sw-description', size: text.length, inode: 1 }),
			text,
			padding(text.length),
		];
		const whole = readFileSync((await pack({ cpio: 'newc' })).output);
		const rest = whole.subarray(whole.indexOf('070701', whole.indexOf('hello.txt\0') - 120));
		writeFileSync(join(directory, 'u.swu'), Buffer.concat([...unsigned, rest]));
		assert.match((await verify(join(directory, 'u.swu'))).findings[0] ?? '', /not signed: its second member is not/);
	});

	it('refuses what is no .swu at once', async () => {
		const file = join(directory, 'no.swu');
		const header = encodeHeader('newc', { name: 'hello', size: 0xffff_ffff, inode: 1 });
		for (const [bytes, reason] of [
			[Buffer.alloc(0), /cut off before its end mark/],
			[Buffer.from('PK'.repeat(500)), /no cpio header/],
			[header, /first member must be sw-description, not "hello"/],
			[encodeHeader('newc', { name: 'sw-description', size: 0xffff_ffff, inode: 1 }), /at most 1048576 are read/],
		] as const) {
			writeFileSync(file, bytes);
			await assert.rejects(verify(file), { code: 'update-malformed', message: reason });
		}
	});

	it('answers a .swu cut at any offset with update-malformed', async () => {
		const whole = readFileSync((await pack()).output);
		const end = whole.indexOf('TRAILER!!!') + 'TRAILER!!!'.length + 1;
		const file = join(directory, 'cut.swu');
		for (let length = 0; length < end; length += 37) {
			writeFileSync(file, whole.subarray(0, length));
			await assert.rejects(verify(file), { code: 'update-malformed' }, `cut at ${length}`);
		}
		assert.equal(existsSync(join(directory, 'x.swu')), true);
	});
});
