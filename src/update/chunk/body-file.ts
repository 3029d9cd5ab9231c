// The body of a zchunk file while its header is not known yet: a file beside the target that has no name any more from the
// moment it exists, so that nothing of it stays, however the process ends.

import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CaissonError } from '../../errors.ts';
import { writing } from '../output-file.ts';

const pieceBytes = 1024 * 1024;

export class BodyFile {
	readonly #handle: FileHandle;
	readonly #target: string;
	length = 0;

	private constructor(handle: FileHandle, target: string) {
		this.#handle = handle;
		this.#target = target;
	}

	/** @param target the file that it becomes a part of. @throws CaissonError file-unusable */
	static async create(target: string): Promise<BodyFile> {
		const name = join(dirname(target), `.${basename(target)}.${randomUUID()}.body`);
		return await writing(target, async () => {
			const handle = await open(name, 'wx+', 0o600);
			await unlink(name);
			return new BodyFile(handle, target);
		});
	}

	/** @throws CaissonError file-unusable (disk full, for example) */
	async append(bytes: Uint8Array): Promise<void> {
		let rest = bytes;
		while (rest.length > 0) {
			const { bytesWritten } = await writing(this.#target, () => this.#handle.write(rest, 0, rest.length, this.length));
			rest = rest.subarray(bytesWritten);
			this.length += bytesWritten;
		}
	}

	/** Hands all of it to `take`, in pieces that are valid until `take` is done. */
	async copyTo(take: (bytes: Uint8Array) => Promise<void>): Promise<void> {
		const piece = new Uint8Array(pieceBytes);
		for (let at = 0; at < this.length; ) {
			const { bytesRead } = await writing(this.#target, () => this.#handle.read(piece, 0, pieceBytes, at));
			if (bytesRead === 0) throw new CaissonError('file-unusable', `${this.#target}: its body was cut off.`);
			await take(piece.subarray(0, bytesRead));
			at += bytesRead;
		}
	}

	async close(): Promise<void> {
		await this.#handle.close();
	}
}
