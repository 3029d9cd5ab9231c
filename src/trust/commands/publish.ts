// `caisson trust publish`, `resign` and `settings`: what a server does with the keys that it has, and how often.

import { Command, InvalidArgumentError } from 'commander';
import { wholeNumber, withExamples, withFormat } from '../../terminal/command-help.ts';
import { showFields } from '../../terminal/fields.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { Published } from '../publisher.ts';
import type { RepositorySettings } from '../rules/repository/settings.ts';
import { askServer, tellPublished, trustPath } from './server.ts';

type Format = 'text' | 'json';

function publishing(terminal: Terminal, command: Command, path: string): Command {
	command.action(async ({ format }: { readonly format: Format }) => {
		type Wire = { published: Published | null };
		const answer = await askServer<Wire>(await terminal.api(), 'POST', `${trustPath}/${path}`, 'published');
		if (format === 'json') terminal.json(answer);
		else tellPublished(terminal, answer.published);
	});
	return withFormat(command);
}

export function publishCommand(terminal: Terminal): Command {
	const command = new Command('publish')
		.summary('publish what waits')
		.description(
			'Has the server sign and serve all changes that wait and are not held back. Targets of roles that people sign are ' +
				'published by their signatures: caisson trust pending.',
		);
	return withExamples(publishing(terminal, command, 'publish'), [['caisson trust publish', 'Now']]);
}

export function resignCommand(terminal: Terminal): Command {
	const command = new Command('resign')
		.summary('sign anew everything that the server signs')
		.description(
			'Has the server sign all its roles anew, due or not: after new lifetimes, or to see that its key works.',
		);
	return withExamples(publishing(terminal, command, 'online'), [['caisson trust resign', 'Now']]);
}

interface SettingsOptions {
	readonly bins?: number;
	readonly binRole?: string;
	readonly binPrefix?: string;
	readonly lifetime?: Readonly<Record<string, number>>;
	readonly keep?: number;
	readonly format: Format;
}

export function settingsCommand(terminal: Terminal): Command {
	const command = new Command('settings')
		.summary('show and change bins, lifetimes, retention')
		.description('Shows the settings of the repository, after changing those that are given.')
		.option('--bins <number>', '2 to 16384, a power of 2; not after targets was signed', bins)
		.option('--bin-role <name>', 'role that delegates to the bins; not after targets was signed')
		.option('--bin-prefix <text>', 'beginning of the names of bins; not after targets was signed')
		.option('--lifetime <role=days>', 'root, targets, delegated, bins, snapshot or timestamp; repeatable', lifetime)
		.option('--keep <number>', 'old documents of each role that are kept', wholeNumber(1, 10_000))
		.action(async (options: SettingsOptions) => {
			const api = await terminal.api();
			const path = `${trustPath}/settings`;
			let settings = await askServer<RepositorySettings>(api, 'GET', path, 'lifetimes');
			const changed = changedSettings(settings, options);
			if (JSON.stringify(changed) !== JSON.stringify(settings)) {
				settings = await askServer<RepositorySettings>(api, 'PUT', path, 'lifetimes', { body: changed });
			}
			if (options.format === 'json') return terminal.json(settings);
			showFields(terminal, [
				['Bins', `${2 ** settings.bins.bitLength}, ${settings.bins.namePrefix}-…, below ${settings.bins.role}`],
				...Object.entries(settings.lifetimes).map(([role, days]) => [`Days of ${role}`, String(days)] as const),
				['Kept documents', String(settings.keptVersions)],
			]);
		});
	withFormat(command);
	return withExamples(command, [
		['caisson trust settings', 'Show them'],
		['caisson trust settings --bins 16384', 'Before the first ceremony, for a million targets'],
		['caisson trust settings --lifetime timestamp=2 --lifetime snapshot=7', 'Shorter signatures'],
	]);
}

function changedSettings(settings: RepositorySettings, options: SettingsOptions): RepositorySettings {
	const { bins: count, binRole: role, binPrefix: namePrefix, lifetime: days, keep: keptVersions } = options;
	const bitLength = count === undefined ? undefined : Math.log2(count);
	return {
		bins: {
			...settings.bins,
			...(bitLength !== undefined && { bitLength }),
			...(role !== undefined && { role }),
			...(namePrefix !== undefined && { namePrefix }),
		},
		lifetimes: { ...settings.lifetimes, ...days },
		keptVersions: keptVersions ?? settings.keptVersions,
	};
}

function bins(text: string): number {
	const count = wholeNumber(2, 16_384)(text);
	if (Number.isInteger(Math.log2(count))) return count;
	throw new InvalidArgumentError('It must be a power of 2.');
}

function lifetime(text: string, before: Readonly<Record<string, number>> = {}): Record<string, number> {
	const [, role = '', days = ''] = /^(root|targets|delegated|bins|snapshot|timestamp)=(\d{1,5})$/.exec(text) ?? [];
	if (role === '') throw new InvalidArgumentError('It must be a role and a number of days, e.g. timestamp=7.');
	return { ...before, [role]: Number(days) };
}
