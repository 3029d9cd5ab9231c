// `caisson version`: which Caisson this command is, and which server answers it.

import { Command } from 'commander';
import { withExamples, withFormat } from '../../src/terminal/command-help.ts';
import type { Terminal } from '../../src/terminal/terminal.ts';
import { ownVersion } from './own-version.ts';

interface VersionOptions {
	readonly client?: boolean;
	readonly format: 'text' | 'json';
}

export function versionCommand(terminal: Terminal): Command {
	const command = new Command('version')
		.description('Shows the version of this command and of the server.')
		.option('--client', 'this command only; no server is asked');
	withFormat(command);
	withExamples(command, [['caisson version --client', 'Without a server']]);
	return command.action(async ({ client, format }: VersionOptions) => {
		const own = { version: ownVersion(), node: process.versions.node };
		// The own version first: it is known also where the server cannot be reached.
		if (format === 'text') terminal.print(`caisson ${own.version} (Node.js ${own.node})`);
		if (client) {
			if (format === 'json') terminal.json({ client: own });
			return;
		}
		const api = await terminal.api();
		const { body } = await api.request('GET', '/version');
		const server = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
		if (format === 'json') return terminal.json({ client: own, server: { address: api.address, ...server } });
		const words = ['version', 'commit', 'apiVersion'].map((name) => `${name} ${server[name] ?? 'unknown'}`);
		terminal.print(`server ${api.address}: ${words.join(', ')}`);
	});
}
