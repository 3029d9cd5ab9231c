// Puts a backup into a new data directory. The backup is read through and judged first, and the secrets are decrypted;
// only then is anything written, into a directory beside the target, which gets its name in one step when all is durable.
// It leaves out what makes the database fit for going on (DatabaseFiles.settle).

import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CaissonError } from '../errors.ts';
import { type MemberSink, type ReadBackup, readBackup } from './read.ts';
import { members } from './rules/layout.ts';
import { decryptSecrets, type SecretFile } from './secrets.ts';
import type { DatabaseFiles, RestoredDatabase } from './store.ts';

export interface RestoreOptions {
	readonly data: string;
	/** Undefined: secrets are not restored. */
	readonly passphrase: string | undefined;
	readonly database: DatabaseFiles;
	readonly signal: AbortSignal;
	readonly progress: (line: string) => void;
}

export interface RestoreResult extends RestoredDatabase {
	readonly backup: ReadBackup;
	/** Private files that were restored. */
	readonly secrets: readonly string[];
	/** The backup holds private files, and no passphrase was given. */
	readonly secretsLeftOut: boolean;
}

/** Reads a backup through and judges it; nothing is written. @throws CaissonError backup-malformed */
export function checkBackup(
	handle: FileHandle,
	{ signal, progress }: Pick<RestoreOptions, 'signal' | 'progress'>,
): Promise<ReadBackup> {
	return readBackup(handle, { signal, progress: (read, total) => progress(`checking: ${percent(read, total)}`) });
}

/**
 * @throws CaissonError backup-malformed, or backup-refused where the directory is not empty or the passphrase does not
 * fit: then nothing was written
 */
export async function restoreBackup(handle: FileHandle, options: RestoreOptions): Promise<RestoreResult> {
	const data = resolve(options.data);
	await requireEmpty(data);
	const checked = await checkBackup(handle, options);
	const { passphrase } = options;
	const encrypted = checked.secrets;
	const files =
		encrypted === undefined || passphrase === undefined ? [] : decryptSecrets(encrypted, passphrase, checked.headBytes);
	const draft = join(dirname(data), `.${basename(data)}.${randomUUID()}.partial`);
	try {
		await mkdir(draft, { recursive: true, mode: 0o700 });
		await writeMembers(handle, options, draft, checked);
		for (const file of files) await writeSecret(draft, file);
		const note = { created: checked.head.created, manifest: checked.manifest };
		const settled = await options.database.settle(join(draft, members.database), note);
		options.signal.throwIfAborted();
		await syncTree(draft);
		await takeName(draft, data);
		const secrets = files.map(({ path }) => path);
		return {
			...settled,
			backup: checked,
			secrets,
			secretsLeftOut: encrypted !== undefined && passphrase === undefined,
		};
	} catch (error) {
		await rm(draft, { recursive: true, force: true });
		throw error;
	}
}

/** The same bytes again, in case the file was exchanged meanwhile: the second reading judges what it hands on. */
async function writeMembers(
	handle: FileHandle,
	options: RestoreOptions,
	draft: string,
	checked: ReadBackup,
): Promise<void> {
	const again = await readBackup(handle, {
		signal: options.signal,
		progress: (read, total) => options.progress(`restoring: ${percent(read, total)}`),
		sink: (name) => newFile(join(draft, name)),
	});
	if (again.manifest !== checked.manifest) {
		throw new CaissonError('backup-malformed', 'The backup was changed while it was read. Nothing was restored.');
	}
}

async function newFile(path: string): Promise<MemberSink> {
	await mkdir(dirname(path), { recursive: true, mode: 0o700 });
	const file = await open(path, 'wx', 0o600);
	return {
		async write(bytes) {
			try {
				await file.writeFile(bytes);
			} catch (error) {
				await file.close();
				throw error;
			}
		},
		async end() {
			await file.sync();
			await file.close();
		},
	};
}

async function writeSecret(draft: string, { path, content }: SecretFile): Promise<void> {
	const sink = await newFile(join(draft, path));
	await sink.write(content);
	await sink.end();
}

async function requireEmpty(data: string): Promise<void> {
	let found: string[];
	try {
		found = await readdir(data);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'ENOENT') return;
		throw new CaissonError('backup-refused', `${data} cannot be restored into: ${code}.`, { cause: error });
	}
	if (found.length > 0) throw notEmpty(data);
}

function notEmpty(data: string): CaissonError {
	return new CaissonError('backup-refused', `${data} is not empty: a backup is restored into a new directory only.`);
}

/** An empty directory of the name is replaced (rename(2)). */
async function takeName(draft: string, data: string): Promise<void> {
	try {
		await rename(draft, data);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'ENOTEMPTY' || code === 'EEXIST') throw notEmpty(data);
		const mounted = code === 'EBUSY' || code === 'EXDEV';
		const why = mounted ? 'it is a mount point; restore into a directory below it' : code;
		throw new CaissonError('backup-refused', `${data} cannot be restored into: ${why}.`, { cause: error });
	}
	await syncFolder(dirname(data));
}

async function syncTree(folder: string): Promise<void> {
	for (const entry of await readdir(folder, { withFileTypes: true })) {
		if (entry.isDirectory()) await syncTree(join(folder, entry.name));
	}
	await syncFolder(folder);
}

async function syncFolder(folder: string): Promise<void> {
	const handle = await open(folder, 'r');
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
}

function percent(part: number, total: number): string {
	return `${total === 0 ? 100 : Math.floor((100 * part) / total)} %`;
}
