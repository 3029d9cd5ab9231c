// `caisson trust …`: the trust that devices have in what they install.

import { Command } from 'commander';
import type { Terminal } from '../terminal/terminal.ts';
import type { CeremonyWorld } from './ceremony/world.ts';
import { ceremonyCommand } from './commands/ceremony.ts';
import { type ClientWorld, clientCommand } from './commands/client.ts';
import { addOrderCommands, type OrdersWorld } from './commands/client-orders.ts';
import { importCommand } from './commands/import.ts';
import { keyCommand } from './commands/key.ts';
import { abortCommand, offerCommand, type PendingWorld, pendingCommand } from './commands/pending.ts';
import { publishCommand, resignCommand, settingsCommand } from './commands/publish.ts';
import { serverStandings } from './commands/server-status.ts';
import { signCommand } from './commands/sign.ts';
import { statusCommand } from './commands/status.ts';
import { targetCommand } from './commands/target.ts';

/** What the commands need of the world besides the terminal. */
export interface TrustWorld {
	/** The TUF client of a device: src/trust/client. */
	readonly client: ClientWorld;
	/** The same device where it takes orders of a director. */
	readonly orders: OrdersWorld;
	/** Keys of people, and what judges documents: src/outside/signer. */
	readonly ceremony: CeremonyWorld;
	/** Files that a server's documents are written to. */
	readonly pending: PendingWorld;
}

export function trustCommands(terminal: Terminal, world: TrustWorld): Command {
	const { ceremony } = world;
	const command = new Command('trust').description(
		'Keep what devices trust: genuine, current and complete (The Update Framework).',
	);
	const add = (group: string, ...commands: readonly Command[]) => {
		for (const one of commands) command.addCommand(one.helpGroup(group));
	};
	add('People and their keys:', keyCommand(terminal, ceremony), ceremonyCommand(terminal, ceremony));
	add('People and their keys:', signCommand(terminal, ceremony));
	const server = () => serverStandings(terminal, ceremony.now);
	add('A server’s repository:', statusCommand(terminal, ceremony, server), targetCommand(terminal));
	add('A server’s repository:', publishCommand(terminal), resignCommand(terminal), settingsCommand(terminal));
	add('A server’s repository:', offerCommand(terminal), pendingCommand(terminal, world.pending));
	add('A server’s repository:', abortCommand(terminal), importCommand(terminal));
	add('A device:', addOrderCommands(clientCommand(terminal, world.client), terminal, world.orders));
	return command;
}
