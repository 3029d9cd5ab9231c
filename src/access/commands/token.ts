// `caisson access token …` and `caisson access device-token …`: making, listing and revoking.

import { Command, Option } from 'commander';
import { duration, withExamples, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { roleMeanings, roles } from '../rules/roles.ts';
import { createToken, type FormatOption, listTokens, revokeTokens } from './api.ts';

interface CreateOptions extends FormatOption {
	readonly name?: string;
	readonly role?: readonly string[];
	readonly expires?: number;
}

const lifetime = '--expires <age>';
const seconds = ({ expires }: CreateOptions) =>
	expires === undefined ? {} : { expiresIn: Math.floor(expires / 1000) };

export function tokenCommand(terminal: Terminal): Command {
	const token = new Command('token').description(
		'API tokens open the northbound port for a person or a program, as far as their roles go. The audit trail calls their user by the name of the token.',
	);
	const create = new Command('create')
		.summary('make a token and print its secret, this once')
		.description('Makes a token. Its secret goes to stdout and is stored nowhere; only an admin may do this.')
		.requiredOption('--name <name>', 'what the audit trail calls its user')
		.addOption(
			new Option('--role <role...>', 'what it may do; several: all of them').choices(roles).makeOptionMandatory(),
		)
		.option(lifetime, 'invalid after this time, e.g. 90d (default: never)', duration);
	withFormat(create).addHelpText('after', `\nRoles:\n${roleLines().join('\n')}`);
	withExamples(create, [['caisson access token create --name ci --role operator > ci.token', 'For a pipeline']]);
	create.action(async (options: CreateOptions) => {
		const { name, role } = options;
		await createToken(terminal, { kind: 'operator', name, roles: role, ...seconds(options) }, options);
	});
	token.addCommand(create);
	token.addCommand(listCommand(terminal, 'operator'));
	token.addCommand(revokeCommand(terminal));
	return withExamples(token, [['caisson access token list', 'Who has one, and when it was last used']]);
}

export function deviceTokenCommand(terminal: Terminal): Command {
	const token = new Command('device-token').description(
		'A device token opens the southbound port for the jobs of one device, where the server runs with --southbound-auth token.',
	);
	const create = new Command('create')
		.summary('make a token for a device and print its secret, this once')
		.description('Makes a token. Its secret goes to stdout and is stored nowhere; only an admin may do this.')
		.argument('<client-id>', 'the device, as its jobs name it')
		.option('--name <name>', 'a note beside it in the list')
		.option(lifetime, 'invalid after this time, e.g. 52w (default: never)', duration);
	withFormat(create);
	withExamples(create, [['caisson access device-token create pump-7 > pump-7.token', 'For a device']]);
	create.action(async (clientId: string, options: CreateOptions) => {
		const name = options.name === undefined ? {} : { name: options.name };
		await createToken(terminal, { kind: 'device', clientId, ...name, ...seconds(options) }, options);
	});
	token.addCommand(create);
	token.addCommand(listCommand(terminal, 'device'));
	token.addCommand(revokeCommand(terminal));
	return withExamples(token, [['caisson access device-token list --client-id pump-7', 'The tokens of a device']]);
}

function roleLines(): string[] {
	return roles.map((role) => {
		const [first = '', ...rest] = wrapped(roleMeanings[role], 66);
		return [`  ${role.padEnd(10)}${first}`, ...rest.map((line) => `${' '.repeat(12)}${line}`)].join('\n');
	});
}

function wrapped(text: string, width: number): string[] {
	const lines: string[] = [];
	for (const word of text.split(' ')) {
		const last = lines.at(-1);
		if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
		else lines.push(word);
	}
	return lines;
}

function listCommand(terminal: Terminal, kind: 'operator' | 'device'): Command {
	const command = new Command('list')
		.summary('list tokens, never their secrets')
		.description('Lists tokens that are valid now. When one was last used may be a minute old.')
		.option('--all', 'those that are revoked or expired too');
	if (kind === 'device') command.option('--client-id <id>', 'only tokens of this device');
	return withFormat(command).action(
		async ({ all = false, clientId, format }: FormatOption & { all?: boolean; clientId?: string }) =>
			listTokens(terminal, { kind, clientId }, all, format),
	);
}

function revokeCommand(terminal: Terminal): Command {
	return new Command('revoke')
		.summary('make tokens worthless')
		.description(
			'Revokes tokens for ever: at once on the server that is asked, and within 5 seconds on others of the same database.',
		)
		.argument('<id...>', 'ids of the tokens, as `list` shows them')
		.action(async (ids: readonly string[]) => revokeTokens(terminal, ids));
}
