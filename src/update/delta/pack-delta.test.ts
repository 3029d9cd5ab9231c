// Packing of deltas: what zck and rdiff of Debian made goes in where it gives the image, and nothing else does.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { edited, noise } from '../../../testing/delta/synthetic.ts';
import type { DescribedArtifact } from '../../format/sw-description/description.ts';
import { fileKeys } from '../../outside/signer/keys.ts';
import { packUpdate } from '../pack.ts';
import { readUpdate } from '../read.ts';
import type { Signer } from '../signer.ts';

const lacking = ['zck', 'rdiff'].filter((program) => spawnSync(program, ['--version']).error !== undefined);
const skip = lacking.length > 0 ? `${lacking.join(' and ')} not installed` : false;

const folder = mkdtempSync(join(tmpdir(), 'caisson-pack-delta-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string) => join(folder, name);
const base = noise(1, 1_500_000);
const target = edited(base);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
let signer: Signer;
let headerSize = 0;

function run(program: string, ...words: string[]): string {
	const { status, stdout, stderr } = spawnSync(program, words, { cwd: folder, encoding: 'utf8' });
	assert.equal(status, 0, stderr);
	return stdout;
}

before(async () => {
	if (skip) return;
	const testdata = (name: string) => fileURLToPath(new URL(`../../../testdata/update/keys/${name}`, import.meta.url));
	signer = await fileKeys.openSigner({ keyFile: testdata('rsa.key.pem'), certificateFile: testdata('rsa.cert.pem') });
	writeFileSync(file('old.img'), base);
	writeFileSync(file('new.img'), target);
	const zck = (output: string, ...words: string[]) => run('zck', ...words, 'new.img', '-o', output);
	zck('new.zck', '-u', '--chunk-hash-type', 'sha256');
	zck('no-u.zck', '--chunk-hash-type', 'sha256');
	zck('other-hashes.zck', '-u', '--chunk-hash-type', 'sha512');
	zck('dictionary.zck', '-u', '--chunk-hash-type', 'sha256', '-D', 'old.img');
	headerSize = Number(/Header size: (\d+)/.exec(run('zck_read_header', 'new.zck'))?.[1]);
	const whole = readFileSync(file('new.zck'));
	writeFileSync(file('new.zckhdr'), whole.subarray(0, headerSize));
	writeFileSync(file('shorter.zckhdr'), whole.subarray(0, headerSize - 10));
	const flipped = Buffer.from(whole);
	flipped[headerSize + 5000] = (flipped[headerSize + 5000] as number) ^ 1;
	writeFileSync(file('flipped.zck'), flipped);
	writeFileSync(file('cut.zck'), whole.subarray(0, whole.length - 1));
	const changed = Buffer.from(target);
	changed[700_000] = (changed[700_000] as number) ^ 1;
	writeFileSync(file('other.img'), changed);
	run('rdiff', '-b', '1024', 'signature', 'old.img', 'signature');
	run('rdiff', 'delta', 'signature', 'new.img', 'new.rdiff');
	const delta = readFileSync(file('new.rdiff'));
	writeFileSync(file('cut.rdiff'), delta.subarray(0, delta.length - 1));
	writeFileSync(file('new.rdiff.gz'), gzipSync(delta));
	writeFileSync(file('new.rdiff.zst'), zstdCompressSync(delta));
	const wrongBase = Buffer.from(base);
	wrongBase.writeUInt32LE(12345, 200_000);
	writeFileSync(file('wrong-base.img'), wrongBase);
});

const deltaProperties = { url: 'http://server/new.zck', source: '/dev/p2', chain: 'raw' };
const zckImage = (more: object = {}) => ({
	type: 'delta',
	source: 'new.zck',
	device: '/dev/p3',
	properties: deltaProperties,
	...more,
});
const rdiffImage = (more: object = {}) => ({
	type: 'rdiff_image',
	source: 'new.rdiff',
	device: '/dev/p3',
	base: 'old.img',
	result: 'new.img',
	properties: { rdiffbase: ['/dev/p2'] },
	...more,
});
const pack = async (lists: object) => {
	const value = { version: '1', 'hardware-compatibility': 'any', ...lists };
	const output = file('x.swu');
	rmSync(output, { force: true });
	const packed = await packUpdate({ specification: { value }, baseDirectory: folder, signer, output });
	const read = await readUpdate(output);
	return { packed, read, section: read.description.sections[0] };
};
const readbackOf = (scripts: readonly DescribedArtifact[] | undefined) => ({
	attributes: scripts?.[0]?.attributes,
	properties: scripts?.[0]?.properties,
});
const proof = (device: string) => ({
	attributes: { type: 'readback', device },
	properties: { sha256: sha256(target), size: String(target.length), offset: '0' },
});
async function refused(lists: object, code: string, message: RegExp): Promise<void> {
	await assert.rejects(pack(lists), { code, message });
	assert.deepEqual(
		readdirSync(folder).filter((name) => name.startsWith('.') || name === 'x.swu'),
		[],
	);
}

describe('packing a zchunk delta', { skip }, () => {
	it('packs the header of the .zck, and a readback of the image that it gives', async () => {
		const { packed, section } = await pack({ images: [zckImage()] });
		assert.equal(packed.members[2]?.name, 'new.zckhdr');
		assert.equal(packed.members[2]?.sha256, sha256(readFileSync(file('new.zckhdr'))));
		assert.equal(section?.images[0]?.attributes.type, 'delta');
		assert.deepEqual(section?.images[0]?.properties, deltaProperties);
		assert.deepEqual(readbackOf(section?.scripts), proof('/dev/p3'));
	});

	it('takes the image as a second witness, and as the only one where there is only the header', async () => {
		for (const source of ['new.zck', 'new.zckhdr']) {
			const { packed, section } = await pack({ images: [zckImage({ source, result: 'new.img' })] });
			assert.equal(packed.members[2]?.name, 'new.zckhdr');
			assert.deepEqual(readbackOf(section?.scripts), proof('/dev/p3'));
		}
	});

	it('reads a file back by its path', async () => {
		const properties = { ...deltaProperties, source: '/data/old', chain: 'rawfile' };
		const { section } = await pack({ files: [{ type: 'delta', source: 'new.zck', path: '/data/new', properties }] });
		assert.deepEqual(readbackOf(section?.scripts), proof('/data/new'));
	});

	it('packs no readback where it is told not to', async () => {
		const { section } = await pack({ images: [zckImage({ readback: false })] });
		assert.deepEqual(section?.scripts, []);
	});

	it('packs a header on trust only where it is told to, and says so in the description', async () => {
		const header = zckImage({ source: 'new.zckhdr' });
		await refused({ images: [header] }, 'delta-wrong', /^images\[0\]: new\.zckhdr: Of the header alone nothing tells/);
		const { section } = await pack({ images: [{ ...header, unverified: true }] });
		assert.equal(section?.images[0]?.properties['caisson-unverified'], 'true');
		assert.deepEqual(section?.scripts, []);
	});

	for (const [what, artifact, code, message] of [
		['a header that is 10 bytes short', { source: 'shorter.zckhdr' }, 'zchunk-malformed', /only \d+ are there/],
		['a .zck that is cut off', { source: 'cut.zck' }, 'zchunk-malformed', /bytes; its header tells of/],
		[
			'a .zck with one bit flipped',
			{ source: 'flipped.zck' },
			'delta-wrong',
			/Chunk \d+ is damaged: its checksum does not fit its stored bytes/,
		],
		[
			'a .zck of another image',
			{ result: 'other.img' },
			'delta-wrong',
			/Chunk \d+ .* other bytes than .*other\.img has/,
		],
		['an image of another length', { result: 'old.img' }, 'delta-wrong', /old\.img has 1500000 bytes; the \.zck gives/],
		['a .zck without checksums of the plain bytes', { source: 'no-u.zck' }, 'delta-wrong', /download all of it/],
		['a .zck with other checksums', { source: 'other-hashes.zck' }, 'delta-wrong', /SWUpdate compares SHA-256/],
		['a .zck with a dictionary', { source: 'dictionary.zck' }, 'delta-wrong', /dictionary/],
		['what is no .zck', { source: 'new.img' }, 'zchunk-malformed', /does not begin as a zchunk/],
		[
			'requests that SWUpdate cannot hold',
			{ properties: { ...deltaProperties, url: `http://server/${'x'.repeat(950)}`.repeat(34) } },
			'update-specification-invalid',
			/at most 1023/,
		],
	] as const) {
		it(`refuses ${what}`, () => refused({ images: [zckImage(artifact)] }, code, message));
	}
});

describe('packing an rdiff delta', { skip }, () => {
	it('packs it as it is or compressed, having applied it, with a readback', async () => {
		for (const more of [
			{},
			{ compress: 'zstd' },
			{ source: 'new.rdiff.gz', compressed: 'zlib' },
			{ source: 'new.rdiff.zst', compressed: 'zstd', 'installed-directly': true },
		]) {
			const { section } = await pack({ images: [rdiffImage(more)] });
			assert.deepEqual(section?.images[0]?.properties.rdiffbase, ['/dev/p2']);
			assert.deepEqual(readbackOf(section?.scripts), proof('/dev/p3'));
		}
	});

	it('packs rdiff_file, whose base is its target', async () => {
		const { type: _, device: __, properties: ___, ...rest } = rdiffImage();
		const { section } = await pack({ files: [{ ...rest, type: 'rdiff_file', path: '/data/image' }] });
		assert.deepEqual(readbackOf(section?.scripts), proof('/data/image'));
	});

	for (const [what, artifact, code, message] of [
		['a wrong base', { base: 'wrong-base.img' }, 'delta-wrong', /Applied to wrong-base\.img it does not give new\.img/],
		['a delta that is cut off', { source: 'cut.rdiff' }, 'delta-wrong', /cut\.rdiff: (rdiff patch failed|Applied to)/],
		['another result', { result: 'other.img' }, 'delta-wrong', /does not give other\.img/],
		['what is no delta', { source: 'new.img' }, 'delta-wrong', /bad magic number/],
		['a missing base', { base: 'nowhere.img' }, 'file-unusable', /nowhere\.img cannot be read/],
		[
			'a payload that only starts as if it were compressed',
			{ source: 'broken.gz', compressed: 'zlib' },
			'file-unusable',
			/broken\.gz cannot be read or expanded/,
		],
	] as const) {
		it(`refuses ${what}`, () => {
			writeFileSync(file('broken.gz'), Buffer.from([0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]));
			return refused({ images: [rdiffImage(artifact)] }, code, message);
		});
	}

	it('leaves nothing when it is interrupted while it applies the delta', async () => {
		const stop = new AbortController();
		const value = { version: '1', 'hardware-compatibility': 'any', images: [rdiffImage()] };
		const request = packUpdate({
			specification: { value },
			baseDirectory: folder,
			signer,
			output: file('y.swu'),
			signal: stop.signal,
			progress: ({ step, total }) => {
				if (step === 'verifying' && total !== undefined) stop.abort(new Error('interrupted'));
			},
		});
		await assert.rejects(request, /interrupted/);
		assert.ok(!readdirSync(folder).includes('y.swu'));
	});
});

describe('readback of plain images', { skip }, () => {
	it('is there where it is asked for, with the facts of the expanded image and the offset in bytes', async () => {
		writeFileSync(file('new.img.gz'), gzipSync(target));
		for (const more of [{}, { compress: 'zstd' }, { source: 'new.img.gz', compressed: 'zlib' }]) {
			const image = { source: 'new.img', device: '/dev/p3', offset: '4K', readback: true, ...more };
			const { section } = await pack({ images: [image] });
			const expected = proof('/dev/p3');
			assert.deepEqual(readbackOf(section?.scripts), {
				...expected,
				properties: { ...expected.properties, offset: '4096' },
			});
		}
	});
});
