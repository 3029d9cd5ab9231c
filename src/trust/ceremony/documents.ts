// Documents of trust as files: which role a file is of, and what lies beside it. Names are those of a repository (clause 6.2,
// `2.root.json`), so that a folder of a ceremony is a folder that can be compared with what is served. It leaves out judging.

import { basename, dirname, join } from 'node:path';
import { CaissonError } from '../../errors.ts';
import type { NamedDocument } from '../rules/ceremony/standing.ts';
import { quoted, TrustFailure } from '../rules/metadata/failure.ts';
import { readJson } from '../rules/metadata/json.ts';
import type { Metadata, MetadataType, RootSigned } from '../rules/metadata/model.ts';
import { checkMetadata, topLevelRoles } from '../rules/metadata/read.ts';
import { mostBytes, namesIn, readBounded } from './files.ts';

export interface DocumentFile extends NamedDocument {
	readonly file: string;
}

/**
 * Reads a document of any type.
 * @param role for a delegated role whose file is not called after it
 * @throws CaissonError file-unusable, request-too-large; TrustFailure trust-metadata-malformed naming the file
 */
export async function readDocument(file: string, role?: string): Promise<DocumentFile> {
	const bytes = await readBounded(file);
	try {
		const metadata = parse(bytes);
		return { file, role: roleOf(metadata, file, role), metadata };
	} catch (cause) {
		if (!(cause instanceof TrustFailure)) throw cause;
		throw new TrustFailure(cause.code, `${file}: ${cause.message}`, cause.detail, { cause });
	}
}

/** @throws CaissonError as readDocument; trust-role-unknown for a document of another role */
export async function readRoot(file: string): Promise<Metadata<RootSigned>> {
	const { metadata } = await readDocument(file);
	if (metadata.signed._type === 'root') return metadata as Metadata<RootSigned>;
	throw new CaissonError(
		'trust-role-unknown',
		`${file} is a document of ${quoted(metadata.signed._type)}, not a root.`,
	);
}

function parse(bytes: Uint8Array): Metadata {
	const value = readJson(bytes, { bytes: mostBytes, depth: 100 });
	const type = (value as { signed?: { _type?: unknown } | null } | null)?.signed?._type;
	const known = topLevelRoles.find((name) => name === type) as MetadataType | undefined;
	if (known === undefined) {
		throw new TrustFailure('trust-metadata-malformed', 'it is no document of The Update Framework (signed._type)');
	}
	checkMetadata(known, value);
	return value;
}

/** Targets and the roles that it delegates to have documents of one type: the name of the file tells them apart. */
function roleOf({ signed }: Metadata, file: string, role: string | undefined): string {
	if (signed._type !== 'targets') return signed._type;
	return role ?? roleInName(file) ?? 'targets';
}

/** `releases` of `dir/3.releases.json`. */
export function roleInName(file: string): string | undefined {
	const [, escaped] = /^(?:[0-9]+\.)?(.+)\.json$/.exec(basename(file)) ?? [];
	try {
		return escaped === undefined ? undefined : decodeURIComponent(escaped);
	} catch {
		return undefined;
	}
}

const mostBeside = 200;

/** Whether a name in a folder is that of a document: `2.root.json`, `timestamp.json`. */
function isDocumentName(name: string): boolean {
	return /^[0-9]{1,16}\..+\.json$/.test(name) || name === 'timestamp.json';
}

/**
 * All documents of a folder: one that people carry, not one that is served with its bins.
 * @throws CaissonError as readDocument; request-too-large where there are too many
 */
export async function documentsIn(folder: string): Promise<DocumentFile[]> {
	const names = (await namesIn(folder, '.json')).filter(isDocumentName);
	if (names.length > mostBeside) {
		throw new CaissonError(
			'request-too-large',
			`${folder} has more than ${mostBeside} documents: name those that matter.`,
		);
	}
	const documents: DocumentFile[] = [];
	for (const name of names) documents.push(await readDocument(join(folder, name)));
	return documents;
}

/** The documents beside `file`, itself left out. */
export async function documentsBeside(file: string): Promise<DocumentFile[]> {
	const own = basename(file);
	return (await documentsIn(dirname(file))).filter((document) => basename(document.file) !== own);
}
