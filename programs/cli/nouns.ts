// Which commands there are, in which order the help shows them, and where each is loaded from. A module is loaded only
// when its command is called, so that `caisson --help` does not pay for all of them.

import type { Command } from 'commander';
import type { Terminal } from '../../src/terminal/terminal.ts';

export interface Noun {
	readonly name: string;
	/** One line for `caisson --help`, without a full stop. */
	readonly summary: string;
	readonly group: string;
	readonly load: (terminal: Terminal) => Promise<Command>;
}

const work = 'Devices and their work:';
const machine = 'This machine and the server:';

export const nouns: readonly Noun[] = [
	{
		name: 'job',
		summary: 'take devices through workflows: create, watch, approve, delete',
		group: work,
		load: async (terminal) => (await import('../../src/job/commands.ts')).jobCommands(terminal),
	},
	{
		name: 'workflow',
		summary: 'check, draw and keep the workflows that jobs follow',
		group: work,
		load: async (terminal) => (await import('../../src/workflow/commands.ts')).workflowCommands(terminal),
	},
	{
		name: 'update',
		summary: 'pack, sign and check .swu files for SWUpdate',
		group: work,
		load: async (terminal) => {
			const [{ updateCommands }, { fileKeys }] = await Promise.all([
				import('../../src/update/commands.ts'),
				import('../../src/outside/signer/keys.ts'),
			]);
			return updateCommands(terminal, fileKeys);
		},
	},
	{
		name: 'trust',
		summary: 'hold ceremonies, sign, and refresh as a device does (The Update Framework)',
		group: work,
		load: async (terminal) => {
			const [{ trustCommands }, { trustWorld }] = await Promise.all([
				import('../../src/trust/commands.ts'),
				import('./trust-world.ts'),
			]);
			return trustCommands(terminal, trustWorld);
		},
	},
	{
		name: 'director',
		summary: 'say, signed, what each device shall run (Uptane’s second repository)',
		group: work,
		load: async (terminal) => {
			const [{ directorCommands }, { directorWorld }] = await Promise.all([
				import('../../src/trust/commands/director.ts'),
				import('../director/world.ts'),
			]);
			return directorCommands(terminal, directorWorld);
		},
	},
	{
		name: 'access',
		summary: 'make and revoke tokens of operators and devices',
		group: machine,
		load: async (terminal) => (await import('../../src/access/commands.ts')).accessCommands(terminal),
	},
	{
		name: 'artifact',
		summary: 'upload and check the files that devices download',
		group: work,
		load: async (terminal) => {
			const [{ artifactCommands }, { writeWhole }] = await Promise.all([
				import('../../src/artifact/commands.ts'),
				import('../../src/update/output-file.ts'),
			]);
			return artifactCommands(terminal, { writeWhole });
		},
	},
	{
		name: 'audit',
		summary: 'read who did what, and prove that nobody changed it',
		group: machine,
		load: async (terminal) => {
			const [{ auditCommands }, { openAuditChain }, { writeWhole }, { join }] = await Promise.all([
				import('../../src/audit/commands.ts'),
				import('../../src/storage/sqlite/chain.ts'),
				import('../../src/update/output-file.ts'),
				import('node:path'),
			]);
			const openChain = async (data: string) => openAuditChain(join(data, 'caisson.db'));
			return auditCommands(terminal, { openChain, writeWhole, now: Date.now });
		},
	},
	{
		name: 'backup',
		summary: 'write everything that a data directory holds into one file',
		group: machine,
		load: async (terminal) => {
			const [{ backupCommand }, { backupWorld }] = await Promise.all([
				import('../../src/backup/commands.ts'),
				import('./backup-world.ts'),
			]);
			return backupCommand(terminal, backupWorld(terminal.environment));
		},
	},
	{
		name: 'restore',
		summary: 'make a data directory from a backup',
		group: machine,
		load: async (terminal) => {
			const [{ restoreCommand }, { backupWorld }] = await Promise.all([
				import('../../src/backup/commands.ts'),
				import('./backup-world.ts'),
			]);
			return restoreCommand(terminal, backupWorld(terminal.environment));
		},
	},
	{
		name: 'up',
		summary: 'serve devices and operators',
		group: machine,
		load: async (terminal) => (await import('../server/up.ts')).upCommand(terminal),
	},
	{
		name: 'db',
		summary: 'migrate, check and copy a database',
		group: machine,
		load: async (terminal) => {
			const [{ databaseCommands }, { databaseWorld }] = await Promise.all([
				import('../../src/database/commands.ts'),
				import('./databases.ts'),
			]);
			return databaseCommands(terminal, databaseWorld(terminal.environment));
		},
	},
	{
		name: 'health',
		summary: 'ask the server whether it works',
		group: machine,
		load: async (terminal) => (await import('./health.ts')).healthCommand(terminal),
	},
	{
		name: 'version',
		summary: 'show the version of this command and of the server',
		group: machine,
		load: async (terminal) => (await import('./version.ts')).versionCommand(terminal),
	},
	{
		name: 'doctor',
		summary: 'tell what this machine lacks',
		group: machine,
		load: async (terminal) => (await import('./doctor.ts')).doctorCommand(terminal),
	},
	{
		name: 'errors',
		summary: 'explain an error code and what to do about it',
		group: machine,
		load: async (terminal) => (await import('./errors.ts')).errorsCommand(terminal),
	},
	{
		name: 'completion',
		summary: 'write a completion script for bash, zsh or fish',
		group: machine,
		load: async (terminal) => {
			const [{ completionCommand }, { wholeProgram }] = await Promise.all([
				import('./completion.ts'),
				import('./program.ts'),
			]);
			return completionCommand(terminal, wholeProgram);
		},
	},
];
