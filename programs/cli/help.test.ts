// Every command's help, read from the tree of commands.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordingTerminal } from '../../src/terminal/recording-terminal.ts';
import { runCaisson } from '../../testing/cli-cases/run-case.ts';
import { type CommandNode, commandTree } from './command-tree.ts';
import { nouns } from './nouns.ts';
import { buildProgram, wholeProgram } from './program.ts';

const tree = commandTree(await wholeProgram());
const all = (node: CommandNode): CommandNode[] => [node, ...node.children.flatMap(all)];

test('every help fits into 80 columns and goes to stdout with exit code 0', async () => {
	for (const node of all(tree)) {
		const { stdout, stderr, exit } = await runCaisson([...node.name.split(' ').slice(1), '--help']);
		assert.deepEqual([stderr, exit], ['', 0], node.name);
		for (const line of stdout.split('\n')) assert.ok(line.length <= 80, `${node.name}: ${line}`);
	}
});

test('every command says what it does, in sentences, and every argument and option what it is', () => {
	for (const node of all(tree)) {
		assert.match(node.description, /^[A-Z].*[.:]$/s, node.name);
		if (node !== tree) assert.doesNotMatch(node.summary, /\.$/, `${node.name}: a summary is no sentence`);
		for (const argument of node.arguments) assert.notEqual(argument.description, '', `${node.name} ${argument.term}`);
		for (const option of node.options) assert.notEqual(option.description, '', `${node.name} ${option.flags}`);
	}
});

test('every noun is listed in the help of caisson, which loads none of them', async () => {
	const { stdout } = await runCaisson(['--help']);
	for (const { name, summary } of nouns) assert.ok(stdout.replace(/\s+/g, ' ').includes(`${name} ${summary}`), name);
	const terminal = recordingTerminal();
	const program = await buildProgram(terminal, { stdout: nowhere, stderr: nowhere }, undefined);
	for (const command of program.commands) assert.equal(command.commands.length, 0, command.name());
});

const nowhere = { write: () => true };
