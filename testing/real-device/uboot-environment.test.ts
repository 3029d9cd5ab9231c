import assert from 'node:assert/strict';
import test from 'node:test';
import { decodeEnvironment, encodeEnvironment } from './uboot-environment.ts';

const variables = new Map([
	['bootpart', '1'],
	['ustate', '0'],
	['bootcmd', 'run a=b; reset'],
]);

test('an environment read back holds the same variables in the same order', () => {
	assert.deepEqual([...decodeEnvironment(encodeEnvironment(variables, 0x4000))], [...variables]);
});

test('the bytes are those that mkenvimage writes', () => {
	// printf 'bootpart=1\nustate=0\n' | mkenvimage -s 32 -o - -
	const expected = 'f6be600a626f6f74706172743d31007573746174653d300000ffffffffffffff';
	const bytes = encodeEnvironment(new Map([...variables].slice(0, 2)), 32);
	assert.equal(Buffer.from(bytes).toString('hex'), expected);
});

test('an environment without variables is valid', () => {
	assert.equal(decodeEnvironment(encodeEnvironment(new Map(), 16)).size, 0);
});

test('a changed byte is noticed', () => {
	const bytes = encodeEnvironment(variables, 256);
	bytes[10] = (bytes[10] ?? 0) ^ 1;
	assert.throws(() => decodeEnvironment(bytes), /checksum/);
});

test('variables that do not fit are refused', () => {
	assert.throws(() => encodeEnvironment(variables, 16), /do not fit/);
});

test('names with an equals sign and values with a zero byte are refused', () => {
	assert.throws(() => encodeEnvironment(new Map([['a=b', 'c']]), 64), /variable name/);
	assert.throws(() => encodeEnvironment(new Map([['a', 'b\0c']]), 64), /zero byte/);
});

test('bytes that are no environment are refused', () => {
	assert.throws(() => decodeEnvironment(new Uint8Array(3)), /too short/);
	assert.throws(() => decodeEnvironment(new Uint8Array(64)), /checksum/);
});
