// `caisson backup`: one file with everything that a data directory holds.

import { Command } from 'commander';
import { withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { type BackupResult, writeBackup } from '../write.ts';
import { type BackupCommandWorld, passphraseCredential, readPassphrase } from './world.ts';

interface BackupOptions {
	readonly output: string;
	readonly passphraseFile?: string;
	readonly database?: string;
	readonly format: 'text' | 'json';
}

export function backupCommand(terminal: Terminal, world: BackupCommandWorld): Command {
	const command = new Command('backup')
		.description(
			`Writes everything that a data directory holds into one file: the database as it is at one moment, blobs, and encrypted under a passphrase the private files (tokens, keys). A server may run on the directory meanwhile. A PostgreSQL (--database, or CAISSON_DATABASE) is copied as well, into the form of the embedded database; blobs in a bucket are not. Without a passphrase (--passphrase-file, or the systemd credential ${passphraseCredential}) the private files are left out.\n\nBeside the file there must be room for the database once more while it is written.`,
		)
		.requiredOption('-o, --output <file>', 'the file to write')
		.option('--passphrase-file <file>', 'file (0600) whose first line encrypts the private files')
		.option('--database <url>', 'PostgreSQL of the servers: postgres://…');
	withFormat(command);
	withExamples(command, [
		[
			'caisson backup -o caisson.backup \\\n  --passphrase-file /etc/caisson/backup-passphrase',
			'Everything, while the server serves',
		],
	]);
	withExitCodes(command, {
		0: 'the backup is complete but for what was left out by choice',
		1: 'the backup was made without blobs that are damaged',
		2: 'trouble; no file was written',
	});
	return command.action((options: BackupOptions) => backup(terminal, world, command, options));
}

async function backup(terminal: Terminal, world: BackupCommandWorld, command: Command, options: BackupOptions) {
	const { data: named } = command.optsWithGlobals<{ data?: string }>();
	const source = world.chooseDatabase({
		...(options.database !== undefined && { database: options.database }),
		...(named !== undefined && { data: named }),
	});
	const data = named ?? world.defaultData();
	const passphrase = await readPassphrase(terminal, options.passphraseFile);
	const { result, length } = await world.writeWhole(
		options.output,
		async (file) => {
			const write = (bytes: Uint8Array) => file.write(bytes);
			const parts = { data, source, passphrase, now: world.now(), caisson: world.version, database: world.database };
			const observed = { signal: terminal.interrupted, progress: terminal.progress };
			const written = await writeBackup({ ...parts, ...observed }, options.output, write);
			terminal.interrupted.throwIfAborted();
			return { result: written, length: file.length };
		},
		0o600,
	);
	terminal.progress('');
	if (result.damagedBlobs.length > 0) terminal.exit(1);
	if (options.format === 'json') return terminal.json({ file: options.output, bytes: length, ...result });
	show(terminal, options.output, length, result);
}

function show(terminal: Terminal, file: string, length: number, result: BackupResult): void {
	const { secrets, leftOut, damagedBlobs, auditHead } = result;
	terminal.print(`${file}: ${length} bytes, as of ${result.created}`);
	terminal.print(`database: ${result.databaseBytes} bytes; blobs: ${result.blobs}, ${result.blobBytes} bytes`);
	terminal.print(`private files, encrypted: ${secrets.length === 0 ? 'none' : secrets.join(', ')}`);
	for (const { path, why } of leftOut) terminal.print(`${terminal.style('warn', 'left out')}: ${path}: ${why}`);
	for (const name of damagedBlobs) {
		terminal.print(`${terminal.style('bad', 'damaged, not in the backup')}: ${name}`);
	}
	const head = auditHead === undefined ? 'nothing was sealed' : `seal ${auditHead.seal} ${auditHead.hash}`;
	terminal.print(`audit head: ${head}`);
	terminal.note(`Check it now and then: caisson restore ${file} --check`);
}
