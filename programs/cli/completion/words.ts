// What a completion script needs to know at each place of the command line. It leaves out any shell's syntax.

import type { CommandNode, OptionNode } from '../command-tree.ts';

export interface Place {
	/** The words after `caisson`, e.g. `job create`; '' for none. */
	readonly path: string;
	readonly children: readonly { readonly word: string; readonly summary: string }[];
	readonly options: readonly OptionNode[];
	/** Words that an argument may be. */
	readonly choices: readonly string[];
	/** Arguments are, or may be, files. */
	readonly files: boolean;
}

/** The places of a tree, the root first. */
export function places(node: CommandNode): Place[] {
	const path = node.name.split(' ').slice(1).join(' ');
	const here: Place = {
		path,
		children: node.children.map(({ word, summary }) => ({ word, summary })),
		options: node.options,
		choices: node.arguments.flatMap((argument) => argument.choices),
		files: node.arguments.some((argument) =>
			/file|dir|path|definition|description|specification|certificate/.test(argument.term),
		),
	};
	return [here, ...node.children.flatMap(places)];
}

/** Options of all places that take a value: the word after one of them is no noun or verb. */
export function valuedOptions(all: readonly Place[]): string[] {
	const names = all.flatMap((place) =>
		place.options.filter((option) => option.takesValue).flatMap(({ names }) => names),
	);
	return [...new Set(names)].sort();
}
