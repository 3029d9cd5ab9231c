// `caisson restore`: a new data directory from a backup, or only whether the backup is whole.

import { type FileHandle, open } from 'node:fs/promises';
import { Command } from 'commander';
import { withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { fileUnusable } from '../../terminal/input-file.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { checkBackup, type RestoreResult, restoreBackup } from '../restore.ts';
import { type BackupCommandWorld, readPassphrase } from './world.ts';

interface RestoreOptions {
	readonly passphraseFile?: string;
	readonly check?: boolean;
	readonly format: 'text' | 'json';
}

export function restoreCommand(terminal: Terminal, world: BackupCommandWorld): Command {
	const command = new Command('restore')
		.description(
			'Makes a data directory from a backup. The whole backup is checked first; a changed byte anywhere refuses it. The directory (--data, else the one of this user) must be new or empty, and gets its content in one step or not at all. The restore is noted in the audit trail; ids of events and audit rows go on behind a gap, so that none is given twice.',
		)
		.argument('<file>', 'the backup')
		.option('--passphrase-file <file>', 'file (0600) whose first line decrypts the private files')
		.option('--check', 'only check the backup; nothing is written');
	withFormat(command);
	withExamples(command, [
		[
			'caisson restore caisson.backup --data /var/lib/caisson \\\n  --passphrase-file passphrase',
			'Everything, on another machine',
		],
		['caisson restore caisson.backup --check', 'Is the backup whole?'],
	]);
	withExitCodes(command, {
		0: 'restored, or whole',
		1: 'refused; or restored, with a finding in its audit trail',
		2: 'trouble; nothing was restored',
	});
	return command.action((file: string, options: RestoreOptions) => restore(terminal, world, command, file, options));
}

async function restore(
	terminal: Terminal,
	world: BackupCommandWorld,
	command: Command,
	file: string,
	options: RestoreOptions,
): Promise<void> {
	const handle = await openFile(file);
	try {
		const observed = { signal: terminal.interrupted, progress: terminal.progress };
		if (options.check) {
			const { head, headBytes: _, secrets, ...facts } = await checkBackup(handle, observed);
			terminal.progress('');
			if (options.format === 'json') return terminal.json({ file, ...head, ...facts, secrets: secrets !== undefined });
			terminal.print(`${file}: ${terminal.style('good', 'whole')}, as of ${head.created}`);
			terminal.print(`database: ${facts.databaseBytes} bytes; blobs: ${facts.blobs}, ${facts.blobBytes} bytes`);
			const words = secrets === undefined ? 'none' : 'there, encrypted; not decrypted, so not checked further';
			return terminal.print(`private files: ${words}`);
		}
		const { data = world.defaultData() } = command.optsWithGlobals<{ data?: string }>();
		const passphrase = await readPassphrase(terminal, options.passphraseFile);
		const result = await restoreBackup(handle, { data, passphrase, database: world.database, ...observed });
		terminal.progress('');
		if (!result.auditWhole) terminal.exit(1);
		if (options.format === 'json') terminal.json(asJson(data, result));
		else show(terminal, data, result);
	} finally {
		await handle.close();
	}
}

async function openFile(file: string): Promise<FileHandle> {
	try {
		return await open(file, 'r');
	} catch (error) {
		throw fileUnusable(file, error);
	}
}

function asJson(data: string, { backup, ...result }: RestoreResult) {
	const { head, databaseBytes, blobs, blobBytes, manifest } = backup;
	return { data, ...head, databaseBytes, blobs, blobBytes, manifest, ...result };
}

function show(terminal: Terminal, data: string, result: RestoreResult): void {
	const { backup, secrets, secretsLeftOut, audit, auditWhole, head, jobs } = result;
	terminal.print(`${data}: restored from a backup of ${backup.head.created}`);
	terminal.print(`${jobs} jobs; blobs: ${backup.blobs}, ${backup.blobBytes} bytes`);
	terminal.print(`private files: ${secrets.length === 0 ? 'none' : secrets.join(', ')}`);
	if (secretsLeftOut) {
		terminal.print(`${terminal.style('warn', 'left out')}: private files in the backup; no passphrase was given`);
	}
	terminal.print(`audit trail: ${terminal.style(auditWhole ? 'good' : 'bad', audit)}`);
	if (head !== undefined) terminal.print(`audit head: seal ${head.seal} ${head.hash}`);
	terminal.note(`Serve it with: caisson up --data ${data}`);
}
