// `caisson artifact add`: files become artifacts. What the server has already is not sent again, so that a command that
// was cut off can simply be given again. Several files are no transaction: each is printed when it is there.

import { basename } from 'node:path';
import { Command } from 'commander';
import type { ApiClient } from '../../terminal/api-client.ts';
import { withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { shortTime } from '../../terminal/fields.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { artifactPath, fileNameProblem } from '../rules.ts';
import {
	type ArtifactWire,
	asArtifact,
	factsPath,
	noteOnlyHere,
	progressOf,
	southboundAddress,
	withSouthbound,
} from './api.ts';
import { digestOf, openSource, type SourceFile } from './source-file.ts';
import { upload } from './upload.ts';

interface AddOptions {
	readonly southbound?: string;
	readonly again?: boolean;
	readonly format: 'text' | 'json';
}

/** One file that is an artifact now. */
interface Added extends ArtifactWire {
	readonly file: string;
	/** Where devices download it. */
	readonly url: string;
	/** The server did not have it before. */
	readonly added: boolean;
}

export function addCommand(terminal: Terminal): Command {
	const command = new Command('add')
		.summary('upload files')
		.description(
			'Uploads files and prints, a line each, the digest and the URL to put into a job’s definition. What the server has already is not sent again. An upload that is cut off goes on where it was, by itself or when the command is given again within a day. The artifact is there when its last byte has arrived and all of them fit the digest, and not before.',
		)
		.argument('<files...>', 'files to upload')
		.option('--again', 'send also what is there already: it replaces an artifact that was damaged');
	withFormat(withSouthbound(command));
	withExamples(command, [
		['caisson artifact add update.swu', 'One file'],
		[
			'caisson artifact add --southbound https://updates.example:8443 \\\n  build/*.swu',
			'Several, for devices that reach the server by this name',
		],
	]);
	withExitCodes(command, {
		0: 'all files are there now, or were before',
		1: 'the server refused one, e.g. because it changed while it was sent',
		2: 'trouble, e.g. one is too large; the files printed before it are there',
	});
	return command.action((files: string[], options: AddOptions) => addFiles(terminal, files, options));
}

async function addFiles(terminal: Terminal, files: readonly string[], options: AddOptions): Promise<void> {
	const south = await southboundAddress(terminal, options.southbound);
	const api = await terminal.api();
	const done: Added[] = [];
	try {
		for (const path of files) {
			const file = await openSource(path);
			try {
				done.push(await addFile(terminal, api, file, south, options));
			} finally {
				await file.close();
			}
		}
	} finally {
		if (options.format === 'json') terminal.json({ artifacts: done });
	}
	noteOnlyHere(terminal, south, options.southbound);
	terminal.note('Put the URL into the definition of a job: caisson job create --help');
}

async function addFile(
	terminal: Terminal,
	api: ApiClient,
	file: SourceFile,
	south: string,
	{ again, format }: AddOptions,
): Promise<Added> {
	const name = basename(file.path);
	const digest = await digestOf(file.chunks(terminal.interrupted, progressOf(terminal, `Reading ${name}`, file.size)));
	terminal.progress('');
	const before = await factsOrNone(api, digest);
	const whole = before !== undefined && before.size === file.size;
	if (before !== undefined && !whole) {
		terminal.note(`${file.path}: damaged on the server, where it has ${before.size} bytes; it is sent again.`);
	}
	const send = !whole || again === true;
	const facts = send ? await upload(terminal, api, file, digest) : before;
	const url = south + artifactPath(digest, fileNameProblem(name) === undefined ? name : undefined);
	if (format === 'text') terminal.print(`${digest}  ${url}`);
	if (send) terminal.note(`${file.path}: ${bytesText(facts.size)} uploaded.`);
	else terminal.note(`${file.path}: there already, since ${shortTime(facts.stored)}; nothing was sent.`);
	return { file: file.path, ...facts, url, added: before === undefined };
}

async function factsOrNone(api: ApiClient, digest: string): Promise<ArtifactWire | undefined> {
	const answer = await api.request('GET', factsPath(digest), { answers: [404] });
	return answer.status === 404 ? undefined : asArtifact(api, answer.body);
}
