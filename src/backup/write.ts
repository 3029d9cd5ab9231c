// Writes a backup (docs/formats/backup.md): the head, a copy of the database of one moment, the blobs, the encrypted
// secrets, a manifest, and the digest of the manifest. Blobs come after the database, so that every blob that it names is
// there. Nothing is held in memory but the secrets. It leaves out where the bytes go.

import { createHash, type Hash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CaissonError } from '../errors.ts';
import { encodeTarHeader, tarEndLength, tarPadding } from '../format/tar/header.ts';
import { blobNames, fileBytes, type LeftOut, secretFiles } from './collect.ts';
import { backupFormat, backupVersion, blobDigest, manifestLine, members } from './rules/layout.ts';
import { encryptSecrets } from './secrets.ts';
import type { AuditHead, DatabaseFiles } from './store.ts';

export interface BackupOptions {
	readonly data: string;
	/** The database: a file, or the address of a PostgreSQL. */
	readonly source: string;
	/** Undefined: secrets are left out. */
	readonly passphrase: string | undefined;
	/** Milliseconds since the epoch. */
	readonly now: number;
	/** The version of Caisson. */
	readonly caisson: string;
	readonly database: DatabaseFiles;
	readonly signal: AbortSignal;
	readonly progress: (line: string) => void;
}

export interface BackupResult {
	/** RFC 3339. */
	readonly created: string;
	readonly databaseBytes: number;
	readonly blobs: number;
	readonly blobBytes: number;
	/** Private files that are in it, encrypted. */
	readonly secrets: readonly string[];
	readonly leftOut: readonly LeftOut[];
	/** Blobs that are not what their name says; they are not in the backup. */
	readonly damagedBlobs: readonly string[];
	readonly auditHead: AuditHead | undefined;
	/** SHA-256 of the manifest: it stands for the whole backup. */
	readonly manifest: string;
}

type Sink = (bytes: Uint8Array) => Promise<void>;

/** @param beside the file that is written; the copy of the database is made beside it and removed again */
export async function writeBackup(options: BackupOptions, beside: string, write: Sink): Promise<BackupResult> {
	// A folder, because a database makes files beside its own.
	const folder = join(dirname(beside), `.${basename(beside)}.${randomUUID()}.partial`);
	try {
		await attempt(folder, () => mkdir(folder, { mode: 0o700 }));
		const spool = join(folder, members.database);
		await options.database.copy(options.source, spool, { signal: options.signal, progress: options.progress });
		options.signal.throwIfAborted();
		return await new BackupWriter(options, write).run(spool);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

async function attempt<Result>(path: string, step: () => Promise<Result>): Promise<Result> {
	try {
		return await step();
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `${path} cannot be written (${reason}).`, { cause });
	}
}

class BackupWriter {
	readonly #options: BackupOptions;
	readonly #write: Sink;
	readonly #created: string;
	readonly #mtime: number;
	readonly #leftOut: LeftOut[] = [];
	readonly #damaged: string[] = [];
	/** The manifest is as long as there are blobs: lines are kept, a hundred bytes each. */
	readonly #manifest: string[] = [];
	#blobs = 0;
	#blobBytes = 0;

	constructor(options: BackupOptions, write: Sink) {
		this.#options = options;
		this.#write = write;
		this.#mtime = Math.floor(options.now / 1000);
		this.#created = new Date(this.#mtime * 1000).toISOString().replace('.000Z', 'Z');
	}

	async run(spool: string): Promise<BackupResult> {
		const { data, passphrase, database } = this.#options;
		const identity = {
			format: backupFormat,
			version: backupVersion,
			created: this.#created,
			caisson: this.#options.caisson,
		};
		const head = Buffer.from(`${JSON.stringify(identity)}\n`);
		await this.#bytesMember(members.head, head);
		const databaseBytes = await this.#fileMember(members.database, spool);
		for await (const name of blobNames(data, (entry) => this.#leftOut.push(entry))) await this.#blob(name);
		const found = await secretFiles(data, (entry) => this.#leftOut.push(entry));
		const secrets = passphrase === undefined ? [] : found;
		if (passphrase === undefined) {
			for (const { path } of found) this.#leftOut.push({ path, why: 'it is private, and no passphrase was given' });
		} else await this.#bytesMember(members.secrets, encryptSecrets(found, passphrase, head));
		const text = Buffer.from(this.#manifest.join(''));
		const manifest = createHash('sha256').update(text).digest('hex');
		await this.#bytesMember(members.manifest, text);
		await this.#bytesMember(members.seal, Buffer.from(manifestLine(manifest, members.manifest)));
		await this.#write(Buffer.alloc(tarEndLength));
		return {
			created: this.#created,
			databaseBytes,
			blobs: this.#blobs,
			blobBytes: this.#blobBytes,
			secrets: secrets.map(({ path }) => path),
			leftOut: this.#leftOut,
			damagedBlobs: this.#damaged,
			auditHead: await database.head(spool),
			manifest,
		};
	}

	async #blob(name: string): Promise<void> {
		this.#options.signal.throwIfAborted();
		const handle = await openIfThere(join(this.#options.data, name));
		if (handle === undefined) {
			this.#leftOut.push({ path: name, why: 'it was deleted while the backup was taken' });
			return;
		}
		try {
			const { size } = await handle.stat();
			// Looked at before it is written, as what is written cannot be taken back.
			const digest = await this.#pass(handle, size, async () => undefined);
			if (digest !== blobDigest(name)) {
				this.#damaged.push(name);
				return;
			}
			await this.#handleMember(name, handle, size, digest);
			this.#blobs++;
			this.#blobBytes += size;
			this.#options.progress(`${this.#blobs} blobs, ${megabytes(this.#blobBytes)} MB`);
		} finally {
			await handle.close();
		}
	}

	async #fileMember(name: string, path: string): Promise<number> {
		const handle = await open(path, 'r');
		try {
			const { size } = await handle.stat();
			await this.#handleMember(name, handle, size);
			return size;
		} finally {
			await handle.close();
		}
	}

	/** @param expected what the digest must be */
	async #handleMember(name: string, handle: FileHandle, size: number, expected?: string): Promise<void> {
		await this.#write(encodeTarHeader(name, size, this.#mtime));
		const digest = await this.#pass(handle, size, this.#write);
		if (expected !== undefined && digest !== expected) throw new Error(`${name} changed while it was read`);
		await this.#finishMember(name, size, digest);
	}

	async #bytesMember(name: string, bytes: Uint8Array): Promise<void> {
		await this.#write(encodeTarHeader(name, bytes.length, this.#mtime));
		await this.#write(bytes);
		await this.#finishMember(name, bytes.length, createHash('sha256').update(bytes).digest('hex'));
	}

	async #finishMember(name: string, size: number, digest: string): Promise<void> {
		await this.#write(Buffer.alloc(tarPadding(size)));
		this.#manifest.push(manifestLine(digest, name));
	}

	async #pass(handle: FileHandle, size: number, each: Sink): Promise<string> {
		const hash: Hash = createHash('sha256');
		let length = 0;
		for await (const bytes of fileBytes(handle, 0, size)) {
			this.#options.signal.throwIfAborted();
			hash.update(bytes);
			length += bytes.length;
			await each(bytes);
		}
		if (length !== size) throw new Error('a file became shorter while it was read');
		return hash.digest('hex');
	}
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
	try {
		return await open(path, 'r');
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
		throw error;
	}
}

function megabytes(bytes: number): string {
	return (bytes / 1e6).toFixed(1);
}
