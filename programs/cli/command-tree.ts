// The tree of commands as plain values, for what is generated from it: completion scripts and the manual page. It
// leaves out how these look.

import type { EventEmitter } from 'node:events';
import type { Command, Option } from 'commander';
import { commandName } from './report.ts';

export interface OptionNode {
	/** As in the help, e.g. `-q, --quiet` or `--server <url>`. */
	readonly flags: string;
	readonly names: readonly string[];
	readonly takesValue: boolean;
	/** The values that it may have; empty where any text may be one. */
	readonly choices: readonly string[];
	/** The value is the name of a file or a directory. */
	readonly path: boolean;
	readonly description: string;
	readonly global: boolean;
}

export interface CommandNode {
	/** As typed, e.g. `caisson job create`. */
	readonly name: string;
	/** Its last word. */
	readonly word: string;
	readonly usage: string;
	readonly summary: string;
	readonly description: string;
	readonly arguments: readonly {
		readonly term: string;
		readonly description: string;
		readonly choices: readonly string[];
	}[];
	readonly options: readonly OptionNode[];
	/** What stands below the options in the help: examples, exit codes. */
	readonly after: string;
	readonly children: readonly CommandNode[];
}

/** The command and all below it, without hidden ones. */
export function commandTree(command: Command): CommandNode {
	const help = command.createHelp();
	return {
		name: commandName(command),
		word: command.name(),
		usage: help.commandUsage(command),
		summary: command.summary() || command.description(),
		description: command.description(),
		arguments: command.registeredArguments.map((argument) => ({
			term: argument.name(),
			description: help.argumentDescription(argument),
			choices: argument.argChoices ?? [],
		})),
		options: help.visibleOptions(command).map((option) => optionNode(option, help.optionDescription(option))),
		after: textAfter(command),
		children: help.visibleCommands(command).map(commandTree),
	};
}

function optionNode(option: Option, description: string): OptionNode {
	return {
		flags: option.flags,
		names: [option.long, option.short].filter((name) => name !== undefined),
		takesValue: option.required || option.optional,
		choices: option.argChoices ?? [],
		path: /[<[](file|dir|directory|path)[\]>]/.test(option.flags),
		description,
		global: option.helpGroupHeading === 'Global options:',
	};
}

// commander keeps it as listeners of an event, which its types do not show.
function textAfter(command: Command): string {
	let text = '';
	const write = (part: string) => {
		text += part;
	};
	(command as unknown as EventEmitter).emit('afterHelp', { error: false, command, write });
	return text.trim();
}
