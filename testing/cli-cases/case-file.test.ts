// Case files of the command line: read, written and compared.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Names, parseCaseFile, renderCaseFile, splitWords } from './case-file.ts';

const file = `# One.
$ caisson a 'b c'
< in
| out
|
| more
! err
? 2

$ caisson d
`;

test('a case file is written as it was read', () => {
	const steps = parseCaseFile(file);
	assert.deepEqual(steps[0], {
		comments: ['# One.'],
		line: "caisson a 'b c'",
		stdin: 'in\n',
		stdout: 'out\n\nmore\n',
		stderr: 'err\n',
		exit: 2,
	});
	assert.equal(steps[1]?.exit, 0);
	assert.equal(renderCaseFile(steps), file);
});

test('a line that is nothing of the form is refused, with its number', () => {
	assert.throws(() => parseCaseFile('$ caisson\noutput without a mark\n'), /line 2/);
	assert.throws(() => parseCaseFile('| output of nothing\n'), /line 1/);
});

test('words are split at spaces outside quotes', () => {
	assert.deepEqual(splitWords(`caisson --x='a b' "c 'd'" {"e":1}`), ['caisson', '--x=a b', "c 'd'", '{e:1}']);
	assert.deepEqual(splitWords(`caisson '{"e":1}'`), ['caisson', '{"e":1}']);
});

test('ids, times and the server are named, and ids stand for themselves in later lines', () => {
	const names = new Names({ server: 'http://127.0.0.1:4711' });
	const id = '8ea1e9d7-28e6-4f1f-b444-a8d2d1ad7618';
	assert.equal(names.hide(`${id} 2026-11-23T09:01:14Z http://127.0.0.1:4711/x`), '<id-1> <time> <server>/x');
	assert.equal(names.show('caisson job get <id-1> <id-2>'), `caisson job get ${id} <id-2>`);
});
