// `caisson artifact get|verify`: the bytes of artifacts, judged by their digest here, whatever the server says of them.

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { Command } from 'commander';
import { CaissonError } from '../../errors.ts';
import type { ApiClient } from '../../terminal/api-client.ts';
import { withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import { bytesText } from '../../terminal/quantities.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { ArtifactCommandWorld } from '../commands.ts';
import { artifactPath } from '../rules.ts';
import { digestWord, digestWords, everyArtifact, fetchFacts, progressOf } from './api.ts';
import { exampleDigest } from './read.ts';

interface GetOptions {
	readonly output: string;
	readonly format: 'text' | 'json';
}

export function getCommand(terminal: Terminal, world: ArtifactCommandWorld): Command {
	const command = new Command('get')
		.summary('download an artifact')
		.description(
			'Downloads an artifact into a file. The file appears, or is replaced, only when all bytes are on disk and have this digest; otherwise nothing is left of the download.',
		)
		.argument('<digest>', 'SHA-256 of the artifact', digestWord)
		.requiredOption('-o, --output <file>', 'the file to write');
	withFormat(command);
	withExamples(command, [[`caisson artifact get -o update.swu \\\n  ${exampleDigest}`, 'One artifact']]);
	withExitCodes(command, {
		0: 'the file is there and has this digest',
		1: 'there is no such artifact, or what came has another digest',
		2: 'trouble',
	});
	return command.action((digest: string, options: GetOptions) => getArtifact(terminal, world, digest, options));
}

async function getArtifact(
	terminal: Terminal,
	{ writeWhole }: ArtifactCommandWorld,
	digest: string,
	{ output, format }: GetOptions,
): Promise<void> {
	await refuseSpecialFile(output);
	const api = await terminal.api();
	const facts = await fetchFacts(api, digest);
	await writeWhole(output, async (file) => {
		const write = (chunk: Uint8Array) => file.write(chunk);
		const { actual, size } = await download(terminal, api, facts, write);
		if (actual !== digest) {
			const what = `What came has ${size} bytes and the SHA-256 ${actual}, not ${digest}`;
			throw new CaissonError('artifact-damaged', `${what}; ${output} was not written.`);
		}
	});
	if (format === 'json') terminal.json({ ...facts, file: output });
	else terminal.print(`${output}: ${bytesText(facts.size)}, its digest is right`);
}

/** A directory, a pipe or a device is not replaced by a file, least of all /dev/null. */
async function refuseSpecialFile(path: string): Promise<void> {
	const found = await stat(path).catch(() => undefined);
	if (found === undefined || found.isFile()) return;
	const what = found.isDirectory() ? 'it is a directory' : 'it is no regular file';
	throw new CaissonError('file-unusable', `Cannot write ${path}: ${what}.`);
}

/** Reads an artifact to its end. @returns the digest and the length of what came */
async function download(
	terminal: Terminal,
	api: ApiClient,
	{ digest, size }: { readonly digest: string; readonly size: number },
	use: (chunk: Uint8Array) => Promise<void> = async () => undefined,
): Promise<{ actual: string; size: number }> {
	const hash = createHash('sha256');
	const progress = progressOf(terminal, `Downloading ${digest.slice(0, 12)}…`, size);
	let read = 0;
	for await (const chunk of api.download(artifactPath(digest))) {
		hash.update(chunk);
		await use(chunk);
		read += chunk.length;
		progress(read);
	}
	terminal.progress('');
	return { actual: hash.digest('hex'), size: read };
}

interface VerifyOptions {
	readonly all?: boolean;
	readonly format: 'text' | 'json';
}

interface Verdict {
	readonly digest: string;
	readonly result: 'intact' | 'damaged' | 'absent' | 'not checked';
	/** Bytes that came. */
	readonly size?: number;
	/** The digest that they have. */
	readonly actual?: string;
	readonly reason?: string;
}

export function verifyCommand(terminal: Terminal): Command {
	const command = new Command('verify')
		.summary('check the bytes of artifacts')
		.description(
			'Downloads artifacts, keeps nothing, and says whether their bytes have their digests. The server computes a digest when an artifact is uploaded, and does not do so again.',
		)
		.argument('[digests...]', 'SHA-256 of artifacts', digestWords)
		.option('--all', 'every artifact that the server has');
	withFormat(command);
	withExamples(command, [
		[`caisson artifact verify \\\n  ${exampleDigest}`, 'One artifact'],
		['caisson artifact verify --all', 'What the disk or the bucket has made of them over the years'],
	]);
	withExitCodes(command, {
		0: 'all bytes have their digests',
		1: 'an artifact is damaged, or is not there',
		2: 'trouble; an artifact could not be read to its end, for example',
	});
	return command.action(async (digests: string[], options: VerifyOptions) => {
		if ((digests.length === 0) !== (options.all === true)) {
			throw new CaissonError('usage-wrong', 'Name artifacts by their digests, or all of them with --all.');
		}
		await verifyArtifacts(terminal, digests, options);
	});
}

async function verifyArtifacts(terminal: Terminal, digests: string[], options: VerifyOptions): Promise<void> {
	const api = await terminal.api();
	const results: Verdict[] = [];
	let trouble: unknown;
	try {
		for await (const digest of options.all ? digestsOf(api) : digests) {
			let verdict: Verdict;
			try {
				verdict = await judge(terminal, api, digest);
			} catch (error) {
				// One that the server cannot read says nothing about the next.
				if (terminal.interrupted.aborted || !isUnreadable(error)) throw error;
				trouble ??= error;
				verdict = { digest, result: 'not checked', reason: error.message };
			}
			results.push(verdict);
			if (options.format === 'text') showVerdict(terminal, verdict);
		}
	} finally {
		if (options.format === 'json') terminal.json({ results });
	}
	if (trouble !== undefined) throw trouble;
	if (results.some(({ result }) => result !== 'intact')) terminal.exit(1);
	if (results.length === 0) terminal.note('There are no artifacts: nothing was checked.');
	else if (results.length > 1) terminal.note(summary(results));
}

async function* digestsOf(api: ApiClient): AsyncGenerator<string> {
	for await (const { digest } of everyArtifact(api)) yield digest;
}

function isUnreadable(error: unknown): error is CaissonError {
	return error instanceof CaissonError && ['server-unreachable', 'blobs-unavailable'].includes(error.code);
}

async function judge(terminal: Terminal, api: ApiClient, digest: string): Promise<Verdict> {
	try {
		const { actual, size } = await download(terminal, api, await fetchFacts(api, digest));
		return actual === digest ? { digest, result: 'intact', size } : { digest, result: 'damaged', size, actual };
	} catch (error) {
		terminal.progress('');
		if (error instanceof CaissonError && error.code === 'artifact-not-found') return { digest, result: 'absent' };
		throw error;
	}
}

function showVerdict(terminal: Terminal, { digest, result, size, actual, reason }: Verdict): void {
	const word = terminal.style(result === 'intact' ? 'good' : 'bad', result);
	const why = actual === undefined ? reason : `its ${size} bytes have the SHA-256 ${actual}`;
	terminal.print(`${digest}  ${word}${why === undefined ? '' : `: ${why}`}`);
}

function summary(results: readonly Verdict[]): string {
	const intact = results.filter(({ result }) => result === 'intact').length;
	return `${intact} of ${results.length} are intact.`;
}
