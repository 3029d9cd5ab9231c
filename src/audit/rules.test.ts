// The form of rows and seals, and what the verifier says about chains that were tampered with.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { exportLines } from './export.ts';
import { auditMatches } from './rules/filter.ts';
import { idOfLine, rowLine } from './rules/line.ts';
import { LineSplitter, longestLine } from './rules/lines.ts';
import { lastRowOf, makeSeal, noSeal, readSeal, type Seal } from './rules/seal.ts';
import { type AuditVerdict, AuditVerifier } from './rules/verify.ts';
import type { AuditChainReader, RawAuditRow, StoredSeal } from './store.ts';

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

function row(id: number, detail: string | null = `{"n":${id}}`): RawAuditRow {
	return {
		id,
		time: 1_750_000_000_000 + id,
		actor: 'operator',
		action: 'job.create',
		subject: `job ${id} "ä"`,
		detail,
	};
}

/** Rows 1 to 12 with a gap at 5; seals over 1–4, 6–8 and 9–11; row 12 is not yet sealed. */
function sample(): { rows: RawAuditRow[]; seals: StoredSeal[] } {
	const rows = [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12].map((id) => row(id));
	const seals: StoredSeal[] = [];
	let last: Seal | undefined;
	for (const [from, to] of [
		[1, 4],
		[5, 8],
		[9, 11],
	] as const) {
		const stored = makeSeal(
			last,
			rows.filter(({ id }) => id >= from && id <= to),
			5,
			sha256,
		);
		last = readSeal(stored.body, sha256) as Seal;
		seals.push(stored);
	}
	return { rows, seals };
}

function chainOf(rows: readonly RawAuditRow[], seals: readonly StoredSeal[]): AuditChainReader {
	const sorted = rows.toSorted((a, b) => a.id - b.id);
	return {
		rows: async (after, limit) => sorted.filter(({ id }) => id > after).slice(0, limit),
		rowsBefore: async (before, limit) =>
			sorted
				.filter(({ id }) => id < before)
				.toReversed()
				.slice(0, limit),
		seals: async (after, limit) => seals.filter(({ number }) => number > after).slice(0, limit),
		lastSeal: async () => seals.at(-1),
	};
}

async function exported({
	rows,
	seals,
}: {
	rows: readonly RawAuditRow[];
	seals: readonly StoredSeal[];
}): Promise<string> {
	let text = '';
	for await (const part of exportLines(chainOf(rows, seals), 0, sha256)) text += part;
	return text;
}

function verify(text: string, head?: string): AuditVerdict {
	const verifier = new AuditVerifier(sha256, head);
	const splitter = new LineSplitter();
	for (const line of splitter.push(Buffer.from(text))) verifier.push(line);
	const rest = splitter.rest();
	if (rest !== undefined) verifier.push(rest, false);
	return verifier.verdict();
}

const messages = (verdict: AuditVerdict) => verdict.findings.map(({ message }) => message);

describe('the canonical form', () => {
	test('a row is one line of JSON with its fields in order and its detail as stored', () => {
		const line =
			'{"id":7,"time":1750000000007,"actor":"operator","action":"job.create","subject":"job 7 \\"ä\\"","detail":{"b":1.50, "a":2}}';
		assert.equal(rowLine(row(7, '{"b":1.50, "a":2}')), line);
		assert.equal(rowLine(row(7, null)), line.replace(/,"detail".*$/, '}'));
	});

	test('a detail that would break the line is quoted', () => {
		assert.match(rowLine(row(7, '1}\n{"id":8,')), /"detail":"1\}\\n\{\\"id\\":8,"\}$/);
		assert.match(rowLine(row(7, '')), /"detail":""\}$/);
	});

	test('a seal is chained to the one before, and its hash covers all that stands before it', () => {
		const rows = [row(1), row(2)];
		const { body, number } = makeSeal(undefined, rows, 99, sha256);
		const digests = rows.map((each) => `[${each.id},"${sha256(rowLine(each))}"]`).join(',');
		const covered = `{"seal":1,"time":99,"previous":"${noSeal}","rows":[${digests}]`;
		assert.deepEqual([number, body], [1, `${covered},"hash":"${sha256(covered)}"}`]);
		const seal = readSeal(body, sha256) as Seal;
		assert.equal(lastRowOf(seal), 2);
		assert.equal((readSeal(makeSeal(seal, [row(3)], 100, sha256).body, sha256) as Seal).previous, seal.hash);
	});

	test('a seal with any byte changed is refused', () => {
		const { body } = makeSeal(undefined, [row(1), row(2)], 99, sha256);
		for (let at = 0; at < body.length; at++) {
			const changed = `${body.slice(0, at)}${body[at] === '1' ? '2' : '1'}${body.slice(at + 1)}`;
			assert.ok('fault' in readSeal(changed, sha256), `position ${at}`);
		}
	});

	test('an id is read from the line of a row and from nothing else', () => {
		assert.equal(idOfLine(rowLine(row(42))), 42);
		for (const line of ['{"id":0,"a":1}', '{"id":-1,', '{"id":99999999999999999,', '{"seal":1', '', ' {"id":1,']) {
			assert.equal(idOfLine(line), undefined, line);
		}
	});
});

describe('a chain', () => {
	test('that nobody touched is intact, a gap in the ids is no finding, and later rows are not yet sealed', async () => {
		const { rows, seals } = sample();
		const verdict = verify(await exported({ rows, seals }));
		const head = readSeal(seals[2]?.body ?? '', sha256) as Seal;
		assert.deepEqual(verdict, {
			...{ result: 'intact', seals: 3, intactRows: 10, notChecked: 0, notYetSealed: { rows: 1, first: 12, last: 12 } },
			...{ head: { seal: 3, hash: head.hash, through: 11 }, askedHead: 'not checked' },
			...{ findings: [], moreFindings: 0, coverageLost: [] },
		});
	});

	const cases: [name: string, tamper: (chain: ReturnType<typeof sample>) => unknown, expected: string[]][] = [
		['a missing row', ({ rows }) => rows.splice(5, 1), ['row 7 is missing (seal 2)']],
		['a changed row', ({ rows }) => rows.splice(5, 1, row(7, '{"n":8}')), ['row 7 is not what was sealed (seal 2)']],
		[
			'a space in a detail',
			({ rows }) => rows.splice(5, 1, row(7, '{"n": 7}')),
			['row 7 is not what was sealed (seal 2)'],
		],
		['a detail that is gone', ({ rows }) => rows.splice(0, 1, row(1, null)), ['row 1 is not what was sealed (seal 1)']],
		['an inserted row', ({ rows }) => rows.push(row(5)), ['row 5 is not among those that seal 2 covers']],
		[
			'two rows that changed places',
			({ rows }) => rows.splice(5, 2, { ...row(8), id: 7 }, { ...row(7), id: 8 }),
			['row 7 holds what was sealed as row 8 (seal 2)', 'row 8 holds what was sealed as row 7 (seal 2)'],
		],
		['a missing seal', ({ seals }) => seals.splice(1, 1), ['seal 2 is missing']],
		['the first seals missing', ({ seals }) => seals.splice(0, 2), ['seals 1 to 2 are missing']],
		[
			'a seal made anew',
			({ rows, seals }) => {
				rows.splice(5, 1, row(7, '{"n":8}'));
				const first = readSeal(seals[0]?.body ?? '', sha256) as Seal;
				seals.splice(1, 1, makeSeal(first, rows.slice(4, 7), 5, sha256));
			},
			['seal 3 does not belong to seal 2'],
		],
		[
			'a seal with another byte',
			({ seals }) => seals.splice(1, 1, { number: 2, body: (seals[1]?.body ?? '').replace('"time":5', '"time":6') }),
			['seal 2 cannot be used: its hash does not fit what stands in it'],
		],
		[
			'a seal that is no JSON',
			({ seals }) => seals.splice(1, 1, { number: 2, body: '{"seal":2\n' }),
			['seal 2 cannot be used: what is stored is no seal'],
		],
	];
	for (const [name, tamper, expected] of cases) {
		test(`with ${name} is a finding that names it`, async () => {
			const chain = sample();
			tamper(chain);
			const verdict = verify(await exported(chain));
			assert.equal(verdict.result, 'finding');
			assert.deepEqual(messages(verdict), expected);
		});
	}

	test('without a usable seal has rows that were not checked, and says so', async () => {
		const { rows, seals } = sample();
		assert.equal(verify(await exported({ rows, seals: seals.toSpliced(1, 1) })).notChecked, 3);
		assert.equal(
			verify(await exported({ rows, seals: seals.toSpliced(1, 1, { number: 2, body: 'x' }) })).notChecked,
			3,
		);
	});

	test('whose end was cut off is found out by a head that was kept, and by nothing else', async () => {
		const { rows, seals } = sample();
		const head = (readSeal(seals[2]?.body ?? '', sha256) as Seal).hash;
		const cut = await exported({ rows: rows.filter(({ id }) => id <= 8), seals: seals.slice(0, 2) });
		assert.equal(verify(cut).result, 'intact');
		const verdict = verify(cut, head);
		assert.deepEqual([verdict.result, verdict.askedHead, verdict.findings[0]?.what], ['finding', 'missing', 'head']);
		assert.deepEqual(verify(await exported({ rows, seals }), head).askedHead, { seal: 3 });
	});

	test('that was made anew wholly is found out by a head that was kept', async () => {
		const { rows, seals } = sample();
		const head = (readSeal(seals[0]?.body ?? '', sha256) as Seal).hash;
		const changed = rows.with(0, row(1, '{"n":9}'));
		const anew = await exported({ rows: changed, seals: [makeSeal(undefined, changed, 5, sha256)] });
		assert.equal(verify(anew).result, 'intact');
		assert.equal(verify(anew, head).askedHead, 'missing');
	});

	test('that is empty is no data, and rows without any seal are nothing sealed', async () => {
		assert.equal(verify(await exported({ rows: [], seals: [] })).result, 'no data');
		const verdict = verify(await exported({ rows: [row(1), row(2)], seals: [] }));
		assert.deepEqual([verdict.result, verdict.notYetSealed.rows], ['nothing sealed', 2]);
	});
});

describe('an export', () => {
	test('cut off at any byte is never intact', async () => {
		const text = await exported(sample());
		const bytes = Buffer.from(text);
		for (let length = 0; length < bytes.length - 1; length++) {
			const { result } = verify(bytes.toString('utf8', 0, length));
			assert.ok(result === 'coverage lost' || result === 'finding', `${length} bytes: ${result}`);
		}
		assert.equal(
			verify(bytes.toString('utf8', 0, bytes.length - 1)).result,
			'intact',
			'only the last line end is missing',
		);
	});

	test('with lines in another order is a finding', async () => {
		const lines = (await exported(sample())).trimEnd().split('\n');
		const swapped = lines.with(2, lines[3] ?? '').with(3, lines[2] ?? '');
		assert.deepEqual(messages(verify(`${swapped.join('\n')}\n`)), ['row 2 stands behind row 3']);
		const doubled = lines.toSpliced(2, 0, lines[2] ?? '');
		assert.match(messages(verify(`${doubled.join('\n')}\n`))[0] ?? '', /row 2 is there twice/);
	});

	test('with any byte of a sealed row or of a seal changed is never intact', async () => {
		const text = await exported(sample());
		const sealed = text.slice(0, text.indexOf('{"id":12'));
		const start = text.indexOf('\n') + 1;
		for (let at = start; at < sealed.length; at += 3) {
			const byte = text[at] === '1' ? '2' : '1';
			const { result } = verify(`${text.slice(0, at)}${byte}${text.slice(at + 1)}`);
			assert.ok(result !== 'intact' && result !== 'no data', `position ${at}: ${result}`);
		}
	});

	test('of noise never throws and is never intact (2,000 times, fixed seed)', async () => {
		const text = await exported(sample());
		let seed = 20_261_123;
		const random = (below: number) => {
			seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
			return seed % below;
		};
		for (let round = 0; round < 2000; round++) {
			const bytes = Buffer.from(text);
			for (let change = 0; change <= random(5); change++) bytes[200 + random(bytes.length - 700)] = random(256);
			const cut = random(4) === 0 ? random(bytes.length) : bytes.length;
			const verifier = new AuditVerifier(sha256);
			const splitter = new LineSplitter();
			for (const line of splitter.push(bytes.subarray(0, cut))) verifier.push(line);
			const { result } = verifier.verdict();
			if (bytes.equals(Buffer.from(text))) continue;
			assert.ok(result !== 'no data' && result !== 'nothing sealed', `round ${round}`);
			assert.ok(result !== 'intact', `round ${round}`);
		}
	});

	test('lists a hundred findings and counts the others', async () => {
		const rows = Array.from({ length: 300 }, (_, index) => row(index + 1));
		const seals = [makeSeal(undefined, rows, 5, sha256)];
		const verdict = verify(await exported({ rows: rows.slice(0, 50), seals }));
		assert.deepEqual([verdict.findings.length, verdict.moreFindings, verdict.intactRows], [100, 150, 50]);
	});

	test('with more rows before a seal than it can cover loses coverage and little memory', async () => {
		const rows = Array.from({ length: 12_000 }, (_, index) => row(index + 1));
		const seals = [makeSeal(undefined, [row(1), row(12_000)], 5, sha256)];
		const verdict = verify(await exported({ rows, seals }));
		assert.deepEqual([verdict.result, verdict.notChecked], ['coverage lost', 12_000]);
	});

	test('of a later version is not judged as if it were understood', async () => {
		const text = (await exported(sample())).replace('"version":1', '"version":2');
		assert.match(verify(text).coverageLost[0] ?? '', /version 2/);
	});
});

test('lines are cut alike however the bytes arrive, and an endless one is refused', () => {
	const text = Buffer.from('one\n\nthree ä\nrest');
	for (const step of [1, 2, 3, 5, 100]) {
		const splitter = new LineSplitter();
		const lines: string[] = [];
		for (let at = 0; at < text.length; at += step) {
			for (const line of splitter.push(text.subarray(at, at + step))) lines.push(Buffer.from(line).toString());
		}
		lines.push(Buffer.from(splitter.rest() ?? []).toString());
		assert.deepEqual(lines, ['one', '', 'three ä', 'rest']);
	}
	const splitter = new LineSplitter();
	const chunk = Buffer.alloc(1024 * 1024, 'x');
	assert.throws(() => {
		for (let length = 0; length <= longestLine; length += chunk.length)
			for (const _ of splitter.push(chunk)) assert.fail();
	}, RangeError);
});

test('a filter joins its parts, and noun.* stands for all actions of a noun', () => {
	const each = row(3);
	assert.ok(auditMatches({}, each));
	assert.ok(auditMatches({ actor: 'operator', action: 'job.*', subject: each.subject, since: each.time }, each));
	assert.ok(auditMatches({ action: 'job.create', until: each.time + 1 }, each));
	for (const filter of [
		{ actor: 'x' },
		{ action: 'jo.*' },
		{ action: 'job' },
		{ since: each.time + 1 },
		{ until: each.time },
	]) {
		assert.equal(auditMatches(filter, each), false, JSON.stringify(filter));
	}
});
