// Uploads that are not complete, as files: FOLDER/partial/<digest>, which grow at their end. Nobody serves them. It leaves
// out who may go on with one, when one has expired, and whether its bytes are right.

import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDigest } from '../../artifact/rules.ts';
import type { PartialUploads } from '../../artifact/store.ts';
import { CaissonError } from '../../errors.ts';

type Attempt = <Result>(what: string, step: () => Promise<Result>) => Promise<Result>;

const chunkSize = 1 << 20;

/** @param attempt gives the errors of the disk Caisson's code */
export function diskPartialUploads(folder: string, attempt: Attempt): PartialUploads {
	const pathOf = (digest: string) => {
		if (!isDigest(digest))
			throw new CaissonError('internal', 'An upload was asked for by something else than a digest.');
		return join(folder, digest);
	};
	const offset = async (digest: string) => {
		const path = pathOf(digest);
		return attempt('An upload cannot be looked up', async () => {
			return (await stat(path).catch(absent))?.size ?? 0;
		});
	};
	return {
		offset,
		async append(digest, from, bytes) {
			const path = pathOf(digest);
			const what = 'An upload cannot be kept';
			const file = await attempt(what, async () => {
				await mkdir(folder, { recursive: true, mode: 0o700 });
				return open(path, 'a', 0o600);
			});
			let size = from;
			try {
				// Of a file that is only ever appended to this is what append() begins behind.
				if ((await file.stat()).size !== from) throw new CaissonError('internal', 'An upload has another length.');
				for await (const chunk of bytes) {
					await attempt(what, () => file.appendFile(chunk));
					size += chunk.length;
				}
			} finally {
				await attempt(what, () => file.sync()).finally(() => file.close());
			}
			return size;
		},
		async *read(digest) {
			const file = await attempt('An upload cannot be read', () => open(pathOf(digest), 'r'));
			try {
				for (let position = 0; ; ) {
					const room = Buffer.allocUnsafe(chunkSize);
					const at = position;
					const { bytesRead } = await attempt('An upload cannot be read', () => file.read(room, 0, room.length, at));
					if (bytesRead === 0) return;
					yield room.subarray(0, bytesRead);
					position += bytesRead;
				}
			} finally {
				await file.close();
			}
		},
		list: () =>
			attempt('The uploads cannot be listed', async () => {
				const found: { digest: string; changed: number }[] = [];
				for (const digest of (await readdir(folder).catch(absent)) ?? []) {
					const facts = isDigest(digest) ? await stat(join(folder, digest)).catch(absent) : undefined;
					if (facts !== undefined) found.push({ digest, changed: facts.mtimeMs });
				}
				return found;
			}),
		discard: (digest) => attempt('An upload cannot be removed', () => rm(pathOf(digest), { force: true })),
	};
}

function absent(error: NodeJS.ErrnoException): undefined {
	if (error.code !== 'ENOENT') throw error;
}
