// The Terminal as commands see it, on a terminal and elsewhere.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayWidth, fitTo, printable } from './printable.ts';
import { recordingTerminal } from './recording-terminal.ts';

const columns = [
	{ title: 'NAME', value: (row: readonly [string, string]) => row[0] },
	{ title: 'COUNT', value: (row: readonly [string, string]) => row[1], align: 'right' as const },
];

test('a table is aligned by display width, numbers to the right', () => {
	const terminal = recordingTerminal();
	terminal.table(
		[
			['日本', '1'],
			['é', '12'],
		],
		columns,
	);
	assert.equal(terminal.stdoutText, 'NAME  COUNT\n日本      1\né        12\n');
});

test('a table without rows is its header', () => {
	const terminal = recordingTerminal();
	terminal.table([], columns);
	assert.equal(terminal.stdoutText, 'NAME  COUNT\n');
});

test('an escape sequence from a device is shown, not obeyed', () => {
	const terminal = recordingTerminal({ onTerminal: true });
	terminal.print('\u001b[2Jgone\u0007');
	terminal.table([['\u001b]0;title\u0007\nforged', '1']], columns);
	assert.ok(!terminal.stdoutText.includes('\u001b[2J'));
	assert.ok(!terminal.stdoutText.includes('\u001b]'));
	assert.ok(terminal.stdoutText.includes('\\u001b[2Jgone\\u0007'));
	assert.ok(terminal.stdoutText.includes('\\nforged'));
});

test('JSON on stdout escapes the controls that JSON.stringify lets through', () => {
	const terminal = recordingTerminal();
	terminal.json({ message: '\u009b2J\u202e' });
	assert.equal(terminal.stdoutText, '{\n  "message": "\\u009b2J\\u202e"\n}\n');
	assert.deepEqual(JSON.parse(terminal.stdoutText), { message: '\u009b2J\u202e' });
});

test('colour is written on a terminal only, and not with NO_COLOR', () => {
	assert.equal(recordingTerminal({ onTerminal: true }).style('good', 'up'), '\u001b[32mup\u001b[0m');
	assert.equal(recordingTerminal().style('good', 'up'), 'up');
	assert.equal(recordingTerminal({ onTerminal: true, environment: { NO_COLOR: '1' } }).style('good', 'up'), 'up');
});

test('notes go to stderr and are silent with --quiet', () => {
	const loud = recordingTerminal();
	loud.note('next');
	assert.deepEqual([loud.stdoutText, loud.stderrText], ['', 'next\n']);
	const quiet = recordingTerminal({ quiet: true });
	quiet.note('next');
	assert.equal(quiet.stderrText, '');
});

test('progress rewrites one line on a terminal, is cleared before the next line, and is nothing elsewhere', () => {
	const shown = recordingTerminal({ onTerminal: true, columns: 10 });
	shown.progress('1 of 2 made, 1 to go');
	shown.print('done');
	assert.equal(shown.stderrText, '\r\u001b[K1 of 2 m…\r\u001b[K');
	const piped = recordingTerminal();
	piped.progress('1 of 2');
	assert.equal(piped.stderrText, '');
});

test('a question is answered by a person on a terminal and by nobody elsewhere', async () => {
	assert.equal(await recordingTerminal({ onTerminal: true, typed: ['yes'] }).ask('Sure? '), 'yes');
	assert.equal(await recordingTerminal({ stdin: 'yes\n' }).ask('Sure? '), undefined);
});

test('widths count what a terminal shows', () => {
	assert.equal(displayWidth('abc'), 3);
	assert.equal(displayWidth('日本'), 4);
	assert.equal(displayWidth('e\u0301'), 1);
	assert.equal(displayWidth('\u001b[32mup\u001b[0m'), 2);
	assert.equal(displayWidth('👩‍🔧'), 2);
	assert.equal(fitTo('日本語', 5), '日本…');
});

test('printable keeps ordinary text of every script', () => {
	assert.equal(printable('größer 日本 ✓'), 'größer 日本 ✓');
});

test('progress is shown on a terminal that does not know its width', () => {
	const terminal = recordingTerminal({ onTerminal: true, columns: 0 });
	terminal.progress('50 % of it');
	assert.match(terminal.stderrText, /50 % of it$/);
});
