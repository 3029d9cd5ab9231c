// `caisson trust key …`: the keys that sign root, targets and releases, each in the hands of one person. The private part
// stays in its file or token; NAME.public.json is what is handed to the ceremony.

import { join } from 'node:path';
import { Command, Option } from 'commander';
import { withExamples, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { makeFolder, namesIn, writeNew } from '../ceremony/files.ts';
import { readKeyFile } from '../ceremony/plan-file.ts';
import type { CeremonyWorld } from '../ceremony/world.ts';
import { isHolder, isLabel, type KeyEntry, keyEntryText, labelRule } from '../rules/ceremony/key-entry.ts';
import { keyKind } from '../rules/metadata/keys.ts';
import { type NewKeyKind, newKeyKinds } from '../signer.ts';
import { keyFiles, type SecretOptions, withSecretOptions, wrong } from './key-options.ts';

type Format = 'text' | 'json';

const publicEnding = '.public.json';

export function keyCommand(terminal: Terminal, world: CeremonyWorld): Command {
	return new Command('key')
		.summary('make, list and show the keys that people sign with')
		.description('Keys of people: in a file under a passphrase, or in a PKCS#11 token. No server is needed.')
		.addCommand(createCommand(terminal, world))
		.addCommand(listCommand(terminal, world))
		.addCommand(showCommand(terminal, world));
}

interface CreateOptions extends SecretOptions {
	readonly kind: NewKeyKind;
	readonly dir: string;
	readonly pkcs11?: string;
	readonly holder?: string;
	readonly format: Format;
}

function createCommand(terminal: Terminal, world: CeremonyWorld): Command {
	const command = new Command('create')
		.summary('make a key')
		.description(
			'Make a key: NAME.pem (PKCS#8 under the passphrase, scrypt) or a key in a token, and NAME.public.json, which is ' +
				'handed to the ceremony. Nothing is overwritten.',
		)
		.argument('<name>', 'the label of the key, as people will read it')
		.addOption(new Option('--kind <kind>', 'kind of the key').choices(newKeyKinds).default('ed25519'))
		.option('--dir <dir>', 'folder for the files; made where absent', '.')
		.option('--pkcs11 <uri>', 'make it in this token (pkcs11:token=…), under the name as its label')
		.option('--holder <person>', 'who keeps the private key; shown in the ceremony, never published');
	withSecretOptions(command).action(async (label: string, options: CreateOptions) => {
		if (!isLabel(label)) throw wrong(`The name ${JSON.stringify(label)} cannot be a label: it is ${labelRule}.`);
		const { holder } = options;
		if (holder !== undefined && !isHolder(holder))
			throw wrong('--holder is a text on one line, 200 characters at most.');
		await makeFolder(options.dir);
		const file = join(options.dir, `${label}${publicEnding}`);
		if ((await namesIn(options.dir, publicEnding)).includes(`${label}${publicEnding}`)) {
			throw wrong(`${file} exists already: there is a key of this name.`);
		}
		const made = await makeKey(terminal, world, label, options);
		const entry: KeyEntry = {
			...{ label, keyid: made.keyid, key: made.key },
			...(holder === undefined ? {} : { holder }),
			...(options.pkcs11 === undefined ? {} : { uri: made.name }),
		};
		await writeNew(file, keyEntryText(entry));
		if (options.format === 'json') return terminal.json({ ...entry, private: made.name, public: file });
		terminal.print(`Key ${label} (${kindOf(entry)}), id ${entry.keyid}`);
		terminal.print(`Private: ${made.name}`);
		terminal.print(`Public:  ${file}`);
		terminal.note('Keep a second copy of the private key, and write down its id. Hand only the public file on.');
	});
	withFormat(command);
	return withExamples(command, [
		['caisson trust key create alice --dir keys --passphrase-file alice.pass', 'Make an Ed25519 key in a file'],
		[
			"caisson trust key create carol --kind ecdsa-p384 --dir keys \\\n    --pkcs11 'pkcs11:token=carol' --pin-file carol.pin \\\n    --pkcs11-module /usr/lib/softhsm/libsofthsm2.so",
			'Make a key that never leaves its token',
		],
	]);
}

async function makeKey(terminal: Terminal, world: CeremonyWorld, label: string, options: CreateOptions) {
	if (options.pkcs11 === undefined) {
		if (options.passphraseFile === undefined) {
			throw wrong('A key in a file needs a passphrase: name a file (0600) that holds it with --passphrase-file.');
		}
		return await world.keys.create(join(options.dir, `${label}.pem`), options.kind, options.passphraseFile);
	}
	// The label of the token's object is the name of the key, unless the URI says otherwise.
	const [path = '', ...query] = options.pkcs11.split('?');
	const named = /[:;]object=/.test(path) ? path : `${path}${path.endsWith(':') ? '' : ';'}object=${label}`;
	return await world.keys.createInToken(keyFiles(terminal, [named, ...query].join('?'), options), options.kind);
}

interface ListOptions extends SecretOptions {
	readonly dir: string;
	readonly pkcs11?: string;
	readonly format: Format;
}

function listCommand(terminal: Terminal, world: CeremonyWorld): Command {
	const command = new Command('list')
		.summary('list the keys in a folder or a token')
		.description('List the public keys of a folder, with what lies beside them, or the private keys of a token.')
		.option('--dir <dir>', 'folder with NAME.public.json files', '.')
		.option('--pkcs11 <uri>', 'list the keys of this token instead');
	withSecretOptions(command).action(async (options: ListOptions) => {
		if (options.pkcs11 !== undefined) {
			const found = await world.keys.listToken(keyFiles(terminal, options.pkcs11, options));
			if (options.format === 'json')
				return terminal.json({ keys: found.map(({ kind = null, ...key }) => ({ ...key, kind })) });
			return terminal.table(found, [
				{ title: 'Label', value: ({ label }) => label },
				{ title: 'Kind', value: ({ kind }) => kind ?? 'not usable here' },
				{ title: 'URI', value: ({ uri }) => uri },
			]);
		}
		const entries = await entriesIn(options.dir, world);
		const pems = new Set(await namesIn(options.dir, '.pem'));
		const rows = entries.map((entry) => ({ ...entry, place: placeOf(entry, pems) }));
		if (options.format === 'json') {
			return terminal.json({ keys: rows.map(({ key, place, ...row }) => ({ ...row, kind: keyKind(key), place })) });
		}
		terminal.table(rows, [
			{ title: 'Label', value: ({ label }) => label },
			{ title: 'Kind', value: kindOf },
			{ title: 'Key id', value: ({ keyid }) => keyid },
			{ title: 'Private key', value: ({ place }) => place ?? 'elsewhere' },
			{ title: 'Holder', value: ({ holder }) => holder ?? '-' },
		]);
	});
	withFormat(command);
	return withExamples(command, [['caisson trust key list --dir keys', 'The keys of a ceremony']]);
}

/** The public keys of a folder. @throws CaissonError file-unusable, key-unusable */
export async function entriesIn(folder: string, world: CeremonyWorld): Promise<KeyEntry[]> {
	const entries: KeyEntry[] = [];
	for (const name of await namesIn(folder, publicEnding)) entries.push(await readKeyFile(join(folder, name), world));
	return entries;
}

function placeOf({ label, uri }: KeyEntry, pems: ReadonlySet<string>): string | undefined {
	return uri ?? (pems.has(`${label}.pem`) ? `${label}.pem` : undefined);
}

function kindOf({ key }: Pick<KeyEntry, 'key'>): string {
	return keyKind(key) ?? 'unknown';
}

interface ShowOptions extends SecretOptions {
	readonly name?: string;
	readonly format: Format;
}

function showCommand(terminal: Terminal, world: CeremonyWorld): Command {
	const command = new Command('show')
		.summary('show a key, so that its id can be read aloud')
		.description(
			'Show the public part of a key: of NAME.public.json, or of a private key, which is opened for it. The id of a ' +
				'private key is computed anew; it must be the one on the record of the ceremony.',
		)
		.argument('<key>', 'NAME.public.json, a private key (PEM), or the PKCS#11 URI of one')
		.option('--name <label>', 'write the public part of a private key that was made elsewhere, under this label');
	withSecretOptions(command).action(async (key: string, options: ShowOptions) => {
		const entry = await entryOf(terminal, world, key, options);
		if (options.format === 'json') {
			if (isLabel(entry.label)) return terminal.write(keyEntryText(entry));
			throw wrong('A private key has no label: say how it is called with --name.');
		}
		terminal.print(`Label:  ${entry.label}`);
		if (entry.holder !== undefined) terminal.print(`Holder: ${entry.holder}`);
		terminal.print(`Kind:   ${kindOf(entry)}`);
		terminal.print(`Key id: ${entry.keyid}`);
	});
	withFormat(command);
	return withExamples(command, [
		['caisson trust key show keys/alice.pem --passphrase-file alice.pass', 'Read the id from the private key'],
		[
			'caisson trust key show old.pem --passphrase-file old.pass --name dora \\\n    --format json > keys/dora.public.json',
			'Use a key that was made elsewhere',
		],
	]);
}

async function entryOf(terminal: Terminal, world: CeremonyWorld, key: string, options: ShowOptions): Promise<KeyEntry> {
	if (key.endsWith('.json')) return await readKeyFile(key, world);
	const { name } = options;
	if (name !== undefined && !isLabel(name))
		throw wrong(`--name ${JSON.stringify(name)} is no label: it is ${labelRule}.`);
	const opened = await world.keys.open(keyFiles(terminal, key, options));
	const inToken = /^pkcs11:/i.test(key) ? { uri: opened.name } : {};
	return { label: name ?? '(not known)', keyid: opened.keyid, key: opened.key, ...inToken };
}
