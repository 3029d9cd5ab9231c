// `caisson update …`: packing .swu files, looking into them and checking them. All of it works locally, without a server.

import { Command } from 'commander';
import type { Terminal } from '../terminal/terminal.ts';
import { checkCommand } from './commands/check.ts';
import { chunkCommand } from './commands/chunk.ts';
import { createTestKeyCommand } from './commands/create-test-key.ts';
import { deltaCommand } from './commands/delta.ts';
import { inspectCommand } from './commands/inspect.ts';
import { packCommand } from './commands/pack.ts';
import { signCommand } from './commands/sign.ts';
import { verifyCommand } from './commands/verify.ts';
import type { Keys } from './signer.ts';

/** @param keys where keys and certificates come from: src/outside/signer */
export function updateCommands(terminal: Terminal, keys: Keys): Command {
	return new Command('update')
		.description('Pack, sign and check updates: the .swu files that SWUpdate installs. No server is needed.')
		.addCommand(packCommand(terminal, keys))
		.addCommand(chunkCommand(terminal))
		.addCommand(deltaCommand(terminal))
		.addCommand(signCommand(terminal, keys))
		.addCommand(inspectCommand(terminal, keys))
		.addCommand(verifyCommand(terminal, keys))
		.addCommand(checkCommand(terminal, keys))
		.addCommand(createTestKeyCommand(terminal, keys));
}
