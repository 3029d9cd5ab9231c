// Reads a backup from its first byte to its last and refuses it where one of them is not what it should be, naming the
// member. Every header must be the one that the writer makes, members come in their order, each fits the manifest, the
// manifest fits its digest, and nothing follows. The bytes of a member are handed on as they come; what was handed on is
// trusted only when readBackup has returned.

import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { CaissonError } from '../errors.ts';
import { blockLength, decodeTarHeader, tarEndLength, tarPadding } from '../format/tar/header.ts';
import { fileBytes } from './collect.ts';
import {
	type BackupHead,
	blobDigest,
	longestHead,
	longestSecrets,
	manifestLine,
	members,
	orderFault,
	readHead,
} from './rules/layout.ts';

export interface ReadBackup {
	readonly head: BackupHead;
	readonly headBytes: Uint8Array;
	/** Undefined where the backup holds none. */
	readonly secrets: Uint8Array | undefined;
	readonly databaseBytes: number;
	readonly blobs: number;
	readonly blobBytes: number;
	/** SHA-256 of the manifest. */
	readonly manifest: string;
}

/** Takes the bytes of one member; `end` is called when all have come and the digest of a blob fits its name. */
export interface MemberSink {
	write(bytes: Uint8Array): Promise<void>;
	end(): Promise<void>;
}

export interface ReadOptions {
	readonly signal: AbortSignal;
	readonly progress: (read: number, total: number) => void;
	/** Asked for the database and each blob; undefined passes the bytes by. */
	readonly sink?: (name: string) => Promise<MemberSink>;
}

/** @throws CaissonError backup-malformed */
export function readBackup(handle: FileHandle, options: ReadOptions): Promise<ReadBackup> {
	return new BackupReader(handle, options).run();
}

class BackupReader {
	readonly #handle: FileHandle;
	readonly #options: ReadOptions;
	readonly #digests = new Map<string, string>();
	/** Over the manifest that the members call for. */
	readonly #expected: Hash = createHash('sha256');
	#at = 0;
	#total = 0;
	#previous: string | undefined;
	#mtime = 0;
	#blobs = 0;
	#blobBytes = 0;
	#databaseBytes = 0;
	readonly #kept = new Map<string, Uint8Array>();
	#manifestAt = { start: 0, size: 0 };

	constructor(handle: FileHandle, options: ReadOptions) {
		this.#handle = handle;
		this.#options = options;
	}

	async run(): Promise<ReadBackup> {
		this.#total = (await this.#handle.stat()).size;
		const { head, bytes: headBytes } = await this.#head();
		for (let header = await this.#header(); header !== 'end'; header = await this.#header()) await this.#member(header);
		await this.#end();
		const manifest = await this.#checkManifest();
		return {
			head,
			headBytes,
			secrets: this.#kept.get(members.secrets),
			databaseBytes: this.#databaseBytes,
			blobs: this.#blobs,
			blobBytes: this.#blobBytes,
			manifest,
		};
	}

	/** The first member is read before its header is judged, as it says which time all headers carry. */
	async #head(): Promise<{ head: BackupHead; bytes: Uint8Array }> {
		const first = await this.#exactly(0, Math.min(this.#total, blockLength + longestHead), 'head');
		const text = Buffer.from(first).toString('latin1', blockLength);
		const line = text.slice(0, text.indexOf('\n') + 1);
		const head = readHead(line);
		if ('fault' in head) throw malformed(members.head, head.fault);
		this.#mtime = Date.parse(head.created) / 1000;
		const header = await this.#header();
		if (header === 'end' || header.name !== members.head || header.size !== line.length) {
			throw malformed(members.head, 'its header is not the one that belongs to it');
		}
		await this.#member(header);
		return { head, bytes: this.#kept.get(members.head) ?? new Uint8Array() };
	}

	async #header(): Promise<{ name: string; size: number } | 'end'> {
		const block = await this.#exactly(this.#at, blockLength, `what follows ${this.#previous ?? 'the start'}`);
		const header = decodeTarHeader(block, this.#mtime);
		if (header === undefined) {
			throw malformed(
				this.#previous === undefined ? members.head : `after ${this.#previous}`,
				'its header was changed',
			);
		}
		this.#at += blockLength;
		return header;
	}

	async #member({ name, size }: { name: string; size: number }): Promise<void> {
		const fault = orderFault(this.#previous, name) ?? this.#sizeFault(name, size);
		if (fault !== undefined) throw malformed(name, fault);
		this.#previous = name;
		const digest = await this.#content(name, size);
		const padding = await this.#exactly(this.#at, tarPadding(size), name);
		if (padding.some((byte) => byte !== 0)) throw malformed(name, 'what fills its last block was changed');
		this.#at += padding.length;
		if (name !== members.manifest && name !== members.seal) this.#expected.update(manifestLine(digest, name));
		if (blobDigest(name) === undefined) this.#digests.set(name, digest);
	}

	#sizeFault(name: string, size: number): string | undefined {
		if (size > this.#total - this.#at) return 'the file ends inside it';
		if (name === members.secrets && size > longestSecrets) return 'it is too large';
		if (name === members.seal && size !== manifestLine('0'.repeat(64), members.manifest).length)
			return 'its length is wrong';
		return undefined;
	}

	async #content(name: string, size: number): Promise<string> {
		const blob = blobDigest(name);
		const sink = blob !== undefined || name === members.database ? await this.#options.sink?.(name) : undefined;
		const small = name === members.head || name === members.secrets || name === members.seal;
		const kept: Buffer[] | undefined = small ? [] : undefined;
		const hash = createHash('sha256');
		const start = this.#at;
		if (name === members.manifest) this.#manifestAt = { start, size };
		for await (const bytes of fileBytes(this.#handle, start, size)) {
			this.#options.signal.throwIfAborted();
			hash.update(bytes);
			await sink?.write(bytes);
			kept?.push(Buffer.from(bytes));
			this.#at += bytes.length;
			this.#options.progress(this.#at, this.#total);
		}
		if (this.#at - start !== size) throw malformed(name, 'the file ends inside it');
		const digest = hash.digest('hex');
		if (blob !== undefined) {
			if (digest !== blob) throw malformed(name, 'its content is not the one that its name tells');
			this.#blobs++;
			this.#blobBytes += size;
		} else if (name === members.database) this.#databaseBytes = size;
		if (kept !== undefined) this.#kept.set(name, Buffer.concat(kept));
		await sink?.end();
		return digest;
	}

	async #end(): Promise<void> {
		if (this.#previous !== members.seal) throw malformed(members.seal, 'it is missing');
		const rest = await this.#exactly(this.#at, tarEndLength - blockLength, 'the end');
		if (rest.some((byte) => byte !== 0)) throw malformed('the end', 'it was changed');
		if (this.#at + rest.length !== this.#total) throw malformed('the end', 'something follows it');
	}

	async #checkManifest(): Promise<string> {
		const found = this.#digests.get(members.manifest) ?? '';
		const sealed = Buffer.from(this.#kept.get(members.seal) ?? []).toString('latin1');
		if (sealed !== manifestLine(found, members.manifest))
			throw malformed(members.manifest, `it is not the one that ${members.seal} tells`);
		if (this.#expected.digest('hex') === found) return found;
		const changed = await this.#changedMember();
		if (changed !== undefined) throw malformed(changed, 'its content is not the one that the manifest tells');
		throw malformed(members.manifest, 'the members are not those that it lists');
	}

	/** Blobs are known to fit their names, so it is one of the others, if it is not a member too many or too few. */
	async #changedMember(): Promise<string | undefined> {
		const { start, size } = this.#manifestAt;
		let text = '';
		for await (const bytes of fileBytes(this.#handle, start, size)) text += bytes.toString('latin1');
		const lines = new Set(text.split('\n'));
		const listed = [members.head, members.database, members.secrets];
		return listed.find((name) => {
			const digest = this.#digests.get(name);
			return digest !== undefined && !lines.has(manifestLine(digest, name).trimEnd());
		});
	}

	async #exactly(position: number, length: number, what: string): Promise<Uint8Array> {
		const buffer = Buffer.alloc(length);
		let filled = 0;
		while (filled < length) {
			const { bytesRead } = await this.#handle.read(buffer, filled, length - filled, position + filled);
			if (bytesRead === 0) throw malformed(what, 'the file ends there');
			filled += bytesRead;
		}
		return buffer;
	}
}

function malformed(member: string, why: string): CaissonError {
	return new CaissonError(
		'backup-malformed',
		`The backup’s member ${member} cannot be used: ${why}. Nothing was restored.`,
	);
}
