// The questions of a first ceremony, for people at a terminal. The answers become a plan in YAML, which is kept: it can be read by
// all who take part, and replayed. It decides what is proposed; the plan is judged like any other.

import { join, relative, resolve } from 'node:path';
import { stringify } from 'yaml';
import type { Terminal } from '../../terminal/terminal.ts';
import { makeFolder, writeNew } from '../ceremony/files.ts';
import type { CeremonyWorld } from '../ceremony/world.ts';
import type { KeyEntry } from '../rules/ceremony/key-entry.ts';
import { keyKind } from '../rules/metadata/keys.ts';
import { pathPatternFault } from '../rules/metadata/portable-paths.ts';
import { entriesIn } from './key.ts';
import { wrong } from './key-options.ts';

const planName = 'ceremony.yaml';

/**
 * Asks, and writes DIR/ceremony.yaml.
 * @returns its name
 * @throws CaissonError usage-wrong where nobody can answer; file-unusable, key-unusable
 */
export async function planByAsking(terminal: Terminal, world: CeremonyWorld, folder: string): Promise<string> {
	const ask = asking(terminal);
	const keyFolder = await ask('Folder with the public keys (NAME.public.json)', 'keys', () => undefined);
	const keys = await entriesIn(keyFolder, world);
	if (keys.length === 0) throw wrong(`${keyFolder} holds no NAME.public.json: caisson trust key create makes them.`);
	terminal.table(keys, [
		{ title: 'Key', value: ({ label }) => label },
		{ title: 'Kind', value: ({ key }) => keyKind(key) ?? '' },
		{ title: 'Key id', value: ({ keyid }) => keyid },
		{ title: 'Holder', value: ({ holder }) => holder ?? '-' },
	]);
	const online = await askKeys(ask, keys, 'Keys of the server, for timestamp, snapshot and bins', undefined);
	const people = keys.filter(({ label }) => !online.includes(label)).map(({ label }) => label);
	const root = await askRole(ask, keys, 'root', people, 365);
	const targets = await askRole(ask, keys, 'targets', root.keys, 365);
	const releases = await askRole(ask, keys, 'releases (what is installed)', targets.keys, 180);
	const paths = await ask('Paths of releases, with spaces between', 'releases/* releases/*/*', (text) => {
		const fault = words(text).map(pathPatternFault).find(Boolean);
		return fault === undefined ? undefined : `A path ${fault}.`;
	});
	const bins = await ask('May the server sign all other paths by itself (bins)?', 'yes', (text) =>
		/^(yes|no)$/.test(text) ? undefined : 'Type yes or no.',
	);
	const byServer = { keys: online, threshold: 1 };
	const plan = {
		keys: keys.map(({ label }) => relative(resolve(folder), resolve(keyFolder, `${label}.public.json`))),
		roles: { root, targets, snapshot: byServer, timestamp: byServer },
		delegations: [
			{ name: 'releases', ...releases, terminating: true, paths: words(paths) },
			...(bins === 'yes' ? [{ name: 'bins', ...byServer, paths: 'every' }] : []),
		],
	};
	await makeFolder(folder);
	const file = join(folder, planName);
	const heading = '# The plan of a ceremony. Replay it: caisson trust ceremony --plan ceremony.yaml\n';
	await writeNew(file, heading + stringify(plan, { aliasDuplicateObjects: false, flowCollectionPadding: false }));
	terminal.note(`The answers are kept in ${file}.`);
	return file;
}

/** Asks until the answer is accepted. `accept` says what is wrong with one. */
type Ask = (
	question: string,
	proposal: string | undefined,
	accept: (answer: string) => string | undefined,
) => Promise<string>;

const mostTries = 20;

function asking(terminal: Terminal): Ask {
	return async (question, proposal, accept) => {
		for (let tries = 0; tries < mostTries; tries++) {
			const typed = await terminal.ask(`${question}${proposal === undefined ? '' : ` [${proposal}]`}: `);
			if (typed === undefined) throw wrong('Nobody can be asked here: name a plan with --plan.');
			const answer = typed.trim() === '' ? (proposal ?? '') : typed.trim();
			const fault = answer === '' ? 'An answer is needed.' : accept(answer);
			if (fault === undefined) return answer;
			terminal.note(fault);
		}
		throw wrong(`No answer to "${question}" could be used.`);
	};
}

async function askKeys(
	ask: Ask,
	keys: readonly KeyEntry[],
	question: string,
	proposal: readonly string[] | undefined,
): Promise<string[]> {
	const answer = await ask(`${question}, with spaces between`, proposal?.join(' '), (text) => {
		const unknown = words(text).find((word) => !keys.some(({ label }) => label === word));
		if (unknown !== undefined) return `There is no key ${JSON.stringify(unknown)}.`;
		return new Set(words(text)).size < words(text).length ? 'A key is named twice.' : undefined;
	});
	return words(answer);
}

async function askRole(
	ask: Ask,
	keys: readonly KeyEntry[],
	role: string,
	proposal: readonly string[],
	days: number,
): Promise<{ keys: string[]; threshold: number; expires: string }> {
	const named = await askKeys(ask, keys, `Keys of ${role}`, proposal);
	const most = named.length;
	const threshold = await ask(`How many of ${most} must sign ${role}`, String(Math.floor(most / 2) + 1), (text) =>
		/^[0-9]+$/.test(text) && Number(text) >= 1 && Number(text) <= most ? undefined : `A number from 1 to ${most}.`,
	);
	const expires = await ask(`Days until ${role} expires`, String(days), (text) =>
		/^[1-9][0-9]{0,4}$/.test(text) ? undefined : 'A number of days.',
	);
	return { keys: named, threshold: Number(threshold), expires: `${expires}d` };
}

function words(text: string): string[] {
	return text.split(/[\s,]+/).filter((word) => word !== '');
}
