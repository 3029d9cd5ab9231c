import assert from 'node:assert/strict';
import test from 'node:test';
import { recordingTerminal } from '../../src/terminal/recording-terminal.ts';
import { count, narrate, wrap } from './narration.ts';

test('a step prints one line with its time, its name and what came of it', async () => {
	const terminal = recordingTerminal();
	const result = await narrate(terminal, 80).step(
		'package',
		'fetching',
		async () => 7,
		(seven) => `got ${seven}`,
	);
	assert.equal(result, 7);
	assert.match(terminal.stdoutText, /^ {3}0\.\d s {2}package {4}got 7\n$/);
});

test('a step that fails says so and passes the error on', async () => {
	const terminal = recordingTerminal();
	const work = () => Promise.reject(new Error('no network'));
	await assert.rejects(narrate(terminal, 80).step('package', 'fetching', work, String), /no network/);
	assert.match(terminal.stdoutText, /package {4}failed\n$/);
});

test('long lines break at spaces and go on in the same column', () => {
	const terminal = recordingTerminal();
	narrate(terminal, 62).line(
		'1.0 s',
		'server',
		`${'word '.repeat(9).trim()} http://127.0.0.1:8081/a/long/address/that/stays/whole`,
	);
	const [first, second, third] = terminal.stdoutText.split('\n');
	assert.equal(first, `   1.0 s  server     ${'word '.repeat(8).trim()}`);
	assert.equal(second, `${' '.repeat(21)}word`);
	assert.equal(third, `${' '.repeat(21)}http://127.0.0.1:8081/a/long/address/that/stays/whole`);
});

test('counts have their plural and their thousands', () => {
	assert.deepEqual([count(1, 'file'), count(1234, 'byte')], ['1 file', '1,234 bytes']);
});

test('a text that fits is one line', () => {
	assert.deepEqual(wrap('a b c', 5), ['a b c']);
});
