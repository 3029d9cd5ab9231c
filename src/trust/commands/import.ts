// `caisson trust import`: gives the metadata of another repository to a server, which takes it over. Only files that a
// device could be led to are sent. What is verified and refused, the server decides (repository/adopt.ts).

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { CaissonError } from '../../errors.ts';
import { withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { fileUnusable } from '../../terminal/input-file.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { Adopted } from '../repository/adopt.ts';
import { askServer, tellPublished, trustPath } from './server.ts';

export function importCommand(terminal: Terminal): Command {
	const command = new Command('import')
		.summary('take over a repository of RSTUF or python-tuf')
		.description(
			'Gives the metadata in DIR to the server, which takes over its roots, roles, targets and versions and goes on with ' +
				'the next versions: devices in the field keep their trust. The server must have the online key (--trust-key), ' +
				'and no repository yet. All of it is verified from 1.root.json on, and taken over whole or not at all.',
		)
		.argument('<dir>', 'folder of the metadata as it was served: timestamp.json, N.ROLE.json')
		.action(async (dir: string, { format }: { readonly format: 'text' | 'json' }) => {
			const lines = await metadataLines(dir);
			const length = lines.reduce((sum, line) => sum + line.length, 0);
			const content = { length, chunks: chunksOf(terminal, lines, length) };
			const api = await terminal.api();
			let adopted: Adopted;
			try {
				adopted = await askServer<Adopted>(api, 'POST', `${trustPath}/import`, 'roles', { content });
			} finally {
				terminal.progress('');
			}
			if (format === 'json') return terminal.json(adopted);
			const { root, roles, targets, versions, published, unpublished } = adopted;
			terminal.print(`Taken over: root ${root}, ${roles} roles, ${targets} targets.`);
			terminal.note(`It had timestamp ${versions.timestamp} and snapshot ${versions.snapshot}.`);
			tellPublished(terminal, published);
			if (unpublished !== undefined) terminal.note(`It is not served yet; the server tries again: ${unpublished}`);
			terminal.note('Next: caisson trust status; then let devices ask this server: its metadata is at /tuf/.');
		});
	withFormat(command);
	withExitCodes(command, { 0: 'taken over', 1: 'refused; nothing was stored', 2: 'trouble' });
	return withExamples(command, [['caisson trust import /srv/tuf/metadata', 'From a folder of metadata']]);
}

/** A line for each file that the last snapshot leads to: versions before it are nobody's any more. */
async function metadataLines(dir: string): Promise<Uint8Array[]> {
	const read = async (name: string) => {
		try {
			return await readFile(join(dir, name), 'utf8');
		} catch (error) {
			throw fileUnusable(join(dir, name), error);
		}
	};
	const names = new Set(await readdir(dir).catch((error: unknown) => Promise.reject(fileUnusable(dir, error))));
	const wanted = [...names].filter((name) => /^[1-9][0-9]*\.root\.json$/.test(name) || name === 'timestamp.json');
	const timestamp = field(await read('timestamp.json'), join(dir, 'timestamp.json'));
	const snapshot = `${timestamp['snapshot.json']}.snapshot.json`;
	if (names.has(snapshot)) {
		wanted.push(snapshot);
		for (const [name, version] of Object.entries(field(await read(snapshot), join(dir, snapshot)))) {
			const role = encodeURIComponent(name.replace(/\.json$/, ''));
			const file = [`${version}.${name}`, `${version}.${role}.json`].find((one) => names.has(one));
			// What is missing is for the server to say: it may be that no role delegates to it.
			if (file !== undefined) wanted.push(file);
		}
	}
	const lines: Uint8Array[] = [];
	for (const name of wanted) {
		lines.push(new TextEncoder().encode(`${JSON.stringify({ name, text: await read(name) })}\n`));
	}
	return lines;
}

/** The versions that a timestamp or snapshot names. Nothing of it is trusted: the server looks at all of it. */
function field(text: string, file: string): Record<string, number> {
	try {
		const meta = JSON.parse(text).signed.meta as Record<string, { version: number }>;
		return Object.fromEntries(Object.entries(meta).map(([name, { version }]) => [name, version]));
	} catch (cause) {
		throw new CaissonError('file-unusable', `${file} is no metadata of a repository.`, { cause });
	}
}

async function* chunksOf(terminal: Terminal, lines: readonly Uint8Array[], length: number): AsyncGenerator<Uint8Array> {
	let sent = 0;
	for (const line of lines) {
		yield line;
		sent += line.length;
		terminal.progress(`${Math.floor((100 * sent) / length)} % sent`);
	}
}
