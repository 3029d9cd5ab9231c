// Which way a new image travels, by what the device allows, and what is said of the others.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Candidate, type DeviceLimits, decideDelta, type PlanFacts } from './delta-plan.ts';
import { imageKind, isReadOnlyByNature } from './image-kind.ts';

const candidate = (way: Candidate['way'], down: number, more: Partial<Candidate> = {}): Candidate => ({
	...{ way, form: way === 'zck' ? 'chunks' : 'plain', down, up: 0, requests: 0, memory: 1000 },
	...more,
});
const all = [candidate('full', 1000), candidate('zck', 200, { up: 20, memory: 5000 }), candidate('rdiff', 100)];
const decide = (limits: Partial<DeviceLimits> = {}, more: Partial<PlanFacts> = {}) =>
	decideDelta({
		limits: { ranges: 'yes', ...limits },
		candidates: all,
		missing: [],
		oldKind: { kind: 'other' },
		newKind: { kind: 'other' },
		...more,
	});
const reasonFor = (way: Candidate['way'], decision: ReturnType<typeof decide>) =>
	decision.candidates.find((each) => each.way === way)?.reason ?? '';

describe('decideDelta', () => {
	for (const [what, limits, picked] of [
		['the base is read-only', { baseReadOnly: true }, 'rdiff'],
		['nothing is known of the base', {}, 'zck'],
		['the base is written to', { baseReadOnly: false }, 'zck'],
		['one range a request is answered', { ranges: 'single' }, 'zck'],
		['ranges are ignored', { ranges: 'no' }, 'full'],
		['ranges are ignored and the base is read-only', { ranges: 'no', baseReadOnly: true }, 'rdiff'],
		['there is too little memory for a .zck', { memory: 4999 }, 'full'],
		['there is just enough memory', { memory: 5000 }, 'zck'],
		['the device has no handler delta', { handlers: new Set(['raw', 'rdiff_image']) }, 'full'],
		['the device has no handler rdiff_image', { baseReadOnly: true, handlers: new Set(['raw', 'delta']) }, 'zck'],
	] as const) {
		it(`picks ${picked} where ${what}`, () => assert.equal(decide(limits).picked.way, picked));
	}

	it('takes a squashfs for a base that nobody writes to, unless told otherwise', () => {
		const oldKind = { kind: 'squashfs', blockSize: 131_072 } as const;
		assert.equal(decide({}, { oldKind }).picked.way, 'rdiff');
		assert.equal(decide({ baseReadOnly: false }, { oldKind }).picked.way, 'zck');
	});

	it('says of a full download loudly that it is one, and why no delta was possible', () => {
		const decision = decide({ ranges: 'no' });
		assert.match(decision.picked.reason, /^A FULL DOWNLOAD: no delta is possible/);
		assert.match(reasonFor('zck', decision), /ignores Range/);
		assert.match(reasonFor('rdiff', decision), /--base-read-only/);
		const same = decide({ baseReadOnly: true }, { candidates: [candidate('full', 10), candidate('rdiff', 20)] });
		assert.match(same.picked.reason, /^A FULL DOWNLOAD: every delta takes as many bytes or more/);
	});

	it('says how much more the others take', () => {
		const decision = decide({ baseReadOnly: true });
		assert.equal(reasonFor('full', decision), 'It takes 10.0 times as much.');
		assert.equal(reasonFor('zck', decision), 'It takes 2.2 times as much.');
		const close = decide({}, { candidates: [candidate('full', 110), candidate('zck', 100)] });
		assert.equal(reasonFor('full', close), 'It takes 10.0 % more.');
	});

	it('counts what devices send', () => {
		const candidates = [candidate('full', 230), candidate('zck', 200, { up: 40 })];
		assert.equal(decide({}, { candidates }).picked.way, 'full');
	});

	it('prefers a .zck for equal bytes, because it serves every version', () => {
		const candidates = [candidate('full', 100), candidate('rdiff', 100), candidate('zck', 100)];
		assert.equal(decide({ baseReadOnly: true }, { candidates }).picked.way, 'zck');
	});

	it('names what no way fits, instead of picking in silence', () => {
		const decision = decide({ memory: 10 });
		assert.equal(decision.picked.way, 'full');
		assert.match(decision.picked.reason, /No way fits the device/);
	});

	it('advises on a compressed squashfs, and on the rdiff delta that was not possible', () => {
		const newKind = { kind: 'squashfs', blockSize: 131_072, compression: 'zstd' } as const;
		const { advice } = decide({}, { newKind });
		assert.match(advice[0] ?? '', /compressed with zstd.*mksquashfs -noI -noD -noF -noX/);
		assert.match(advice[1] ?? '', /an rdiff delta would save another 55 %/);
		assert.deepEqual(decide({}, { newKind: { kind: 'squashfs', blockSize: 4096 } }).advice.length, 1);
	});
});

describe('imageKind', () => {
	const image = (write: (view: DataView) => void) => {
		const bytes = new Uint8Array(2048);
		write(new DataView(bytes.buffer));
		return imageKind(bytes);
	};

	it('knows a squashfs and its compression', () => {
		const squashfs = (compressor: number, flags: number) =>
			image((view) => {
				view.setUint32(0, 0x73717368, true);
				view.setUint32(12, 131_072, true);
				view.setUint16(20, compressor, true);
				view.setUint16(24, flags, true);
			});
		assert.deepEqual(squashfs(6, 0), { kind: 'squashfs', blockSize: 131_072, compression: 'zstd' });
		assert.deepEqual(squashfs(4, 0), { kind: 'squashfs', blockSize: 131_072, compression: 'xz' });
		assert.deepEqual(squashfs(99, 0), { kind: 'squashfs', blockSize: 131_072, compression: 'unknown' });
		assert.deepEqual(squashfs(1, 2), { kind: 'squashfs', blockSize: 131_072 });
	});

	it('knows erofs and ext, and what cannot be written to', () => {
		const erofs = image((view) => view.setUint32(1024, 0xe0f5e1e2, true));
		const ext = image((view) => view.setUint16(1080, 0xef53, true));
		assert.deepEqual([erofs.kind, ext.kind, image(() => undefined).kind], ['erofs', 'ext', 'other']);
		assert.deepEqual([erofs, ext].map(isReadOnlyByNature), [true, false]);
	});

	it('takes any short or random bytes for something', () => {
		for (let length = 0; length < 2048; length += 13) assert.equal(imageKind(new Uint8Array(length)).kind, 'other');
	});
});
