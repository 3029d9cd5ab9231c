// The device of the main job: SWUpdate itself in a Debian root where that can run, else the fake device. Both look the
// same from here. It decides which one; it leaves out what they do.

import { createWriteStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CaissonError } from '../../src/errors.ts';
import { startFakeDevice } from '../../testing/fake-device/fake-device.ts';
import { folderInstaller } from '../../testing/fake-device/folder-installer.ts';
import { startDevice } from '../../testing/real-device/device.ts';
import { type DeviceRoot, prepareRoot, whyNot } from '../../testing/real-device/root.ts';

export interface TrialDevice {
	readonly id: string;
	/** What it is, for people; with SWUpdate's version where it is SWUpdate. */
	readonly description: string;
	/** The device's own log. */
	readonly logFile: string;
	/** Bytes of a file in the device; undefined where there is none. */
	readFile(path: string): Promise<Uint8Array | undefined>;
	/** Fulfilled with a reason when the device ended by itself. */
	readonly died: Promise<string>;
	stop(): Promise<void>;
}

/** What a device needs before it can start. */
export type Preparation =
	| { readonly kind: 'real'; readonly root: DeviceRoot }
	| { readonly kind: 'fake'; readonly reason: string };

/**
 * Makes what the wanted device needs: for a real one its root, which takes a while the first time.
 * @throws CaissonError tool-missing where a real device is wanted and cannot run here, package-unavailable where its root
 * cannot be made
 */
export async function prepareDevice(wanted: 'auto' | 'real' | 'fake', suite: string): Promise<Preparation> {
	if (wanted === 'fake') return { kind: 'fake', reason: 'the fake device was asked for.' };
	const reason = await whyNot();
	if (reason === undefined) return { kind: 'real', root: await realRoot(suite) };
	if (wanted === 'real') throw new CaissonError('tool-missing', reason);
	return { kind: 'fake', reason };
}

async function realRoot(suite: string): Promise<DeviceRoot> {
	try {
		return await prepareRoot({ suite });
	} catch (cause) {
		const message = `${(cause as Error).message}\nWithout SWUpdate: npm start -- --device fake`;
		throw new CaissonError('package-unavailable', message, { cause });
	}
}

export interface TrialDeviceOptions {
	readonly preparation: Preparation;
	readonly id: string;
	/** Base of the compatible API, southbound. */
	readonly server: string;
	readonly certificateFile: string;
	/** Where its log goes, and the fake device's files. */
	readonly folder: string;
}

export async function startTrialDevice(options: TrialDeviceOptions): Promise<TrialDevice> {
	const logFile = join(options.folder, 'device.log');
	const log = createWriteStream(logFile);
	const onLine = (line: string) => log.write(`${line}\n`);
	const { preparation, id, server, certificateFile } = options;
	if (preparation.kind === 'real') {
		const { root } = preparation;
		const certificate = await readFile(certificateFile, 'utf8');
		const device = await startDevice({ root, id, server, certificate, onLine });
		return {
			id,
			description: `SWUpdate ${device.swupdateVersion} (dpkg-query) in a Debian ${root.suite} root`,
			logFile,
			readFile: (path) => device.readFile(path),
			died: device.died,
			stop: () => device.stop(),
		};
	}
	const system = join(options.folder, 'fake-device');
	await rm(system, { recursive: true, force: true });
	const installer = folderInstaller(system, certificateFile, Date.now);
	const device = startFakeDevice({ id, server, installer, onLine });
	return {
		id,
		description: 'the fake device, not SWUpdate',
		logFile,
		readFile: (path) => readFile(join(system, path)).catch(absent),
		died: new Promise(() => {}),
		stop: () => device.stop(),
	};
}

function absent(error: NodeJS.ErrnoException): undefined {
	if (error.code === 'ENOENT') return undefined;
	throw error;
}
