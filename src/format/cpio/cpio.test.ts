// Writing and reading of cpio archives, alone and with GNU cpio on the other side.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { CaissonError } from '../../errors.ts';
import { ByteSum, type CpioFormat, encodeHeader, encodeTrailer, nameFault, padding } from './header.ts';
import { CpioReader } from './reader.ts';

type Files = readonly (readonly [name: string, data: Uint8Array])[];

const text = (value: string) => new TextEncoder().encode(value);
const files: Files = [
	['first', text('Hello, device.\n')],
	['empty', new Uint8Array()],
	['a name with späces', Uint8Array.from({ length: 5000 }, (_, index) => (index * 7) & 255)],
];

function archive(format: CpioFormat, members: Files): Uint8Array {
	const parts: Uint8Array[] = [];
	let length = 0;
	const add = (bytes: Uint8Array) => {
		parts.push(bytes);
		length += bytes.length;
	};
	for (const [index, [name, data]] of members.entries()) {
		const sum = new ByteSum();
		sum.update(data);
		add(encodeHeader(format, { name, size: data.length, checksum: sum.value, inode: index + 1 }));
		add(data);
		add(padding(data.length));
	}
	add(encodeTrailer(format, length));
	return new Uint8Array(Buffer.concat(parts));
}

/** Reads `bytes` in pieces of `step`. */
function read(bytes: Uint8Array, step = bytes.length, maximumMembers = 100): [string, Uint8Array][] {
	const reader = new CpioReader({ maximumMembers });
	const found: [string, Uint8Array][] = [];
	let data: Uint8Array[] = [];
	for (let at = 0; at < bytes.length; at += step) {
		for (const event of reader.push(bytes.subarray(at, at + step))) {
			if (event.kind === 'member') data = [];
			else if (event.kind === 'data') data.push(event.bytes.slice());
			else found.push([event.header.name, new Uint8Array(Buffer.concat(data))]);
		}
	}
	reader.end();
	return found;
}

function refused(bytes: Uint8Array, reason: RegExp): void {
	assert.throws(
		() => read(bytes),
		(error) => error instanceof CaissonError && error.code === 'update-malformed' && reason.test(error.message),
	);
}

/** A copy of `bytes` with `replacement` at `offset`. */
function patched(bytes: Uint8Array, offset: number, replacement: string | readonly number[]): Uint8Array {
	const copy = bytes.slice();
	copy.set(typeof replacement === 'string' ? text(replacement) : replacement, offset);
	return copy;
}

describe('cpio', () => {
	for (const format of ['newc', 'crc'] as const) {
		it(`reads what it wrote, in pieces of any length (${format})`, () => {
			const bytes = archive(format, files);
			for (const step of [1, 2, 3, 109, 110, 111, 512, bytes.length]) assert.deepEqual(read(bytes, step), files);
		});

		it(`writes what GNU cpio reads (${format})`, (context) => {
			if (!hasCpio(context)) return;
			inTemporary((directory) => {
				execFileSync('cpio', ['-id', '--quiet'], { cwd: directory, input: archive(format, files) });
				for (const [name, data] of files) assert.deepEqual(new Uint8Array(readFileSync(join(directory, name))), data);
			});
		});

		it(`reads what GNU cpio writes (${format})`, (context) => {
			if (!hasCpio(context)) return;
			inTemporary((directory) => {
				for (const [name, data] of files) writeFileSync(join(directory, name), data);
				const input = files.map(([name]) => `${name}\n`).join('');
				const bytes = execFileSync('cpio', ['-o', '--quiet', '-H', format], { cwd: directory, input });
				assert.deepEqual(read(bytes), files);
			});
		});
	}

	it('fills the archive to whole blocks of 512 bytes', () => {
		for (let size = 0; size < 600; size += 13) {
			assert.equal(archive('crc', [['x', new Uint8Array(size)]]).length % 512, 0);
		}
	});

	it('sums bytes modulo 2^32, in pieces as at once', () => {
		const bytes = new Uint8Array(3_000_000).fill(255);
		const whole = new ByteSum();
		whole.update(bytes);
		const pieces = new ByteSum();
		for (let at = 0; at < bytes.length; at += 999_999) pieces.update(bytes.subarray(at, at + 999_999));
		assert.equal(whole.value, 765_000_000);
		assert.equal(pieces.value, 765_000_000);
		for (let round = 0; round < 5; round++) whole.update(bytes);
		assert.equal(whole.value, (6 * 765_000_000) % 2 ** 32);
	});

	it('refuses names that could leave the directory or hide', () => {
		for (const name of ['', '.', '..', 'a/b', '/etc', '../x', 'a\0b', 'a\nb', 'TRAILER!!!', 'ä'.repeat(128)]) {
			assert.notEqual(nameFault(name), undefined, JSON.stringify(name));
		}
		for (const name of ['sw-description', '..a', 'a b', 'ä'.repeat(127)]) assert.equal(nameFault(name), undefined);
	});

	it('refuses to write what 32 bits cannot hold', () => {
		const header = (size: number) => encodeHeader('newc', { name: 'big', size, inode: 1 });
		assert.equal(new TextDecoder().decode(header(0xffff_ffff)).slice(54, 62), 'FFFFFFFF');
		for (const size of [0x1_0000_0000, -1, 0.5, Number.NaN]) {
			assert.throws(() => header(size), { code: 'update-specification-invalid', message: /"big" has .* bytes/ });
		}
	});

	it('finds a changed data byte by the checksum of the crc format', () => {
		const bytes = archive('crc', files);
		refused(patched(bytes, bytes.indexOf(text('H')[0] as number, 110), 'J'), /"first" is damaged: its checksum/);
	});

	it('refuses lengths, numbers and names that lie', () => {
		const bytes = archive('newc', [['name', text('data')]]);
		refused(patched(bytes, 0, '070707'), /no cpio header/);
		refused(patched(bytes, 94, 'FFFFFFFF'), /name has 4294967295 bytes/);
		refused(patched(bytes, 94, '00000001'), /name has 1 bytes/);
		refused(patched(bytes, 94, '00000004'), /name does not end with its only NUL/);
		refused(patched(bytes, 54, 'FFFFFFFF'), /cut off in the member "name"/);
		refused(patched(bytes, 54, '0000 00F'), /the size is not a hexadecimal number/);
		refused(patched(bytes, 110, '../x'), /the name "..\/x" is refused/);
		refused(patched(bytes, 110, [0xff]), /the name is not UTF-8/);
		refused(patched(bytes, bytes.length - 1, 'x'), /bytes after the end mark/);
		refused(new Uint8Array(Buffer.concat([bytes, new Uint8Array(1024)])), /bytes after the end mark/);
	});

	it('stops at more members than it was allowed', () => {
		assert.throws(() => read(archive('newc', files), 512, 2), {
			code: 'update-malformed',
			message: /more than 2 members/,
		});
	});

	it('refuses an archive cut off at any offset before its end mark is whole', () => {
		const bytes = archive('crc', files);
		const end = Buffer.from(bytes).indexOf('TRAILER!!!') + 'TRAILER!!!'.length + 1;
		for (let length = 0; length < end; length++) refused(bytes.subarray(0, length), /cut off/);
		assert.deepEqual(read(bytes.subarray(0, Math.ceil(end / 4) * 4)), files);
	});

	it('answers any flipped bits with members or update-malformed, nothing else', () => {
		const bytes = archive('newc', files);
		const random = sequence(1);
		for (let round = 0; round < 4000; round++) {
			const copy = bytes.slice();
			for (let flips = 1 + (random() % 4); flips > 0; flips--) {
				const at = random() % (round % 2 === 0 ? 300 : copy.length);
				copy[at] = (copy[at] as number) ^ (1 << (random() % 8));
			}
			try {
				assert.ok(read(copy, 1 + (random() % 700)).length <= 100);
			} catch (error) {
				assert.ok(error instanceof CaissonError && error.code === 'update-malformed', String(error));
			}
		}
	});
});

/** A fixed sequence of numbers below 2^31 (a linear congruential generator). */
function sequence(seed: number): () => number {
	let state = seed;
	return () => {
		state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
		return state >>> 8;
	};
}

function hasCpio(context: TestContext): boolean {
	if (spawnSync('cpio', ['--version']).status === 0) return true;
	context.skip('cpio is not installed (Debian package cpio)');
	return false;
}

function inTemporary(use: (directory: string) => void): void {
	const directory = mkdtempSync(join(tmpdir(), 'caisson-cpio-'));
	try {
		use(directory);
	} finally {
		rmSync(directory, { recursive: true });
	}
}
