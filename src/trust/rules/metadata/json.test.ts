import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failsWith } from '../../../../testing/tuf-documents/documents.ts';
import { bareObject, readJson } from './json.ts';

function read(text: string): unknown {
	return readJson(new TextEncoder().encode(text));
}

/** Numbers from 0 to below 2^32, the same for the same seed. */
function sequence(seed: number): () => number {
	let state = seed;
	return () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return (state ^ (state >>> 13)) >>> 0;
	};
}

const numbers = ['0', '-1', '12', '9007199254740991', '-9007199254740991'];
const strings = ['"a"', '"\\u00e9\\n\\""', '"\\ud83d\\ude00"', '"é😀"', '"__proto__"'];
const words = ['true', 'false', 'null', '{}', '[ ]'];
const names = ['', 'é', 'constructor', '__proto__'];

/** A JSON value without fractions, as text with white space here and there. */
function randomJson(random: () => number, depth = 0): string {
	const one = (of: readonly string[]) => of[random() % of.length] as string;
	const space = one([' ', '\n', '\t', '', '', '']);
	const pick = random() % (depth > 4 ? 5 : 8);
	if (pick < 5) return space + one([numbers, strings, words][pick % 3] as string[]);
	const items = Array.from({ length: random() % 4 }, () => randomJson(random, depth + 1));
	if (pick === 5) return `${space}[${items.join(',')}${space}]`;
	return `${space}{${items.map((item, i) => `"${names[i]}"${space}:${item}`).join(',')}}`;
}

describe('strict JSON', () => {
	it('is the value that JSON.parse finds', () => {
		const random = sequence(1);
		for (let i = 0; i < 500; i++) {
			const text = randomJson(random);
			assert.equal(JSON.stringify(read(text)), JSON.stringify(JSON.parse(text)), text);
		}
	});

	it('comes out frozen at every depth', () => {
		const value = read('{"a":[{"b":1},[]]}') as { a: [{ b: number }, unknown[]] };
		for (const part of [value, value.a, value.a[0], value.a[1]]) assert.ok(Object.isFrozen(part));
		assert.throws(() => {
			value.a[0].b = 2;
		}, TypeError);
	});

	it('has nothing under names that the document does not hold, and anything under those that it does', () => {
		const value = read('{"__proto__":{"admin":true},"constructor":1}') as Record<string, unknown>;
		assert.equal(value.admin, undefined);
		assert.equal(value.toString, undefined);
		assert.deepEqual(Object.keys(value), ['__proto__', 'constructor']);
		assert.equal(Object.hasOwn({}, 'admin'), false);
		assert.equal(({} as Record<string, unknown>).admin, undefined);
		const bare = bareObject<number>();
		const name: string = '__proto__';
		bare[name] = 7;
		assert.deepEqual(Object.entries(bare), [['__proto__', 7]]);
	});

	const refused: readonly (readonly [string, string, RegExp])[] = [
		['two same names', '{"a":1,"b":2,"a":1}', /the name "a" stands twice/],
		['two same names, one of them escaped', '{"a":1,"\\u0061":1}', /the name "a" stands twice/],
		['two same names of the prototype', '{"__proto__":1,"__proto__":1}', /stands twice/],
		['a fraction', '{"version":1.0}', /at 12, a number is not an integer/],
		['an exponent', '1e3', /a number is not an integer/],
		['minus zero', '-0', /-0/],
		['a leading zero', '01', /begins with 0/],
		['a bare minus', '-', /no digits/],
		['an integer that a double does not hold', '9007199254740992', /larger than 2\^53/],
		['an endless integer', '9'.repeat(400), /larger than 2\^53/],
		['half of a surrogate pair', '"\\ud83d"', /surrogate/],
		['a control character', '"\u0001"', /control character/],
		['an unknown escape', '"\\x41"', /unknown escape/],
		['a short escape', '"\\u12"', /unknown escape/],
		['a string without an end', '"abc', /does not end/],
		['a backslash at the end', '"abc\\', /does not end/],
		['something after the value', '{} {}', /something follows/],
		['a comma too many', '[1,]', /a value is due/],
		['a name without quotes', '{a:1}', /a name in quotes/],
		['a comment', '/**/1', /a value is due/],
		['a word that JSON does not know', 'NaN', /a value is due/],
		['a byte order mark', '\ufeff{}', /a value is due/],
		['nothing', '', /ends where a value is due/],
		['half an object', '{"a":', /ends where a value is due/],
	];
	for (const [what, text, message] of refused) {
		it(`refuses ${what}`, () => {
			assert.throws(() => read(text), failsWith('trust-metadata-malformed'));
			assert.throws(() => read(text), message);
		});
	}

	it('refuses bytes that are not UTF-8', () => {
		assert.throws(() => readJson(new Uint8Array([0x22, 0xff, 0x22])), /not UTF-8/);
		assert.throws(() => readJson(new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])), /not UTF-8/);
	});

	it('reads as many levels as the limit says, and no more', () => {
		const nested = (depth: number) => new TextEncoder().encode('['.repeat(depth) + ']'.repeat(depth));
		readJson(nested(20), { bytes: 100, depth: 20 });
		assert.throws(() => readJson(nested(21), { bytes: 100, depth: 20 }), /more than 20 objects and arrays/);
	});

	it('looks at no byte of a document that is too long', () => {
		assert.throws(() => readJson(new Uint8Array(101), { bytes: 100, depth: 20 }), /has 101 bytes; 100 are allowed/);
	});

	it('ends on five megabytes of nested arrays, open or closed', () => {
		const open = new TextEncoder().encode('['.repeat(5 << 20));
		assert.throws(() => readJson(open), /more than 100 objects/);
		const closed = new TextEncoder().encode(`[${'[[]],'.repeat(1 << 20)}[]]`);
		assert.equal((readJson(closed) as unknown[]).length, (1 << 20) + 1);
	});

	it('refuses a damaged document by its code, or finds what JSON.parse finds', () => {
		const random = sequence(2);
		let refusals = 0;
		for (let i = 0; i < 3000; i++) {
			const bytes = new TextEncoder().encode(randomJson(random) + randomJson(random).slice(0, random() % 2));
			for (let flips = random() % 4; flips > 0; flips--) {
				if (bytes.length > 0) bytes[random() % bytes.length] = random() % 256;
			}
			let value: unknown;
			try {
				value = readJson(bytes);
			} catch (error) {
				assert.ok(failsWith('trust-metadata-malformed')(error));
				refusals++;
				continue;
			}
			assert.equal(JSON.stringify(value), JSON.stringify(JSON.parse(new TextDecoder().decode(bytes))));
		}
		assert.ok(refusals > 500 && refusals < 2900, `${refusals} refusals`);
	});
});
