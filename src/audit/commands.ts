// `caisson audit …`: reading the audit trail, exporting it, and proving that it was not changed. One command of it a
// function in commands/; this lists them.

import { Command } from 'commander';
import { withExamples } from '../terminal/command-help.ts';
import type { WriteWhole } from '../terminal/output-file.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { exportCommand } from './commands/export.ts';
import { listCommand } from './commands/list.ts';
import { verifyCommand } from './commands/verify.ts';
import type { AuditChainReader } from './store.ts';

/** What the commands need of the world, given by the programs. */
export interface AuditCommandWorld {
	/** The chain of a data directory, of one moment, beside a server that may run on it. @throws CaissonError */
	readonly openChain: (dataDirectory: string) => Promise<AuditChainReader & { close(): void }>;
	readonly writeWhole: WriteWhole;
	/** Milliseconds since the epoch. */
	readonly now: () => number;
}

/** The noun `audit` with its verbs. */
export function auditCommands(terminal: Terminal, world: AuditCommandWorld): Command {
	const audit = new Command('audit').description(
		'The audit trail says who did what to what. Rows are sealed into a hash chain soon after they are written; the hash of a seal that is kept elsewhere (the head) proves later that nothing before it was changed. No row is ever deleted.',
	);
	audit.addCommand(listCommand(terminal, world));
	audit.addCommand(verifyCommand(terminal, world));
	audit.addCommand(exportCommand(terminal, world));
	return withExamples(audit, [
		['caisson audit list --action access.denied', 'Who was turned away'],
		['caisson audit export -o audit-2026.ndjson', 'Keep a copy that anybody can verify'],
	]);
}
