// The manual page caisson(1), from the tree of commands, in the man(7) macros. It decides what a manual page says
// besides the help; the help's words come from the commands themselves.

import { type CommandNode, commandTree, type OptionNode } from './command-tree.ts';
import { ownVersion } from './own-version.ts';
import { environmentVariables, exitCodes, wholeProgram } from './program.ts';

/** The page as troff source: the same bytes for the same commands. */
export async function manualPage(): Promise<string> {
	const tree = commandTree(await wholeProgram());
	const lines = [
		'.\\" Written by programs/cli/write-manual-page.ts from the commands; do not edit.',
		`.TH CAISSON 1 "" "caisson ${ownVersion()}" "Caisson"`,
		'.SH NAME',
		'caisson \\- keep Debian-based devices buildable, updatable, testable and provable',
		'.SH SYNOPSIS',
		'.B caisson',
		'.RI [ options ]',
		'.I noun',
		'.RI [ verb ]',
		'.RI [ options ]',
		'.RI [ arguments ]',
		'.SH DESCRIPTION',
		...paragraphs(tree.description),
		'.PP',
		text('Commands on shared state (jobs, workflows) talk to a server; commands that compute (update pack) need none.'),
		'.SH OPTIONS',
		'These stand before or after the noun and its verb.',
		...tree.options.flatMap(optionLines),
		'.SH COMMANDS',
		...tree.children.flatMap(commandLines),
		'.SH EXIT STATUS',
		...exitCodes.flatMap(([code, meaning]) => ['.TP', `.B ${code}`, text(meaning)]),
		'.SH ENVIRONMENT',
		...environmentVariables.flatMap(([name, meaning]) => ['.TP', `.B ${name}`, text(meaning)]),
		'.SH FILES',
		...files.flatMap(([name, meaning]) => ['.TP', `.I ${text(name)}`, text(meaning)]),
		'.SH SEE ALSO',
		'.BR swupdate (1),',
		'.BR openssl (1)',
	];
	return `${lines.join('\n')}\n`;
}

const files = [
	['DATA/operator-token', 'The token of the first operator, which commands of the same user read by themselves.'],
	['DATA/server.json', 'Where the local server listens.'],
	['~/.cache/caisson/compile', 'Compiled code; it may be deleted at any time.'],
] as const;

function commandLines(node: CommandNode): string[] {
	const usage = node.usage.split(' ').slice(node.name.split(' ').length).join(' ');
	const own = node.options.filter((option) => !option.global && !option.names.includes('--help'));
	return [
		`.SS "${text(node.name)}${usage === '' || node.children.length > 0 ? '' : ` ${text(usage)}`}"`,
		...paragraphs(node.description),
		...node.arguments
			.filter(({ description }) => description !== '')
			.flatMap(({ term, description }) => ['.TP', `.I ${text(term)}`, text(description)]),
		...own.flatMap(optionLines),
		...(node.after === '' ? [] : ['.PP', '.nf', ...node.after.split('\n').map(text), '.fi']),
		...node.children.flatMap(commandLines),
	];
}

function optionLines({ flags, description }: OptionNode): string[] {
	return ['.TP', `.B ${text(flags)}`, text(description)];
}

function paragraphs(words: string): string[] {
	return words
		.split(/\n\s*\n/)
		.flatMap((part, index) => [...(index === 0 ? [] : ['.PP']), ...part.split('\n').map(text)]);
}

/** A line of text for troff (groff_char(7)): nothing in it is a request or an escape, and it is ASCII. */
function text(words: string): string {
	const escaped = words
		.replaceAll('\\', '\\e')
		.replaceAll('-', '\\-')
		.replaceAll('"', '\\(dq')
		.replaceAll("'", '\\(aq')
		.replaceAll('`', '\\(ga')
		.replaceAll('^', '\\(ha')
		.replaceAll('~', '\\(ti')
		.replace(
			/[^\0-\x7e]/gu,
			(character) => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
		);
	return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}
