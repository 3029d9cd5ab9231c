// `caisson completion SHELL`: a script that completes nouns, verbs, options and the values that options may have. The
// scripts are generated from the tree of commands and ask nothing at run time, so they are quick; they know no job ids.

import { Argument, Command } from 'commander';
import { withExamples } from '../../src/terminal/command-help.ts';
import type { Terminal } from '../../src/terminal/terminal.ts';
import { type CommandNode, commandTree } from './command-tree.ts';
import { bashScript } from './completion/bash.ts';
import { fishScript } from './completion/fish.ts';
import { zshScript } from './completion/zsh.ts';

const scripts: Readonly<Record<string, (tree: CommandNode) => string>> = {
	bash: bashScript,
	zsh: zshScript,
	fish: fishScript,
};

/** @param wholeTree loads all commands */
export function completionCommand(terminal: Terminal, wholeTree: () => Promise<Command>): Command {
	const shell = new Argument('<shell>', 'the shell').choices(Object.keys(scripts));
	const command = new Command('completion')
		.description('Writes a script that completes the words of caisson commands in a shell.')
		.addArgument(shell);
	withExamples(command, [
		['source <(caisson completion bash)', 'For this bash'],
		[
			'caisson completion bash \\\n  > ~/.local/share/bash-completion/completions/caisson',
			'For every bash from now on',
		],
		['caisson completion zsh > ~/.zfunc/_caisson', 'For zsh, with ~/.zfunc in its fpath'],
		['caisson completion fish \\\n  > ~/.config/fish/completions/caisson.fish', 'For fish'],
	]);
	return command.action(async (name: string) => {
		terminal.write(scripts[name]?.(commandTree(await wholeTree())) ?? '');
	});
}
