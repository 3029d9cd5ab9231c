// How the documents in files or a folder stand. It decides which files are looked at; judging is done by the rules.

import type { Standings } from '../rules/ceremony/standing.ts';
import { standingOf } from '../rules/ceremony/standing.ts';
import { type DocumentFile, documentsIn, readDocument } from './documents.ts';
import type { CeremonyWorld } from './world.ts';

export interface FileStandings extends Standings {
	/** The file of each role and version that was looked at: `root 1` → `1.root.json`. */
	readonly files: ReadonlyMap<string, string>;
}

/**
 * @param files documents; the rest of `folder` is looked at as well
 * @throws CaissonError file-unusable, request-too-large; TrustFailure trust-metadata-malformed naming the file
 */
export async function standingOfFiles(
	files: readonly string[],
	folder: string | undefined,
	world: CeremonyWorld,
): Promise<FileStandings> {
	const documents: DocumentFile[] = folder === undefined ? [] : await documentsIn(folder);
	for (const file of files) documents.push(await readDocument(file));
	const named = new Map(
		documents.map(({ role, metadata, file }) => [`${role} ${metadata.signed.version}`, file] as const),
	);
	return { ...standingOf(documents, world.now(), world), files: named };
}
