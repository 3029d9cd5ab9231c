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
 * Opens the folder, makes it where there is none, and removes what a crash left half-written.
 * @throws CaissonError blobs-unavailable
 */
export async function openDiskMetadata(folder: string): Promise<MetadataFiles> {
	await attempt('The folder of metadata cannot be prepared', async () => {
		await mkdir(folder, { recursive: true, mode: 0o700 });
		for (const name of await readdir(folder)) if (name.startsWith(unfinished)) await unlink(join(folder, name));
		await syncFolder(dirname(folder));
	});
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
