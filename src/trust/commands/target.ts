// `caisson trust target …`: which targets a server's repository lists. A target is named by its path; its bytes are told by
// a file here, by an artifact of the server, or by the lines of a list.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Command, InvalidArgumentError } from 'commander';
import { CaissonError } from '../../errors.ts';
import { wholeNumber, withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { showFields } from '../../terminal/fields.ts';
import { fileUnusable } from '../../terminal/input-file.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { Published } from '../publisher.ts';
import type { TargetFile } from '../rules/metadata/model.ts';
import { wrong } from './key-options.ts';
import { askServer, tellPublished, trustPath } from './server.ts';

const targetsPath = `${trustPath}/targets`;

export interface TargetWire {
	readonly path: string;
	readonly role: string;
	readonly wanted: TargetFile | null;
	readonly published: TargetFile | null;
	readonly held: boolean;
}

interface ChangedWire {
	readonly changed: number;
	readonly published?: Published | null;
}

type Format = 'text' | 'json';

export function targetCommand(terminal: Terminal): Command {
	const command = new Command('target')
		.summary('add, list, hold back and remove targets')
		.description('Change which targets the repository of a server lists, and look at them.');
	for (const make of [listCommand, showCommand]) command.addCommand(make(terminal).helpGroup('Read:'));
	for (const make of [addCommand, removeCommand, releaseCommand, importCommand]) {
		command.addCommand(make(terminal).helpGroup('Change:'));
	}
	return command;
}

interface AddOptions {
	readonly file?: string;
	readonly digest?: string;
	readonly custom?: unknown;
	readonly hold?: boolean;
	readonly publish?: boolean;
	readonly format: Format;
}

function addCommand(terminal: Terminal): Command {
	const command = new Command('add')
		.summary('add or change a target')
		.description(
			'Adds the target PATH, or changes it. It is served by the next publication: at once with --publish, else within a ' +
				'minute; a target of a role that people sign once they have signed it.',
		)
		.argument('<path>', 'name under which devices ask for it, e.g. chunks/1.zck')
		.option('--file <file>', 'its bytes: a file here, of which length and SHA-256 are taken')
		.option('--digest <sha256>', 'its bytes: an artifact of the server')
		.option('--custom <json>', 'further fields that devices read, e.g. {"counter":7}', json)
		.option('--hold', 'keep the change back until it is released')
		.option('--publish', 'publish at once')
		.action(async (path: string, options: AddOptions) => {
			const { file, digest, custom, hold = false, publish = false } = options;
			if ((file === undefined) === (digest === undefined)) throw wrong('Give one of --file and --digest.');
			const facts = file === undefined ? await artifactFacts(terminal, digest ?? '') : await fileFacts(file);
			const target = { ...facts, ...(custom !== undefined && { custom }) };
			await change(terminal, [{ path, target, held: hold }], publish, options.format);
		});
	withFormat(command);
	return withExamples(command, [
		['caisson trust target add chunks/1.zck --file build/1.zck --publish', 'A file, served at once'],
		['caisson trust target add releases/7.swu --file 7.swu --hold', 'Hold it back for now'],
	]);
}

function json(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		throw new InvalidArgumentError('It must be JSON.');
	}
}

async function fileFacts(file: string): Promise<TargetFile> {
	const hash = createHash('sha256');
	let length = 0;
	try {
		for await (const chunk of createReadStream(file)) {
			hash.update(chunk);
			length += chunk.length;
		}
	} catch (error) {
		throw fileUnusable(file, error);
	}
	return { length, hashes: { sha256: hash.digest('hex') } };
}

async function artifactFacts(terminal: Terminal, digest: string): Promise<TargetFile> {
	const sha256 = digest.replace(/^sha256:/i, '').toLowerCase();
	if (!/^[0-9a-f]{64}$/.test(sha256)) throw wrong('A digest is a SHA-256: 64 hexadecimal digits.');
	const path = `/api/caisson/v1/artifacts/sha256/${sha256}`;
	const { size } = await askServer<{ size: number }>(await terminal.api(), 'GET', path, 'size');
	return { length: size, hashes: { sha256 } };
}

function removeCommand(terminal: Terminal): Command {
	const command = new Command('remove')
		.summary('remove targets')
		.description('Removes targets: no role lists them after the next publication. Their bytes stay where they are.')
		.argument('<path...>', 'names of targets')
		.option('--hold', 'keep the change back until it is released')
		.option('--publish', 'publish at once')
		.action(async (paths: readonly string[], { hold = false, publish = false, format }: AddOptions) => {
			const changes = paths.map((path) => ({ path, removed: true, held: hold }));
			await change(terminal, changes, publish, format);
		});
	withFormat(command);
	return withExamples(command, [['caisson trust target remove chunks/1.zck --publish', 'At once']]);
}

async function change(terminal: Terminal, targets: readonly object[], publish: boolean, format: Format): Promise<void> {
	const body = { targets, publish };
	const answer = await askServer<ChangedWire>(await terminal.api(), 'PUT', targetsPath, 'changed', { body });
	if (format === 'json') return terminal.json(answer);
	terminal.note(`${answer.changed} targets changed.`);
	if (publish) tellPublished(terminal, answer.published);
	else terminal.note('Published within a minute, or at once with caisson trust publish.');
}

function releaseCommand(terminal: Terminal): Command {
	const command = new Command('release')
		.summary('let go what was held back')
		.description('Lets go changes that were held back: all, or those of the targets named.')
		.argument('[path...]', 'names of targets')
		.option('--publish', 'publish at once')
		.action(async (paths: readonly string[], { publish = false, format }: AddOptions) => {
			const body = { ...(paths.length > 0 && { paths }), publish };
			const path = `${targetsPath}/release`;
			type Wire = { released: number; published?: Published | null };
			const answer = await askServer<Wire>(await terminal.api(), 'POST', path, 'released', { body });
			if (format === 'json') return terminal.json(answer);
			terminal.note(`${answer.released} changes released.`);
			tellPublished(terminal, answer.published);
		});
	withFormat(command);
	return withExamples(command, [['caisson trust target release releases/7.swu', 'One target']]);
}

interface ListOptions {
	readonly role?: string;
	readonly waiting?: boolean;
	readonly after?: string;
	readonly limit: number;
	readonly format: Format;
}

function listCommand(terminal: Terminal): Command {
	const command = new Command('list')
		.summary('list targets')
		.description('Lists targets in the order of their paths, with the role that signs each and how it stands.')
		.argument('[prefix]', 'only paths that begin with this')
		.option('--role <name>', 'only targets of this role')
		.option('--waiting', 'only those whose change is not published yet')
		.option('--after <path>', 'only targets that follow this one')
		.option('--limit <number>', 'targets at most', wholeNumber(1, 1000), 100)
		.action(async (prefix: string | undefined, { role, waiting, after, limit, format }: ListOptions) => {
			const query = { prefix, role, waiting, after, limit };
			type Wire = { targets: readonly TargetWire[]; next?: string };
			const page = await askServer<Wire>(await terminal.api(), 'GET', targetsPath, 'targets', { query });
			if (format === 'json') return terminal.json(page);
			terminal.table(page.targets, [
				{ title: 'PATH', value: ({ path }) => path },
				{ title: 'SIZE', value: (one) => sizeOf(one), align: 'right' },
				{ title: 'ROLE', value: (one) => one.role },
				{ title: 'STATE', value: stateOf },
			]);
			if (page.next !== undefined) terminal.note(`There are more. Go on with --after ${page.next}`);
		});
	withFormat(command);
	return withExamples(command, [['caisson trust target list releases/ --waiting', 'What is still to be signed']]);
}

const sizeOf = ({ wanted, published }: TargetWire) => bytesText((wanted ?? published)?.length ?? 0);

function stateOf({ wanted, published, held }: TargetWire): string {
	if (JSON.stringify(wanted) === JSON.stringify(published)) return 'published';
	const what = published === null ? 'new' : wanted === null ? 'to be removed' : 'changed';
	return held ? `${what}, held back` : `${what}, waits`;
}

function showCommand(terminal: Terminal): Command {
	const command = new Command('show')
		.summary('show a target')
		.description('Shows a target: what is published of it and what the next document shall say.')
		.argument('<path>', 'name of the target')
		.action(async (path: string, { format }: { readonly format: Format }) => {
			type Wire = { targets: readonly TargetWire[] };
			const query = { prefix: path, limit: 1 };
			const { targets } = await askServer<Wire>(await terminal.api(), 'GET', targetsPath, 'targets', { query });
			const found = targets.find((one) => one.path === path);
			if (found === undefined) throw new CaissonError('trust-target-unknown', `no role lists the target "${path}"`);
			if (format === 'json') return terminal.json(found);
			const { wanted, published } = found;
			const file = wanted ?? published;
			showFields(terminal, [
				['Path', found.path],
				['Role', found.role],
				['State', stateOf(found)],
				['Size', file === null ? undefined : `${file.length} B (${bytesText(file.length)})`],
				...Object.entries(file?.hashes ?? {}),
				['Custom', file?.custom === undefined ? undefined : JSON.stringify(file.custom)],
			]);
		});
	withFormat(command);
	return withExamples(command, [['caisson trust target show releases/7.swu', 'One target']]);
}

const batch = 5_000;

function importCommand(terminal: Terminal): Command {
	const command = new Command('import')
		.summary('add many targets from a list')
		.description(
			'Adds the targets of FILE: a JSON object in each line with path, length, hashes, and custom where there is one. ' +
				'They are stored in batches; given again, it stores the same.',
		)
		.argument('<file>', 'the list')
		.option('--hold', 'keep the changes back until they are released')
		.option('--publish', 'publish at the end')
		.action(async (file: string, { hold = false, publish = false, format }: AddOptions) => {
			const api = await terminal.api();
			let done = 0;
			let targets: object[] = [];
			const send = async () => {
				if (targets.length > 0) await askServer<ChangedWire>(api, 'PUT', targetsPath, 'changed', { body: { targets } });
				done += targets.length;
				targets = [];
				terminal.progress(`${done} targets stored`);
			};
			try {
				for await (const { path, target } of listedTargets(file)) {
					targets.push({ path, target, held: hold });
					if (targets.length === batch) await send();
				}
				await send();
			} finally {
				terminal.progress('');
				if (format === 'text') terminal.note(`${done} targets stored.`);
			}
			type Wire = { published: Published | null };
			const path = `${trustPath}/publish`;
			const answer = publish ? await askServer<Wire>(api, 'POST', path, 'published') : undefined;
			if (format === 'json') terminal.json({ stored: done, ...answer });
			else tellPublished(terminal, answer?.published);
		});
	withFormat(command);
	withExitCodes(command, { 0: 'all are stored', 1: 'refused; the targets that were counted are stored', 2: 'trouble' });
	return withExamples(command, [['caisson trust target import targets.ndjson --publish', 'A million, and publish']]);
}

async function* listedTargets(file: string): AsyncGenerator<{ path: string; target: TargetFile }> {
	let number = 0;
	try {
		const lines = createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
		for await (const line of lines) {
			number++;
			if (line.trim() === '') continue;
			const { path, length, hashes, custom } = JSON.parse(line);
			if (typeof path !== 'string') throw new SyntaxError('no path');
			yield { path, target: { length, hashes, ...(custom !== undefined && { custom }) } };
		}
	} catch (error) {
		if (error instanceof SyntaxError) {
			throw new CaissonError('file-unusable', `Line ${number} of ${file} is no JSON object with a path.`, {
				cause: error,
			});
		}
		throw error instanceof CaissonError ? error : fileUnusable(file, error);
	}
}
