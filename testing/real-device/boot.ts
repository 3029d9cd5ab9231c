// Lays out a device's copy of the root and starts SWUpdate in it: files, block devices, namespaces. It decides that all of
// it ends with this process, however that ends. It leaves out whether SWUpdate stays (device.ts) or ends (install.ts).

import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runProgram } from '../../src/outside/processes.ts';
import { namespaceScript, startScript } from './copy.ts';
import type { DeviceRoot } from './root.ts';

/** Bytes, text, or the file of this machine that is copied. */
export type FileContent = Uint8Array | string | { readonly copyOf: string };

/** Names in the device's /dev and the files of this machine that lie under them, at most two. */
export type BlockDevices = Readonly<Record<string, string>>;

/** Makes an overlay's three folders, with `files` of the device in the upper one. */
export async function layOut(folder: string, files: Iterable<readonly [path: string, FileContent]>): Promise<void> {
	await chmod(folder, 0o755);
	for (const part of ['upper', 'work', 'system']) await mkdir(join(folder, part));
	for (const [path, content] of files) await writeInCopy(folder, path, content);
}

/** Writes a file of the stopped device. */
export async function writeInCopy(folder: string, path: string, content: FileContent): Promise<void> {
	const place = join(folder, 'upper', path);
	await mkdir(dirname(place), { recursive: true });
	if (typeof content === 'object' && 'copyOf' in content) await copyFile(content.copyOf, `${place}.new`);
	else await writeFile(`${place}.new`, content);
	await rename(`${place}.new`, place);
}

/** Starts swupdate with these parameters in the copy. The child is killed with this process. */
export function bootCopy(
	root: DeviceRoot,
	folder: string,
	blockDevices: BlockDevices,
	parameters: readonly string[],
): ChildProcess {
	const blocks = Object.entries(blockDevices).map(([name, file]) => {
		if (/[\s=/]/.test(name) || /\s/.test(file)) throw new Error(`not a plain block device: ${name} on ${file}`);
		return `${name}=${file}`;
	});
	const words = [startScript, root.path, folder, blocks.join(' '), ...parameters];
	// setpriv, the outer sh and unshare are one process, which the kernel kills with this one (pdeathsig).
	const script = ['sh', '-c', namespaceScript, 'boot', join(folder, 'lock'), ...words];
	return spawn('setpriv', ['--pdeathsig', 'KILL', ...script], {
		// Ctrl-C is for the program that owns the device; it stops the device in order.
		detached: true,
		stdio: ['ignore', 'pipe', 'pipe'],
		// RUNTIME_DIRECTORY as Debian's unit sets it: where SWUpdate has its sockets.
		env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', RUNTIME_DIRECTORY: '/run/swupdate' },
	});
}

/** Why a device can have no block devices here: one sentence; undefined where it can. */
export async function whyNoBlockDevices(): Promise<string | undefined> {
	const { code, missing, output } = await runProgram('losetup', ['--find']);
	if (missing) return 'Block devices need losetup: apt-get install mount.';
	return code === 0 ? undefined : `Block devices need loop devices, and there are none here (${output.trim()}).`;
}
