// `caisson trust …`: the trust that devices have in what they install.

import { Command } from 'commander';
import type { Terminal } from '../terminal/terminal.ts';
import type { CeremonyWorld } from './ceremony/world.ts';
import { ceremonyCommand } from './commands/ceremony.ts';
import { type ClientWorld, clientCommand } from './commands/client.ts';
import { keyCommand } from './commands/key.ts';
import { signCommand } from './commands/sign.ts';
import { statusCommand } from './commands/status.ts';

/** What the commands need of the world besides the terminal. */
export interface TrustWorld {
	/** The TUF client of a device: src/trust/client. */
	readonly client: ClientWorld;
	/** Keys of people, and what judges documents: src/outside/signer. */
	readonly ceremony: CeremonyWorld;
}

export function trustCommands(terminal: Terminal, world: TrustWorld): Command {
	return new Command('trust')
		.description('Keep what devices trust: genuine, current and complete (The Update Framework).')
		.addCommand(keyCommand(terminal, world.ceremony))
		.addCommand(ceremonyCommand(terminal, world.ceremony))
		.addCommand(signCommand(terminal, world.ceremony))
		.addCommand(statusCommand(terminal, world.ceremony))
		.addCommand(clientCommand(terminal, world.client));
}
