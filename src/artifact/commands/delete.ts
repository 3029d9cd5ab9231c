// `caisson artifact delete`: artifacts by their digests. One that the server refuses to delete does not keep the others.

import { Command } from 'commander';
import { CaissonError, type ErrorCode, errorCatalogue } from '../../errors.ts';
import { withExamples, withExitCodes, withFormat } from '../../terminal/command-help.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import { digestWords, factsPath } from './api.ts';
import { exampleDigest } from './read.ts';

/** The refusals that are about one artifact. */
const ofOneArtifact: readonly ErrorCode[] = ['artifact-not-found', 'artifact-in-use'];

interface Refused {
	readonly digest: string;
	readonly code: ErrorCode;
	readonly message: string;
}

export function deleteCommand(terminal: Terminal): Command {
	const command = new Command('delete')
		.summary('delete artifacts')
		.description(
			'Deletes artifacts, and says of each whether it is deleted, or why not: while an unfinished job names an artifact in its definition, the server keeps it.',
		)
		.argument('<digests...>', 'SHA-256 of artifacts', digestWords);
	withFormat(command);
	withExamples(command, [[`caisson artifact delete \\\n  ${exampleDigest}`, 'One artifact']]);
	withExitCodes(command, {
		0: 'all are deleted',
		1: 'the server refused one; the others are deleted',
		2: 'trouble; those printed before it are deleted',
	});
	return command.action((digests: string[], { format }: { format: 'text' | 'json' }) =>
		deleteArtifacts(terminal, digests, format),
	);
}

async function deleteArtifacts(terminal: Terminal, digests: string[], format: 'text' | 'json'): Promise<void> {
	const api = await terminal.api();
	const deleted: string[] = [];
	const refused: Refused[] = [];
	try {
		for (const digest of digests) {
			try {
				await api.request('DELETE', factsPath(digest));
				deleted.push(digest);
				if (format === 'text') terminal.print(`${digest}  deleted`);
			} catch (error) {
				if (!(error instanceof CaissonError) || !ofOneArtifact.includes(error.code)) throw error;
				const { code, message } = error;
				refused.push({ digest, code, message });
				if (format === 'text') terminal.print(`${digest}  ${terminal.style('bad', 'refused')}: ${message} [${code}]`);
			}
		}
	} finally {
		if (format === 'json') terminal.json({ deleted, refused });
	}
	if (refused.length > 0) terminal.exit(1);
	for (const code of new Set(refused.map((refusal) => refusal.code))) terminal.note(errorCatalogue[code].remedy);
}
