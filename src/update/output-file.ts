// Writes a file so that its name never stands for half of it: the bytes go to a temporary name beside the target, are
// made durable, and get the final name in one step. What fails or is interrupted leaves nothing. It knows no format.

import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CaissonError } from '../errors.ts';

export interface OutputFile {
	/** Bytes written so far. */
	readonly length: number;
	/** @throws CaissonError file-unusable (disk full, for example) */
	write(bytes: Uint8Array): Promise<void>;
}

/**
 * Runs `fill` and then gives the file its name; an existing file of that name is replaced, and stays where `fill` throws.
 * When it returns, content and name are durable.
 * @param mode permission bits of the file
 * @throws CaissonError file-unusable, or what `fill` throws
 */
export async function writeWhole<Result>(
	target: string,
	fill: (file: OutputFile) => Promise<Result>,
	mode = 0o644,
): Promise<Result> {
	const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}.partial`);
	const handle = await writing(target, () => open(temporary, 'wx', mode));
	try {
		const file = new CountedFile(handle, target);
		const result = await fill(file);
		await writing(target, async () => {
			await handle.sync();
			await handle.close();
			await rename(temporary, target);
			await syncDirectory(dirname(target));
		});
		return result;
	} catch (error) {
		await handle.close().catch(() => {});
		await rm(temporary, { force: true });
		throw error;
	}
}

class CountedFile implements OutputFile {
	readonly #handle: FileHandle;
	readonly #target: string;
	length = 0;
	constructor(handle: FileHandle, target: string) {
		this.#handle = handle;
		this.#target = target;
	}
	async write(bytes: Uint8Array): Promise<void> {
		let rest = bytes;
		while (rest.length > 0) {
			const { bytesWritten } = await writing(this.#target, () => this.#handle.write(rest));
			rest = rest.subarray(bytesWritten);
			this.length += bytesWritten;
		}
	}
}

/** Without it, the new name might not survive a power cut although the content does. */
async function syncDirectory(directory: string): Promise<void> {
	const handle = await open(directory, 'r');
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
}

/** What `step` gives. @throws CaissonError file-unusable where it throws, naming the file that is being written */
export async function writing<Result>(target: string, step: () => Promise<Result>): Promise<Result> {
	try {
		return await step();
	} catch (cause) {
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('file-unusable', `${target} cannot be written (${reason}).`, { cause });
	}
}
