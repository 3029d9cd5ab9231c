import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJson, SpelledNumber } from './json-decoder.ts';

const decode = (text: string) => decodeJson(new TextEncoder().encode(text));
const problem = (text: string) => {
	const decoded = decode(text);
	return 'problem' in decoded ? decoded.problem : undefined;
};

test('only the first value counts, whatever follows it', () => {
	for (const text of ['{"a":1} x', '{"a":1}}', ' {"a":1}{"b":2}', '{"a":1}\0']) {
		assert.deepEqual(decode(text), { value: { a: 1 } }, text);
	}
	assert.deepEqual(decode('[1] [2]'), { value: [1] });
});

test('lone surrogates become the replacement character, pairs stay', () => {
	assert.deepEqual(decode('{"\\ud800":"a\\udfff","b":"\\ud83d\\ude00"}'), {
		value: { '\uFFFD': 'a\uFFFD', b: '\u{1F600}' },
	});
});

test('a number keeps its spelling where Go would mind it', () => {
	assert.deepEqual(decode('{"a":{"b":[1E400, 1e2,5.0]}}'), {
		value: { a: { b: [new SpelledNumber('1E400'), new SpelledNumber('1e2'), new SpelledNumber('5.0')] } },
	});
	assert.deepEqual(decode('{"a":1.5,"b":"1e400","c":-12}'), { value: { a: 1.5, b: '1e400', c: -12 } });
});

test('syntax errors are named in Go’s words', () => {
	const cases: readonly (readonly [string, string])[] = [
		['  ', 'EOF'],
		['{"a":', 'unexpected EOF'],
		['{"a"', 'unexpected EOF'],
		['"abc', 'unexpected EOF'],
		['x', "invalid character 'x' looking for beginning of value"],
		['{a:1}', "invalid character 'a' looking for beginning of object key string"],
		['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
		['{"a" 1}', "invalid character '1' after object key"],
		['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
		['[1 2]', "invalid character '2' after array element"],
		['nxll', "invalid character 'x' in literal null (expecting 'u')"],
		['"\\x"', "invalid character 'x' in string escape code"],
		['"\\u00g0"', "invalid character 'g' in \\u hexadecimal character escape"],
		['"a\tb"', "invalid character '\\t' in string literal"],
		["'a'", "invalid character '\\'' looking for beginning of value"],
		['\uFEFF{}', "invalid character 'ï' looking for beginning of value"],
		['\0', "invalid character '\\x00' looking for beginning of value"],
		['-', 'unexpected EOF'],
		['-x', "invalid character 'x' in numeric literal"],
		['1.x', "invalid character 'x' after decimal point in numeric literal"],
		['1ex', "invalid character 'x' in exponent of numeric literal"],
	];
	for (const [text, message] of cases) assert.equal(problem(text), message, JSON.stringify(text));
});

test('a bomb of brackets is refused without running out of stack', () => {
	assert.equal(problem(`${'['.repeat(200_000)} x`), "invalid character '[' exceeded max depth");
});
