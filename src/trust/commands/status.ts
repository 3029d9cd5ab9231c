// `caisson trust status`: each role, its version and expiry, who signed, who is missing. Here: of documents in files. The
// status of a server has the same form and is shown in the same way.

import { Command } from 'commander';
import { withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { standingOfFiles } from '../ceremony/standing.ts';
import type { CeremonyWorld } from '../ceremony/world.ts';
import type { Standing, Standings } from '../rules/ceremony/standing.ts';
import { wrong } from './key-options.ts';

interface Options {
	readonly dir?: string;
	readonly format: 'text' | 'json';
}

/** Where the status of the server comes from; it throws where none is reached. */
export type ServerStandings = () => Promise<Standings>;

/** Days before an expiry at which a person is warned. */
const soon = 30;

export function statusCommand(terminal: Terminal, world: CeremonyWorld, server?: ServerStandings): Command {
	const command = new Command('status')
		.summary('who signed, who is missing, what expires')
		.description(
			'Show each role with its version, its expiry, who signed it and who is missing, for the old root and the new one.' +
				(server === undefined ? '' : ' Without files: of the server.'),
		)
		.argument('[document...]', 'documents, N.ROLE.json')
		.option('--dir <dir>', 'all documents of this folder')
		.action(async (files: readonly string[], options: Options) => {
			const standings = await standingsOf(files, options, world, server);
			if (options.format === 'json') {
				const { roles, keys, complete } = standings;
				terminal.json({ complete, roles, keys });
			} else showStandings(terminal, standings);
			if (!standings.complete) terminal.exit(1);
		});
	withFormat(command);
	withExitCodes(command, {
		0: 'everything is signed and current',
		1: 'something is missing, has expired, or could not be checked',
		2: 'trouble',
	});
	return withExamples(command, [['caisson trust status --dir ceremony', 'What a ceremony still needs']]);
}

async function standingsOf(
	files: readonly string[],
	{ dir }: Options,
	world: CeremonyWorld,
	server: ServerStandings | undefined,
): Promise<Standings> {
	if (files.length > 0 || dir !== undefined) return await standingOfFiles(files, dir, world);
	if (server !== undefined) return await server();
	throw wrong('Name documents, or a folder of them with --dir.');
}

/** Shows what standingOf found: a line a role, and a line for everyone who must sign. */
export function showStandings(terminal: Terminal, { roles, keys }: Standings): void {
	const nameOf = (keyid: string) => keys[keyid]?.label ?? keyid.slice(0, 16);
	const names = (ids: readonly string[]) => (ids.length === 0 ? 'nobody' : ids.map(nameOf).join(', '));
	terminal.table(roles, [
		{ title: 'Role', value: ({ role }) => role },
		{ title: 'Version', value: ({ version }) => (version === 0 ? '-' : String(version)), align: 'right' },
		{ title: 'Expires', value: ({ expires }) => expires ?? '-' },
		{ title: 'Days', value: ({ daysLeft }) => (daysLeft === undefined ? '-' : String(daysLeft)), align: 'right' },
		{ title: 'State', value: (standing) => stateText(terminal, standing, roles) },
	]);
	for (const { role, version, checks, useless, notes } of roles) {
		for (const { by, signed, threshold, missing, unsigned } of checks) {
			const rest = missing === 0 ? '' : `; ${missing} more of ${names(unsigned)}`;
			terminal.print(`${role} ${version}, by ${by}: ${threshold} needed, signed by ${names(signed)}${rest}`);
		}
		if (useless.length > 0) {
			terminal.print(`${role} ${version}: signatures that count for nothing: ${names(useless)}`);
		}
		for (const note of notes) terminal.print(`${role}${version === 0 ? '' : ` ${version}`}: ${note}`);
	}
}

function stateText(terminal: Terminal, standing: Standing, roles: readonly Standing[]): string {
	const { state, expired, daysLeft = 0, role, version } = standing;
	if (expired) return terminal.style('bad', 'expired');
	if (state === 'absent') return terminal.style('bad', 'no document');
	if (state === 'incomplete') return terminal.style('bad', 'signatures missing');
	if (state === 'not-checked') return terminal.style('warn', 'not checked');
	const followed = roles.some((other) => other.role === role && other.version > version);
	if (followed) return terminal.style('dim', 'signed, followed by another');
	if (daysLeft < soon && role !== 'timestamp' && role !== 'snapshot')
		return terminal.style('warn', 'signed, expires soon');
	return terminal.style('good', 'signed');
}
