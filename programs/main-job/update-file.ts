// From a package's files to a signed .swu, with a key for trials: where each file goes on the device, what its member is
// called. Only regular files: SWUpdate's rawfile handler makes nothing else, and sets no permissions.

import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { fileKeys } from '../../src/outside/signer/keys.ts';
import { type PackedUpdate, packUpdate } from '../../src/update/pack.ts';
import type { TestKey } from '../../src/update/signer.ts';
import type { FetchedPackage, PackageFile } from './debian-package.ts';

/** The key for trials in `folder`, made where there is none yet. */
export async function trialKey(folder: string): Promise<TestKey & { readonly made: boolean }> {
	const keyFile = join(folder, 'test-key.pem');
	const certificateFile = join(folder, 'test-certificate.pem');
	const there = await Promise.all(
		[keyFile, certificateFile].map((file) =>
			access(file).then(
				() => true,
				() => false,
			),
		),
	);
	if (there.every(Boolean)) return { keyFile, certificateFile, made: false };
	return { ...(await fileKeys.createTestKey(folder, { now: Date.now() })), made: true };
}

/** Where a package's file lies on the device: not among the files that the device's own dpkg keeps. */
export function placeOnDevice(packageName: string, path: string): string {
	return `/opt/${packageName}/${path}`;
}

export interface PackageUpdate {
	readonly fetched: FetchedPackage;
	/** The folder it was unpacked to, and its files. */
	readonly folder: string;
	readonly files: readonly PackageFile[];
	readonly key: TestKey;
	/** The .swu. */
	readonly output: string;
	readonly signal: AbortSignal;
}

/** @throws CaissonError as packUpdate */
export async function packPackage(update: PackageUpdate): Promise<PackedUpdate> {
	const { fetched, files, key } = update;
	const value = {
		version: fetched.version,
		description: `Debian package ${fetched.name} ${fetched.version} (${fetched.architecture})`,
		'hardware-compatibility': 'any',
		files: files.map(({ path }, index) => ({
			source: path,
			// Base names repeat within a package (each language's hello.mo); the number tells them apart.
			filename: `${String(index + 1).padStart(4, '0')}-${path.slice(path.lastIndexOf('/') + 1)}`,
			path: placeOnDevice(fetched.name, path),
			'create-destination': true,
		})),
	};
	const signer = await fileKeys.openSigner(key);
	return packUpdate({
		specification: { value },
		baseDirectory: update.folder,
		signer,
		output: update.output,
		signal: update.signal,
	});
}
