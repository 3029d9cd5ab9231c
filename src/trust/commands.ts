// `caisson trust …`: the trust that devices have in what they install.

import { Command } from 'commander';
import type { Terminal } from '../terminal/terminal.ts';
import { type ClientWorld, clientCommand } from './commands/client.ts';

/** What the commands need of the world besides the terminal. */
export interface TrustWorld {
	/** The TUF client of a device: src/trust/client. */
	readonly client: ClientWorld;
}

export function trustCommands(terminal: Terminal, world: TrustWorld): Command {
	return new Command('trust')
		.description('Keep what devices trust: genuine, current and complete (The Update Framework).')
		.addCommand(clientCommand(terminal, world.client));
}
