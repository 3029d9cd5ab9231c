// The pre-flight check on whole files: hostile archives, payloads that are expanded and applied. Its verdicts beside the
// real SWUpdate's are in testing/swupdate-verdict.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { fileKeys } from '../../outside/signer/keys.ts';
import { parseDeviceProfile } from '../rules/device-profile.ts';
import { readArchive } from './archive.ts';
import { checkUpdate } from './check-update.ts';
import { expandedOutput, type PayloadBytes } from './expand.ts';
import { HashingOutput } from './hashing-output.ts';
import { rdiffOutput } from './rdiff-delta.ts';

const testdata = (name: string) => fileURLToPath(new URL(`../../../testdata/update/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'caisson-check-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'x');

const reference = readFileSync(testdata('reference.swu'));
const profile = parseDeviceProfile(
	JSON.stringify({
		swupdate: { version: '2024.12' },
		hardware: { board: 'b', revision: '1.0' },
		selection: 'stable,copyA',
		trust: { certificates: testdata('keys/rsa.cert.pem') },
	}),
);

function check(bytes: Uint8Array) {
	writeFileSync(file, bytes);
	return checkUpdate({ file, profile, localFile: (name) => name, keys: fileKeys, now: Date.now() });
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function payload(bytes: Uint8Array): PayloadBytes {
	return {
		size: bytes.length,
		read: async (start, length) => bytes.subarray(start, start + length),
		async *from(start) {
			for (let at = start; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
		},
	};
}

const bytesOf = (length: number, seed = 1) =>
	Uint8Array.from({ length }, (_, index) => (Math.imul(index + seed, 2654435761) >>> 13) & 0xff);

describe('a hostile archive', () => {
	it('gives a verdict wherever it is cut', async () => {
		const whole = await check(reference);
		assert.equal(whole.stage, 'after');
		for (let length = 0; length < reference.length - 512; length += 97) {
			const { verdict, stage } = await check(reference.subarray(0, length));
			assert.equal(verdict, 'refused', `cut at ${length}`);
			assert.ok(stage === 'archive' || stage === 'members', `cut at ${length}: ${stage}`);
		}
	});

	it('gives a verdict whichever byte is changed', async () => {
		for (let at = 0; at < reference.length; at += 53) {
			const { verdict } = await check(reference.with(at, (reference[at] as number) ^ 0x40));
			assert.equal(verdict, 'refused', `changed at ${at}`);
		}
	});

	it('with sizes that lie is read in bounded memory', async () => {
		const text = reference.toString('latin1');
		const at = text.indexOf('070702', 200) + 54;
		const lying = Buffer.from(reference);
		lying.write('FFFFFFFF', at, 'latin1');
		assert.equal((await check(lying)).verdict, 'refused');
		writeFileSync(file, lying);
		const { members } = await readArchive(file);
		assert.equal(members[1]?.complete, false);
	});

	it('that is none is refused at once', async () => {
		for (const bytes of [new Uint8Array(), new Uint8Array(5000), new TextEncoder().encode('hello')]) {
			const { stage, reason } = await check(bytes);
			assert.equal(stage, 'archive');
			assert.match(reason ?? '', /magic not found/);
		}
	});
});

describe('what a payload gives', () => {
	const plain = bytesOf(300_000);

	it('is what it expands to, and the start of it where a readback asks for that', async () => {
		for (const [kind, packed] of [
			['zlib', gzipSync(plain)],
			['zstd', zstdCompressSync(plain)],
		] as const) {
			const output = await expandedOutput(kind, payload(packed), [1000, 999_999]);
			assert.equal(output.size, plain.length);
			assert.equal(output.sha256?.get(plain.length), sha256(plain));
			assert.equal(output.sha256?.get(1000), sha256(plain.subarray(0, 1000)));
			assert.equal(output.falseSuccess ?? output.fault, undefined);
		}
	});

	it('is a false success where it ends early, and a fault where it is damaged', async () => {
		for (const [kind, packed] of [
			['zlib', gzipSync(plain)],
			['zstd', zstdCompressSync(plain)],
		] as const) {
			const cut = await expandedOutput(kind, payload(packed.subarray(0, packed.length - 500)), []);
			assert.match(cut.falseSuccess ?? '', /ends early/);
			const junk = await expandedOutput(kind, payload(bytesOf(900)), []);
			assert.match(junk.fault ?? '', /failed/);
		}
		const wrongSum = gzipSync(plain);
		wrongSum[wrongSum.length - 6] = (wrongSum.at(-6) as number) ^ 1;
		assert.match((await expandedOutput('zlib', payload(wrongSum), [])).fault ?? '', /checksum/);
	});

	it('is the first gzip member, and all zstd frames', async () => {
		const gzip = await expandedOutput('zlib', payload(Buffer.concat([gzipSync(plain), gzipSync(plain)])), []);
		assert.equal(gzip.size, plain.length);
		assert.match(gzip.falseSuccess ?? '', /only the first/);
		const zstd = await expandedOutput(
			'zstd',
			payload(Buffer.concat([zstdCompressSync(plain), zstdCompressSync(plain)])),
			[],
		);
		assert.equal(zstd.size, 2 * plain.length);
		assert.equal(zstd.falseSuccess, undefined);
	});

	it('is hashed at every length that is asked for', () => {
		const output = new HashingOutput([0, 10, 10, 2500, 9000]);
		for (let at = 0; at < 3000; at += 700) output.write(plain.subarray(at, Math.min(at + 700, 3000)));
		const found = output.sha256();
		for (const length of [0, 10, 2500, 3000]) assert.equal(found.get(length), sha256(plain.subarray(0, length)));
		assert.equal(found.has(9000), false);
	});
});

const rdiffReason =
	spawnSync('rdiff', ['--version']).error === undefined ? false : 'rdiff is not there: apt-get install rdiff';

describe('what an rdiff delta gives', () => {
	it('is what rdiff makes of it', { skip: rdiffReason }, async () => {
		const old = bytesOf(200_000);
		const changed = Buffer.concat([
			old.subarray(0, 70_000),
			bytesOf(5000, 9),
			old.subarray(90_000),
			bytesOf(70_000, 4),
		]);
		const at = (name: string) => join(folder, name);
		writeFileSync(at('old'), old);
		writeFileSync(at('new'), changed);
		for (const words of [
			['signature', at('old'), at('sig')],
			['delta', at('sig'), at('new'), at('delta')],
		]) {
			assert.equal(spawnSync('rdiff', ['-f', ...words]).status, 0);
		}
		const delta = readFileSync(at('delta'));
		const whole = await rdiffOutput(payload(delta), at('old'), old.length, []);
		assert.deepEqual([...(whole.sha256 ?? [])], [[changed.length, sha256(changed)]]);
		assert.equal((await rdiffOutput(payload(delta), at('old'), 1000, [])).fault, 'Unexpected EOF on rdiff base file.');
		const without = await rdiffOutput(payload(delta), undefined, undefined, []);
		assert.equal(without.size, changed.length);
		assert.match(without.unknown ?? '', /base/);
		for (let length = 0; length < delta.length; length += 1009) {
			const cut = await rdiffOutput(payload(delta.subarray(0, length)), at('old'), old.length, []);
			assert.match(cut.falseSuccess ?? '', /ends early/, `cut at ${length}`);
		}
	});

	it('of any bytes is a fault, a false success or a result, in bounded time', async () => {
		for (let seed = 0; seed < 200; seed++) {
			const delta = Buffer.concat([Uint8Array.of(0x72, 0x73, 2, 0x36), bytesOf(300, seed * 31)]);
			const output = await rdiffOutput(payload(delta), undefined, 5000, []);
			assert.ok(output.fault !== undefined || output.size !== undefined);
		}
	});
});
