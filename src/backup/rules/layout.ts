// What stands in a backup and in which order, and which files of a data directory go where: the database as a snapshot,
// blobs as they are, everything else of the owner's (tokens, keys, configuration) as secrets. The form is defined in
// docs/formats/backup.md. It leaves out reading and writing.

export const backupFormat = 'caisson-backup';
export const backupVersion = 1;

/** The members, in their order; blobs stand between database and secrets, in the order of their names. */
export const members = {
	head: 'caisson-backup',
	database: 'caisson.db',
	secrets: 'secrets',
	manifest: 'manifest',
	seal: 'manifest.sha256',
} as const;

export const blobPrefix = 'blobs/sha256/';
/** Bytes of the head member at most. */
export const longestHead = 4096;
/** Bytes of the secrets member at most, and of what goes into it. */
export const longestSecrets = 32 * 1024 * 1024;
export const secretLimits = { file: 1024 * 1024, total: 16 * 1024 * 1024, files: 1000 } as const;

/** The first member: what this file is. */
export interface BackupHead {
	readonly format: typeof backupFormat;
	readonly version: number;
	/** RFC 3339, whole seconds: also the time of every member. */
	readonly created: string;
	/** The version of Caisson that wrote it. */
	readonly caisson: string;
}

/** The head in these bytes, or why they hold none. */
export function readHead(text: string): BackupHead | { readonly fault: string } {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch {
		return { fault: 'it is not JSON' };
	}
	if (typeof value !== 'object' || value === null) return { fault: 'it is no object' };
	const { format, version, created, caisson } = value as Record<string, unknown>;
	if (format !== backupFormat) return { fault: 'it is not that of a backup of Caisson' };
	if (!Number.isSafeInteger(version) || (version as number) < 1) return { fault: 'its version is missing' };
	if ((version as number) > backupVersion) {
		return { fault: `a newer Caisson wrote it (version ${version}; this one knows ${backupVersion})` };
	}
	if (
		typeof created !== 'string' ||
		!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(created) ||
		Number.isNaN(Date.parse(created))
	) {
		return { fault: 'its time is malformed' };
	}
	if (typeof caisson !== 'string') return { fault: 'the version of Caisson is missing' };
	return { format, version: version as number, created, caisson };
}

/** The digest in the name of a blob's member; undefined where the name is no blob's. */
export function blobDigest(name: string): string | undefined {
	const [, folder, digest] = /^blobs\/sha256\/([0-9a-f]{2})\/([0-9a-f]{64})$/.exec(name) ?? [];
	return digest?.startsWith(folder ?? '-') ? digest : undefined;
}

/** A line of the manifest, as sha256sum(1) writes and checks it. */
export function manifestLine(digest: string, name: string): string {
	return `${digest}  ${name}\n`;
}

const stages = [members.head, members.database, 'blob', members.secrets, members.manifest, members.seal] as const;
export type Stage = (typeof stages)[number];

/** Where a member belongs; undefined where a backup holds no such member. */
export function stageOf(name: string): Stage | undefined {
	if (blobDigest(name) !== undefined) return 'blob';
	return stages.find((stage) => stage !== 'blob' && stage === name);
}

/**
 * Why `name` may not follow `previous`; undefined where it may.
 * @param previous the member before; undefined at the start
 */
export function orderFault(previous: string | undefined, name: string): string | undefined {
	const stage = stageOf(name);
	if (stage === undefined) return 'a backup holds no such member';
	const before = previous === undefined ? -1 : stages.indexOf(stageOf(previous) as Stage);
	const here = stages.indexOf(stage);
	if (stage === 'blob' && before === here) return (previous ?? '') < name ? undefined : 'it is out of order';
	if (here <= before) return 'it is out of order';
	// Blobs and secrets may be missing, the others may not.
	const skipped = stages.slice(before + 1, here).find((one) => one !== 'blob' && one !== members.secrets);
	return skipped === undefined ? undefined : `the member ${skipped} before it is missing`;
}

const transient = /^(caisson\.db.*|lock|lock-.*|server\.json|first-admin-link|.*\.new|.*\.sock|.*\.partial)$/;

/** What becomes of an entry at the top of a data directory. */
export function placeOf(name: string): 'database' | 'blobs' | 'transient' | 'secret' {
	if (name === members.database) return 'database';
	if (name === 'blobs') return 'blobs';
	return transient.test(name) ? 'transient' : 'secret';
}
