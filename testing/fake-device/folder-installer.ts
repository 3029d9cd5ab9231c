// Installs a .swu into a folder that stands for a device's root: checks signature and every hash with Caisson's own
// verifier, then writes the files of type rawfile below the folder. Anything else in an update (images, scripts, archives)
// is refused, never skipped. Nothing is written before all of it was checked. It leaves out the boot loader.

import { type FileHandle, mkdir, mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { CpioReader } from '../../src/format/cpio/reader.ts';
import type { DescribedArtifact } from '../../src/format/sw-description/description.ts';
import { fileKeys } from '../../src/outside/signer/keys.ts';
import { partsOf } from '../../src/update/payload.ts';
import { readUpdate } from '../../src/update/read.ts';
import { verifyUpdate } from '../../src/update/verify.ts';
import type { Installer, InstallSteps } from './fake-device.ts';

/**
 * @param folder the device's root; made where absent
 * @param certificateFile what the device trusts, PEM
 * @param now milliseconds since the epoch
 */
export function folderInstaller(folder: string, certificateFile: string, now: () => number): Installer {
	return async (artifact, steps) => {
		await mkdir(folder, { recursive: true });
		const scratch = await mkdtemp(`${folder}.download-`);
		try {
			const file = join(scratch, 'artifact.swu');
			await writeFile(file, artifact);
			const verified = await verifyUpdate(file, fileKeys, { certificateFile, now: now() });
			if (!verified.ok) throw new Error(verified.findings.join(' '));
			await installFiles(file, folder, await destinations(file), steps);
		} finally {
			await rm(scratch, { recursive: true, force: true });
		}
	};
}

/** Where each member goes; a member may go to several places. @throws Error naming what a folder cannot install */
async function destinations(file: string): Promise<Map<string, string[]>> {
	const { description } = await readUpdate(file);
	const places = new Map<string, string[]>();
	for (const { path, images, files, scripts } of description.sections) {
		if (path.length > 0) throw new Error(`The selection ${path.join('.')} needs a device with two copies.`);
		if (images.length > 0 || scripts.length > 0) throw new Error('Images and scripts need a real device.');
		for (const artifact of files) {
			const { filename, place } = destination(artifact);
			places.set(filename, [...(places.get(filename) ?? []), place]);
		}
	}
	return places;
}

function destination(artifact: DescribedArtifact): { filename: string; place: string } {
	const { filename, attributes } = artifact;
	const { type = 'rawfile', path, compressed } = attributes;
	if (filename === undefined || type !== 'rawfile' || compressed !== undefined) {
		throw new Error(
			`A file of type ${String(type)}${compressed === undefined ? '' : ', compressed,'} needs a real device.`,
		);
	}
	if (typeof path !== 'string' || posix.normalize(path) !== path || !path.startsWith('/')) {
		throw new Error(`${JSON.stringify(path)} is not a plain absolute path.`);
	}
	return { filename, place: path };
}

/** Each file appears whole, under a temporary name first. */
async function installFiles(
	update: string,
	folder: string,
	places: ReadonlyMap<string, readonly string[]>,
	steps: InstallSteps,
): Promise<void> {
	const reader = new CpioReader();
	const targets: { handle: FileHandle; place: string }[] = [];
	let name = '';
	let size = 0;
	let written = 0;
	let step = 0;
	try {
		for await (const part of partsOf(update)) {
			for (const event of reader.push(part)) {
				if (event.kind === 'member') {
					({ name, size } = event.header);
					written = 0;
					for (const path of places.get(name) ?? []) {
						const place = join(folder, path);
						await mkdir(dirname(place), { recursive: true });
						targets.push({ handle: await open(`${place}.new`, 'w', 0o600), place });
					}
					if (targets.length > 0) step++;
				} else if (event.kind === 'data') {
					for (const { handle } of targets) await handle.writeFile(event.bytes);
					written += event.bytes.length;
					if (targets.length > 0) await steps.installing(step, places.size, name, Math.floor((100 * written) / size));
				} else {
					for (const { handle, place } of targets.splice(0)) {
						await handle.sync();
						await handle.close();
						await rename(`${place}.new`, place);
					}
				}
			}
		}
		reader.end();
	} finally {
		for (const { handle } of targets) await handle.close();
	}
}
