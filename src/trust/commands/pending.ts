// `caisson trust offer`, `pending` and `abort`: documents between a server and the people who sign them. A document is
// prepared or fetched here, signed elsewhere (caisson trust sign), and offered again.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Command } from 'commander';
import { withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { fileUnusable } from '../../terminal/input-file.ts';
import type { WriteWhole } from '../../terminal/output-file.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { Offered } from '../repository/offer.ts';
import type { RepositoryStatus } from '../repository/status.ts';
import { wrong } from './key-options.ts';
import { askServer, rolePath, tellOffered, trustPath, wholeContent } from './server.ts';

type Format = 'text' | 'json';

export interface PendingWorld {
	readonly writeWhole: WriteWhole;
}

export function offerCommand(terminal: Terminal): Command {
	const command = new Command('offer')
		.summary('bring a signed document to the server')
		.description(
			'Brings documents to the server, each with all or some of its signatures. What is complete is published; the rest ' +
				'waits until the other signatures are brought, in any order and by anybody.',
		)
		.argument('<document...>', 'N.ROLE.json')
		.option('--role <name>', 'the role, where the file is not called N.ROLE.json')
		.action(async (files: readonly string[], { role, format }: { role?: string; format: Format }) => {
			if (role !== undefined && files.length > 1) throw wrong('--role is for one document.');
			const api = await terminal.api();
			const outcomes: Offered[] = [];
			for (const file of files) {
				const named = role ?? roleOf(file);
				const content = wholeContent(await readWhole(file));
				const outcome = await askServer<Offered>(api, 'POST', rolePath('documents', named), 'committed', content);
				outcomes.push(outcome);
				if (format === 'text') tellOffered(terminal, outcome);
			}
			if (format === 'json') terminal.json({ offered: outcomes });
		});
	withFormat(command);
	withExitCodes(command, {
		0: 'taken; the output says whether it is complete',
		1: 'refused: its version, keys or a signature; those before it are taken',
		2: 'trouble',
	});
	return withExamples(command, [['caisson trust offer 1.root.json 1.targets.json', 'After a first ceremony']]);
}

function roleOf(file: string): string {
	const role = /^[0-9]+\.(.+)\.json$/.exec(basename(file))?.[1];
	if (role === undefined) throw wrong(`${file} is not called N.ROLE.json: name its role with --role.`);
	return decodeURIComponent(role);
}

async function readWhole(file: string): Promise<Uint8Array> {
	try {
		return await readFile(file);
	} catch (error) {
		throw fileUnusable(file, error);
	}
}

export function pendingCommand(terminal: Terminal, world: PendingWorld): Command {
	return new Command('pending')
		.summary('documents that wait for signatures')
		.description('Lists, prepares and fetches documents of a server that people sign.')
		.addCommand(listCommand(terminal))
		.addCommand(getCommand(terminal, world))
		.addCommand(prepareCommand(terminal, world));
}

function listCommand(terminal: Terminal): Command {
	const command = new Command('list')
		.summary('list what waits, and for whom')
		.description('Lists the documents that wait for signatures, and whose are missing.')
		.action(async ({ format }: { readonly format: Format }) => {
			const status = await askServer<RepositoryStatus>(await terminal.api(), 'GET', trustPath, 'pending');
			if (format === 'json') return terminal.json({ pending: status.pending });
			const name = (keyid: string) => status.keys[keyid]?.label ?? keyid.slice(0, 16);
			const rows = status.pending.flatMap((one) => one.checks.map((check) => ({ ...one, ...check })));
			terminal.table(rows, [
				{ title: 'ROLE', value: ({ role }) => role },
				{ title: 'VERSION', value: ({ version }) => String(version), align: 'right' },
				{ title: 'KEYS OF', value: ({ by }) => by },
				{ title: 'SIGNED', value: ({ signed, threshold }) => `${signed.length} of ${threshold}`, align: 'right' },
				{ title: 'MAY STILL SIGN', value: ({ unsigned }) => unsigned.map(name).join(', ') },
			]);
			if (rows.length > 0) terminal.note('Next: caisson trust pending get ROLE, and caisson trust sign it.');
		});
	withFormat(command);
	return withExamples(command, [['caisson trust pending list', 'Who is waited for']]);
}

interface OutputOptions {
	readonly output?: string;
	readonly expires?: string;
}

function getCommand(terminal: Terminal, world: PendingWorld): Command {
	const command = new Command('get')
		.summary('fetch the document that waits')
		.description('Fetches the document of ROLE that waits, with the signatures so far, to be carried to who signs it.')
		.argument('<role>', 'root, targets, or another role that people sign')
		.option('-o, --output <file>', 'write it there (default: N.ROLE.json here)')
		.action(async (role: string, { output }: OutputOptions) => {
			const api = await terminal.api();
			await write(terminal, world, role, await bodyOf(api.download(rolePath('pending', role))), output);
		});
	return withExamples(command, [['caisson trust pending get root -o /media/usb/2.root.json', 'Onto a stick']]);
}

function prepareCommand(terminal: Terminal, world: PendingWorld): Command {
	const command = new Command('prepare')
		.summary('prepare the next document of a role')
		.description(
			'Makes the next document of ROLE with the targets that are wanted of it and not held back, has the server wait for ' +
				'its signatures, and writes it. Roots are made by caisson trust ceremony.',
		)
		.argument('<role>', 'targets, or another role that people sign')
		.option('-o, --output <file>', 'write it there (default: N.ROLE.json here)')
		.option('--expires <time>', 'YYYY-MM-DDTHH:MM:SSZ (default: what the settings say)')
		.action(async (role: string, { output, expires }: OutputOptions) => {
			const api = await terminal.api();
			const body = expires === undefined ? {} : { expires };
			await askServer<{ signed: unknown }>(api, 'POST', rolePath('pending', role), 'signed', { body });
			await write(terminal, world, role, await bodyOf(api.download(rolePath('pending', role))), output);
		});
	return withExamples(command, [['caisson trust pending prepare releases', 'The next version of releases']]);
}

async function bodyOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
	const parts: Uint8Array[] = [];
	for await (const chunk of chunks) parts.push(chunk);
	return Buffer.concat(parts);
}

async function write(
	terminal: Terminal,
	{ writeWhole }: PendingWorld,
	role: string,
	bytes: Uint8Array,
	output: string | undefined,
): Promise<void> {
	const { version } = JSON.parse(new TextDecoder().decode(bytes)).signed;
	const file = output ?? `${version}.${encodeURIComponent(role)}.json`;
	await writeWhole(file, (into) => into.write(bytes));
	terminal.print(file);
	terminal.note(`Next: caisson trust sign ${file} --key KEY, and then caisson trust offer ${file}`);
}

export function abortCommand(terminal: Terminal): Command {
	const command = new Command('abort')
		.summary('give up a document that waits')
		.description(
			'Gives up the document of ROLE that waits for signatures, with those that it has. The one before stays.',
		)
		.argument('<role>', 'root, targets, or another role that people sign')
		.action(async (role: string) => {
			const api = await terminal.api();
			await api.request('DELETE', rolePath('pending', role), { absent: 'trust-pending-unknown' });
			terminal.note(`Given up. Prepare another: caisson trust pending prepare ${role}`);
		});
	return withExamples(command, [['caisson trust abort releases', 'It had a mistake']]);
}
