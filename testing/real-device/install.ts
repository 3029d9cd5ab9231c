// One local update by Debian's own swupdate (`swupdate -i`): what it says, how it ends, and what the device holds then. It
// decides that a run that does not end is an outcome as well. It leaves out judging the outcome.

import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type BlockDevices, bootCopy, type FileContent, layOut } from './boot.ts';
import { deviceFiles, installParameters } from './configuration.ts';
import { newDeviceFolder, pathInCopy } from './copy.ts';
import type { DeviceRoot } from './root.ts';

export interface Installation {
	readonly root: DeviceRoot;
	/** The .swu, a file of this machine. */
	readonly update: string;
	/** The certificate that the device trusts, PEM. */
	readonly certificate: string;
	/** What the device holds before: path and content. */
	readonly files?: Readonly<Record<string, FileContent>>;
	readonly blockDevices?: BlockDevices;
	/** How often the delta handler asks again (configuration.ts). */
	readonly deltaRetries?: number;
	/** Further words for swupdate: ['-K', path]. */
	readonly parameters?: readonly string[];
	/** Milliseconds until it is killed; default 60,000. */
	readonly limit?: number;
	/** Files of the device whose bytes are wanted afterwards. */
	readonly wanted?: readonly string[];
}

export interface InstallationOutcome {
	/** SWUpdate's exit code; undefined where it had to be killed. */
	readonly code: number | undefined;
	readonly lines: readonly string[];
	/** The wanted files; undefined for one that is not there. */
	readonly held: Readonly<Record<string, Uint8Array | undefined>>;
}

const updatePath = '/var/lib/update.swu';

/** Runs it on a device of its own, of which nothing is left on return. */
export async function install(installation: Installation): Promise<InstallationOutcome> {
	const { root, update, certificate, files = {}, blockDevices = {}, deltaRetries = 0 } = installation;
	const folder = await newDeviceFolder();
	try {
		// Nobody is asked: SWUpdate does not poll with -i.
		const device = {
			server: 'http://127.0.0.1:9/',
			id: 'local',
			certificate,
			deltaRetries,
			bootloader: 'none',
		} as const;
		const own = deviceFiles(device, '/boot/uboot.env');
		await layOut(folder, [...own, ...Object.entries(files), [updatePath, { copyOf: update }]]);
		const child = bootCopy(root, folder, blockDevices, [
			...installParameters(device, updatePath),
			...(installation.parameters ?? []),
		]);
		const lines: string[] = [];
		for (const stream of [child.stdout, child.stderr]) {
			if (stream !== null) createInterface({ input: stream }).on('line', (line) => lines.push(line));
		}
		const killer = setTimeout(() => child.kill('SIGKILL'), installation.limit ?? 60_000);
		const [code] = (await once(child, 'close')) as [number | null];
		clearTimeout(killer);
		const held: Record<string, Uint8Array | undefined> = {};
		for (const path of installation.wanted ?? []) {
			const place = await pathInCopy(root.path, folder, path);
			held[path] = place === undefined ? undefined : await readFile(place);
		}
		return { code: code ?? undefined, lines, held };
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
