// That the commands of a page are found as a person would type them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandsOf } from './commands.ts';

const fence = '```';

test('commands are the lines of blocks marked sh, with their line numbers', () => {
	const page = `Text\n\n${fence}sh\nfirst\nsecond --now\n${fence}\n\n${fence}text\nno command\n${fence}\n${fence}\nnor this\n${fence}\n`;
	assert.deepEqual(commandsOf(page), [
		{ text: 'first', line: 4 },
		{ text: 'second --now', line: 5 },
	]);
});

test('a backslash continues a command', () => {
	const page = `${fence}sh\ncreate --a 1 \\\n  --b 2\nnext\n${fence}`;
	assert.deepEqual(commandsOf(page), [
		{ text: 'create --a 1   --b 2', line: 2 },
		{ text: 'next', line: 4 },
	]);
});

test('comments are no part of a command, unless quotes make that uncertain', () => {
	const page = `${fence}sh\n# only a comment\nrun this   # as it says\nsay "a # in quotes"\n${fence}`;
	assert.deepEqual(
		commandsOf(page).map((command) => command.text),
		['run this', 'say "a # in quotes"'],
	);
});

test('a block in a list is found', () => {
	assert.deepEqual(commandsOf(`1. Do:\n   ${fence}sh\n   run\n   ${fence}\n`), [{ text: 'run', line: 3 }]);
});
