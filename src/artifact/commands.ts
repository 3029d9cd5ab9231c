// `caisson artifact`: artifacts over HTTP, northbound. The commands are in commands/; this lists them.

import { Command } from 'commander';
import { withExamples } from '../terminal/command-help.ts';
import type { WriteWhole } from '../terminal/output-file.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { addCommand } from './commands/add.ts';
import { deleteCommand } from './commands/delete.ts';
import { getCommand, verifyCommand } from './commands/download.ts';
import { gcCommand } from './commands/gc.ts';
import { listCommand, showCommand } from './commands/read.ts';
import { trafficCommand } from './commands/traffic.ts';

/** What the commands need of the world, given by the programs. */
export interface ArtifactCommandWorld {
	readonly writeWhole: WriteWhole;
}

/** The noun `artifact` with its verbs. */
export function artifactCommands(terminal: Terminal, world: ArtifactCommandWorld): Command {
	const artifact = new Command('artifact').description(
		'An artifact is a file that devices download, such as a .swu, named by the SHA-256 of its bytes: the digest. These commands talk to a server, which keeps the bytes and serves them to devices.',
	);
	for (const make of [listCommand, showCommand, trafficCommand]) artifact.addCommand(make(terminal).helpGroup('Read:'));
	artifact.addCommand(getCommand(terminal, world).helpGroup('Read:'));
	artifact.addCommand(verifyCommand(terminal).helpGroup('Read:'));
	for (const make of [addCommand, deleteCommand, gcCommand]) artifact.addCommand(make(terminal).helpGroup('Change:'));
	return withExamples(artifact, [
		['caisson artifact add update.swu', 'Upload a file; prints the address for a job’s definition'],
		['caisson artifact list', 'What is there'],
	]);
}
