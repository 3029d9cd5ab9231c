// Metadata as files in one folder, ready to be served by any web server. A file appears under its name whole and durable,
// by renaming, so that who serves the folder never meets half of one.

import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CaissonError } from '../../errors.ts';
import type { MetadataFiles } from '../../trust/store.ts';

/** Of files that are being written; a name of metadata never begins with a dot. */
const unfinished = '.new-';

/**
 * Opens the folder and removes what a crash left half-written. A folder that is not there is made by the first write.
 * @throws CaissonError blobs-unavailable
 */
export async function openDiskMetadata(folder: string): Promise<MetadataFiles> {
	await attempt('The folder of metadata cannot be read', async () => {
		const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
			if (error.code === 'ENOENT') return [];
			throw error;
		});
		for (const name of names) if (name.startsWith(unfinished)) await unlink(join(folder, name));
	});
	let made: Promise<void> | undefined;
	const make = async () => {
		if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) await syncFolder(dirname(folder));
	};
	const at = (name: string) => {
		// Names come from rules/metadata/file-names.ts, which escapes what is not plain; this is the wall behind it.
		if (!/^[^/.][^/]*$/.test(name)) throw new CaissonError('internal', `not the name of a metadata file: ${name}`);
		return join(folder, name);
	};
	return {
		async write(name, bytes) {
			const target = at(name);
			const temporary = join(folder, unfinished + randomUUID());
			await attempt(`The metadata file ${name} cannot be written`, async () => {
				made ??= make();
				await made.catch((error: unknown) => {
					made = undefined;
					throw error;
				});
				try {
					await using file = await open(temporary, 'wx', 0o644);
					await file.writeFile(bytes);
					await file.datasync();
					await rename(temporary, target);
				} catch (error) {
					await rm(temporary, { force: true }).catch(() => undefined);
					throw error;
				}
				await syncFolder(folder);
			});
		},
		async read(name) {
			return await attempt(`The metadata file ${name} cannot be read`, async () => {
				try {
					return await readFile(at(name));
				} catch (error) {
					if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
					throw error;
				}
			});
		},
		async remove(name) {
			await attempt(`The metadata file ${name} cannot be removed`, () => rm(at(name), { force: true }));
		},
	};
}

async function syncFolder(folder: string): Promise<void> {
	await using handle = await open(folder, 'r');
	await handle.sync();
}

async function attempt<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
	try {
		return await work();
	} catch (cause) {
		if (cause instanceof CaissonError) throw cause;
		const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
		throw new CaissonError('blobs-unavailable', `${what} (${reason}).`, { cause });
	}
}
