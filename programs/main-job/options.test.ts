import assert from 'node:assert/strict';
import test from 'node:test';
import { CaissonError } from '../../src/errors.ts';
import { mainJobHelp, readOptions } from './options.ts';

test('without words it serves until Ctrl-C, from ./data, with whatever device can run', () => {
	const { once, data, package: name, suite, device } = readOptions([]);
	assert.deepEqual([once, data, name, suite, device], [false, undefined, 'hello', 'trixie', 'auto']);
});

test('every option is read', () => {
	const words = ['--once', '--data', 'd', '--package', 'tree', '--suite', 'sid', '--device', 'fake', '--help'];
	const { once, data, package: name, suite, device, help } = readOptions(words);
	assert.deepEqual([once, data, name, suite, device, help], [true, 'd', 'tree', 'sid', 'fake', true]);
});

for (const words of [['--onec'], ['more'], ['--device', 'toaster'], ['--data']]) {
	test(`wrong use is refused: ${words.join(' ')}`, () => {
		assert.throws(
			() => readOptions(words),
			(error) => error instanceof CaissonError && error.code === 'usage-wrong',
		);
	});
}

test('the help fits 80 columns and names every option', () => {
	for (const line of mainJobHelp.split('\n')) assert.ok(line.length <= 80, line);
	for (const name of ['once', 'data', 'package', 'suite', 'device']) assert.ok(mainJobHelp.includes(`--${name}`));
});
