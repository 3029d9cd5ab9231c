// Plans for made-up pairs of images, against what zchunk's own tools and rdiff say of the same pair.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { edited, noise } from '../../../testing/delta/synthetic.ts';
import { withScratch, writeDeltaFiles } from './files.ts';
import { chunksOfImage } from './held-chunks.ts';
import { type DeltaPlan, type PlanRequest, planDelta } from './planner.ts';
import { readZchunkFile } from './zchunk-file.ts';

const absent = (program: string) => spawnSync(program, ['--version']).error !== undefined;
const lacking = ['zck', 'rdiff'].filter(absent);
const skip = lacking.length > 0 ? `${lacking.join(' and ')} not installed` : false;
const skipSquashfs = skip || (spawnSync('mksquashfs', ['-version']).error ? 'mksquashfs is not installed' : false);

const folder = mkdtempSync(join(tmpdir(), 'caisson-planner-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string) => join(folder, name);
const base = noise(1, 4_000_000);
let count = 0;

function run(program: string, ...words: string[]): string {
	const { status, stdout, stderr } = spawnSync(program, words, { cwd: folder, encoding: 'utf8' });
	assert.equal(status, 0, stderr);
	return stdout;
}

function plan(more: Partial<PlanRequest> = {}): Promise<DeltaPlan> {
	const scratch = file(`scratch-${++count}`);
	mkdirSync(scratch);
	return planDelta({
		oldImage: file('old.img'),
		newImage: file('new.img'),
		limits: { ranges: 'yes' },
		maxRanges: 150,
		url: 'http://server/new.zck',
		compress: false,
		tryUncompressed: false,
		scratch,
		signal: new AbortController().signal,
		...more,
	});
}
const costOf = ({ candidates }: DeltaPlan, way: string, form?: string) =>
	candidates.find((each) => each.way === way && (form === undefined || each.form === form));

/** What zck_delta_size says that a device with `old` downloads. */
function deltaSize(old: string, zck: string): number {
	return Number(/Would download (\d+) of/.exec(run('zck_delta_size', old, zck))?.[1]);
}

before(() => {
	if (skip) return;
	writeFileSync(file('old.img'), base);
	writeFileSync(file('new.img'), edited(base, 5));
	run('zck', '-u', 'old.img', '-o', 'old.zck');
});

describe('planDelta', { skip }, () => {
	it('counts for a .zck what zck_delta_size counts, from the image as from a .zck or a header of it', async () => {
		const whole = readFileSync(file('old.zck'));
		const { header } = await readZchunkFile(file('old.zck'));
		writeFileSync(file('old.zckhdr'), whole.subarray(0, header.headerSize));
		for (const oldImage of ['old.img', 'old.zck', 'old.zckhdr']) {
			const made = await plan({ oldImage: file(oldImage) });
			assert.equal(made.zchunk.header + made.zchunk.chunks, deltaSize('old.zck', made.zchunkFile), oldImage);
			assert.ok(made.zchunk.chunksFound > made.zchunk.chunksMissing);
		}
	});

	it('cuts an image as zck does', async () => {
		const { header } = await readZchunkFile(file('old.zck'));
		const lengths = (chunks: Iterable<{ length: number }>) => Array.from(chunks, ({ length }) => length);
		assert.deepEqual(lengths((await chunksOfImage(file('old.img'))).chunks), lengths(header.chunks));
	});

	it('makes the rdiff delta and its compressed sizes', async () => {
		const made = await plan({ compress: true, limits: { ranges: 'yes', baseReadOnly: true } });
		const patched = run('rdiff', 'patch', 'old.img', made.rdiffFile as string, 'patched.img');
		assert.equal(patched, '');
		assert.deepEqual(readFileSync(file('patched.img')), readFileSync(file('new.img')));
		assert.equal(costOf(made, 'rdiff', 'plain')?.down, statSync(made.rdiffFile as string).size);
		const full = costOf(made, 'full', 'zstd')?.down ?? 0;
		assert.ok(full > 3_950_000 && full < 4_010_000, String(full)); // noise does not compress
		assert.equal(made.picked.way, 'rdiff');
	});

	it('shares nearly all where one byte was inserted at the start', async () => {
		writeFileSync(file('shifted.img'), Buffer.concat([Buffer.from([7]), base]));
		const made = await plan({ newImage: file('shifted.img') });
		assert.ok(made.zchunk.chunks < 300_000, String(made.zchunk.chunks));
		assert.equal(made.picked.way, 'zck');
	});

	it('says loudly that everything travels where nothing is the same', async () => {
		writeFileSync(file('strange.img'), noise(2, 1_000_000));
		const made = await plan({ newImage: file('strange.img') });
		assert.equal(made.picked.way, 'full');
		assert.match(made.picked.reason, /^A FULL DOWNLOAD: every delta takes as many bytes or more/);
	});

	it('makes a request a chunk where one range is answered at a time', async () => {
		const made = await plan({ limits: { ranges: 'single' } });
		assert.equal(made.zchunk.traffic.count, made.zchunk.chunksMissing);
		assert.equal(made.zchunk.traffic.framing, 0);
	});

	it('plans no rdiff against a .zck, and says why', async () => {
		const made = await plan({ oldImage: file('old.zck') });
		assert.equal(made.rdiffFile, undefined);
		assert.match(made.missing[0]?.reason ?? '', /old\.zck is a \.zck; an rdiff delta is made from the image itself/);
	});

	it('names a file that is no image', async () => {
		await assert.rejects(plan({ newImage: file('old.zck') }), {
			code: 'file-unusable',
			message: /old\.zck is a \.zck/,
		});
		await assert.rejects(plan({ oldImage: file('nowhere') }), { message: /nowhere cannot be read \(ENOENT\)/ });
		writeFileSync(file('empty'), '');
		await assert.rejects(plan({ newImage: file('empty') }), { message: /empty is empty/ });
	});
});

describe('planDelta for a squashfs', { skip: skipSquashfs }, () => {
	it('sees what compression hides, and takes the base for read-only', { timeout: 60_000 }, async () => {
		mkdirSync(file('tree'));
		for (let index = 0; index < 30; index++) {
			// Text: compression pays, and one changed line moves all that follows in its block.
			const text = noise(index, 24_000)
				.toString('base64')
				.replaceAll(/(.{40})/g, '$1\n$1\n');
			writeFileSync(file(`tree/${index}.txt`), text);
		}
		const squash = (name: string, ...words: string[]) =>
			run('mksquashfs', 'tree', name, '-noappend', '-quiet', '-no-progress', '-all-time', '0', ...words);
		squash('packed-old.img', '-comp', 'zstd');
		squash('plain-old.img', '-noI', '-noD', '-noF', '-noX');
		writeFileSync(file('tree/3.txt'), `changed\n${readFileSync(file('tree/3.txt'), 'utf8')}`);
		squash('packed-new.img', '-comp', 'zstd');
		squash('plain-new.img', '-noI', '-noD', '-noF', '-noX');
		const packed = await plan({ oldImage: file('packed-old.img'), newImage: file('packed-new.img') });
		const plain = await plan({ oldImage: file('plain-old.img'), newImage: file('plain-new.img') });
		assert.equal(packed.newKind.kind === 'squashfs' && packed.newKind.compression, 'zstd');
		assert.match(packed.advice.join(), /squashfs compressed with zstd/);
		assert.doesNotMatch(plain.advice.join(), /squashfs compressed/);
		assert.ok(plain.zchunk.chunks < packed.zchunk.chunks, `${plain.zchunk.chunks} ${packed.zchunk.chunks}`);
		assert.equal(packed.picked.way, 'rdiff');

		const tried = await plan({
			...{ oldImage: file('packed-old.img'), newImage: file('packed-new.img'), tryUncompressed: true },
		});
		const chunks = tried.uncompressed?.candidates.find(({ way }) => way === 'zck')?.down ?? 0;
		const same = costOf(plain, 'zck')?.down ?? 0;
		assert.ok(Math.abs(chunks - same) < same / 10, `${chunks} ${same}`);
		assert.equal((await plan({ tryUncompressed: true })).uncompressed, undefined); // No squashfs.
	});
});

describe('writeDeltaFiles', { skip }, () => {
	const places = { from: '/dev/a', to: '/dev/b', maxRanges: 20 };

	it('leaves the files of the ways and nothing else', async () => {
		const target = file('out/deeper');
		const written = await withScratch(target, async (scratch) =>
			writeDeltaFiles(await plan({ scratch }), scratch, {
				...{ folder: target, oldImage: file('old.img'), newImage: file('new.img'), places },
				ways: ['full', 'zck', 'rdiff'],
			}),
		);
		const names = [
			'new.img.zck',
			'new.img.zckhdr',
			'new.img.rdiff',
			...['full', 'zck', 'rdiff'].map((way) => `new.img.${way}.yaml`),
		];
		assert.deepEqual(readdirSync(target).sort(), [...names].sort());
		assert.deepEqual(
			written,
			names.map((name) => join(target, name)),
		);
	});

	it('keeps a specification that was edited, and puts the new one beside it', async () => {
		const target = file('edited');
		const write = () =>
			withScratch(target, async (scratch) =>
				writeDeltaFiles(await plan({ scratch }), scratch, {
					...{ folder: target, oldImage: file('old.img'), newImage: file('new.img'), places },
					ways: ['rdiff'],
				}),
			);
		const specification = join(target, 'new.img.rdiff.yaml');
		await write();
		assert.deepEqual(await write(), [join(target, 'new.img.rdiff'), specification]);
		writeFileSync(specification, 'version: "2.7"');
		assert.deepEqual(await write(), [join(target, 'new.img.rdiff'), `${specification}.new`]);
		assert.equal(readFileSync(specification, 'utf8'), 'version: "2.7"');
	});

	it('leaves nothing where it is interrupted', async () => {
		const target = file('interrupted');
		const stop = new AbortController();
		const work = withScratch(target, (scratch) =>
			plan({ scratch, signal: stop.signal, progress: (step) => step === 'differing' && stop.abort(new Error('stop')) }),
		);
		await assert.rejects(work, /stop/);
		assert.deepEqual(readdirSync(target), []);
	});
});
