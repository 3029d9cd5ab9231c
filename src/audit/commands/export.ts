// `caisson audit export`: the whole trail with its seals as one file.

import { Command } from 'commander';
import { withExamples } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { AuditCommandWorld } from '../commands.ts';
import { exportBytes } from './source.ts';

export function exportCommand(terminal: Terminal, world: AuditCommandWorld): Command {
	const command = new Command('export')
		.summary('write the trail and its seals to a file')
		.description(
			'Writes all rows and seals as lines of JSON, which `audit verify FILE` and thirty lines of any language can verify (docs/formats/audit.md). They come from the server, or with --data from the database of a data directory.',
		)
		.requiredOption('-o, --output <file>', 'the file to write');
	withExamples(command, [['caisson audit export -o audit-2026.ndjson', 'A copy for an assessor']]);
	return command.action(async ({ output }: { output: string }) => {
		const length = await world.writeWhole(
			output,
			async (file) => {
				for await (const bytes of exportBytes(terminal, world, command)) {
					terminal.interrupted.throwIfAborted();
					await file.write(bytes);
					terminal.progress(`${file.length} bytes`);
				}
				return file.length;
			},
			0o600,
		);
		terminal.progress('');
		terminal.print(`${output}: ${length} bytes`);
		terminal.note(`Verify it with: caisson audit verify ${output}`);
	});
}
