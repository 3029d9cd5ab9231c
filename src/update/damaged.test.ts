// Damaged and lying .swu files: cut off at every offset, with flipped bits, with sizes and names that lie. Whatever they hold,
// looking into them, checking and signing end with an error of the catalogue or a finding, and leave no file behind.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CaissonError } from '../errors.ts';
import { ByteSum, encodeTrailer } from '../format/cpio/header.ts';
import { fileKeys } from '../outside/signer/keys.ts';
import { recordingTerminal } from '../terminal/recording-terminal.ts';
import { updateCommands } from './commands.ts';
import { packUpdate } from './pack.ts';
import { UpdateReader } from './read.ts';

const testdata = (name: string) => fileURLToPath(new URL(`../../testdata/update/${name}`, import.meta.url));
const keyFile = testdata('keys/rsa.key.pem');
const certificateFile = testdata('keys/rsa.cert.pem');

const root = mkdtempSync(join(tmpdir(), 'caisson-damaged-'));
after(() => rmSync(root, { recursive: true }));
const folder = join(root, 'work');
const file = join(folder, 'x.swu');
const corpus = new Map<string, Buffer>();

before(async () => {
	mkdirSync(folder);
	corpus.set('reference', readFileSync(testdata('reference.swu')));
	const value = {
		version: '1',
		'hardware-compatibility': ['1.0'],
		files: [{ source: 'hello.txt', path: '/h', encrypt: false }],
		bootenv: { part: '2' },
	};
	for (const kind of ['cms', 'rsa'] as const) {
		for (const cpio of ['crc', 'newc'] as const) {
			const signer = await fileKeys.openSigner({ keyFile, certificateFile, signature: kind });
			const output = join(root, 'made.swu');
			const baseDirectory = testdata('payload');
			await packUpdate({ specification: { value }, baseDirectory, signer, cpio, output });
			corpus.set(`${kind} ${cpio}`, readFileSync(output));
		}
	}
});

async function run(...words: string[]): Promise<number> {
	const terminal = recordingTerminal();
	const command = updateCommands(terminal, fileKeys);
	for (const each of [command, ...command.commands]) each.exitOverride();
	await command.parseAsync(words, { from: 'user' });
	return terminal.exitCode;
}

/** Runs every command on these bytes; each ends well, with findings, or with an error of the catalogue. */
async function survives(bytes: Uint8Array, what: string): Promise<{ verified: boolean; signed: boolean }> {
	writeFileSync(file, bytes);
	const output = join(folder, 'signed.swu');
	const results: boolean[] = [];
	for (const words of [
		['inspect', file],
		['verify', file, '--cert', certificateFile],
		['sign', file, '-o', output, '--key', keyFile, '--cert', certificateFile],
	]) {
		try {
			results.push((await run(...words)) === 0);
		} catch (error) {
			assert.ok(error instanceof CaissonError, `${what}, ${words[0]}: ${error instanceof Error ? error.stack : error}`);
			assert.equal(error.code, 'update-malformed', `${what}, ${words[0]}: ${error.message}`);
			results.push(false);
		}
	}
	const [, verified = false, signed = false] = results;
	assert.deepEqual(readdirSync(folder).sort(), signed ? ['signed.swu', 'x.swu'] : ['x.swu'], what);
	if (signed) {
		assert.equal(await run('verify', output, '--cert', certificateFile), 0, `${what}: what was signed does not verify`);
		rmSync(output);
	}
	return { verified, signed };
}

/** Numbers that look random and are the same in every run (a linear congruential generator, Knuth's constants). */
function numbers(seed: bigint): (below: number) => number {
	let state = seed;
	return (below) => {
		state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn;
		return Number((state >> 33n) % BigInt(below));
	};
}

/** Reads the bytes in pieces without touching a disk. */
function read(bytes: Uint8Array, piece: number): void {
	const reader = new UpdateReader();
	for (let from = 0; from < bytes.length; from += piece) reader.push(bytes.subarray(from, from + piece));
	reader.end();
}

describe('a .swu that is cut off', () => {
	it('at any offset before its end mark is refused by the reader', () => {
		for (const [name, whole] of corpus) {
			const end = whole.lastIndexOf('TRAILER!!!') + 'TRAILER!!!'.length + 1;
			for (let length = 0; length < end; length++) {
				const cut = () => read(whole.subarray(0, length), 1000);
				assert.throws(cut, { code: 'update-malformed' }, `${name} cut at ${length}`);
			}
		}
	});

	it('is neither verified nor signed', async () => {
		for (const [name, whole] of corpus) {
			const end = whole.lastIndexOf('TRAILER!!!');
			for (let length = 0; length < end; length += 149) {
				const result = await survives(whole.subarray(0, length), `${name} cut at ${length}`);
				assert.deepEqual(result, { verified: false, signed: false });
			}
		}
	});
});

describe('a .swu with flipped bits', () => {
	it('is read to its end or refused with a code', () => {
		const next = numbers(1n);
		for (const [name, whole] of corpus) {
			for (let round = 0; round < 1500; round++) {
				const changed = Buffer.from(whole);
				const at = next(changed.length);
				changed[at] = (changed[at] as number) ^ (1 << next(8));
				try {
					read(changed, 1 + next(3000));
				} catch (error) {
					assert.ok(error instanceof CaissonError, `${name}, byte ${at}: ${String(error)}`);
					assert.equal(error.code, 'update-malformed', `${name}, byte ${at}`);
				}
			}
		}
	});

	it('is verified only where what is signed is the same', async () => {
		const next = numbers(2n);
		for (const [name, whole] of corpus) {
			for (let round = 0; round < 40; round++) {
				const changed = Buffer.from(whole);
				// Description and signature are the first part; the fill at the end is no use.
				const at = next(Math.min(changed.length, 3600));
				changed[at] = (changed[at] as number) ^ (1 << next(8));
				const { verified } = await survives(changed, `${name}, byte ${at}`);
				if (!verified) continue;
				// A header holds what nobody signs: times, owners, inodes.
				const description = (bytes: Buffer) => bytes.subarray(128, bytes.indexOf('07070', 128));
				assert.ok(description(changed).equals(description(whole)), `${name}, byte ${at}`);
			}
		}
	});
});

describe('a .swu that lies', () => {
	/** A header by hand, which does not care what it says. */
	function member(name: string, data: string | Buffer, size = Buffer.byteLength(data), sum?: number): Buffer {
		const bytes = Buffer.from(data);
		const checksum = new ByteSum();
		checksum.update(bytes);
		const hex = (value: number) => value.toString(16).padStart(8, '0');
		const numbers = [1, 0o100644, 0, 0, 1, 0, size, 0, 0, 0, 0, Buffer.byteLength(name) + 1, sum ?? checksum.value];
		const head = Buffer.from(`070702${numbers.map(hex).join('')}${name}\0`);
		const filled = (part: Buffer) => Buffer.concat([part, Buffer.alloc((4 - (part.length % 4)) % 4)]);
		return Buffer.concat([filled(head), filled(bytes)]);
	}
	const whole = (...members: Buffer[]) => {
		const bytes = Buffer.concat(members);
		return Buffer.concat([bytes, encodeTrailer('crc', bytes.length)]);
	};
	const text = 'software = { version = "1"; hardware-compatibility = [ "1" ]; files = ( ); };';
	const description = member('sw-description', text);

	for (const [what, bytes] of [
		['size larger than the archive', () => whole(description, member('a', 'abc', 0xffff_ffff))],
		['size smaller than the data', () => whole(description, member('a', 'abcdefghijkl', 1))],
		['description of 4 GiB', () => whole(member('sw-description', text, 0xffff_ffff))],
		['signature of 4 GiB', () => whole(description, member('sw-description.sig', 'x', 0xffff_ffff))],
		['wrong checksum', () => whole(description, member('a', 'abc', 3, 1))],
		['name with ..', () => whole(description, member('../../etc/passwd', 'abc'))],
		['name ..', () => whole(description, member('..', 'abc'))],
		['name with a slash', () => whole(description, member('/a', 'abc'))],
		['empty name', () => whole(description, member('', 'abc'))],
		['long name', () => whole(description, member('a'.repeat(255), 'abc'))],
		['name with a NUL', () => whole(description, member('a\0b', 'abc'))],
		['member twice', () => whole(description, member('a', 'abc'), member('a', 'abc'))],
		['signature twice', () => whole(description, member('sw-description.sig', 'a'), member('sw-description.sig', 'b'))],
		[
			'signature that is no second member',
			() => whole(description, member('a', ''), member('sw-description.sig', 'b')),
		],
		['signature that is text', () => whole(description, member('sw-description.sig', 'no signature'))],
		['description that is not text', () => whole(member('sw-description', Buffer.from([0xff, 0xfe, 0, 1])))],
		['bytes after its end', () => Buffer.concat([whole(description), Buffer.from('more')])],
		['nothing in it', () => whole()],
	] as const) {
		it(`is not verified: ${what}`, async () => {
			const { verified } = await survives(bytes(), what);
			assert.equal(verified, false);
		});
	}
});
