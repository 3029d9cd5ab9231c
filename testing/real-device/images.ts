// Two versions of a device's image for the delta tests: real files of the device's own root, each beginning at a block as
// in a file system, then the same with some of them upgraded. Made from the root's bytes alone, so every run has the same.
// It leaves out the file system's own structures: no program that makes one is needed.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DeviceRoot } from './root.ts';

const block = 4096;

export interface ImageVersions {
	readonly old: Uint8Array;
	readonly new: Uint8Array;
}

/**
 * Of the bytes about a tenth changes, in some dozens of places. Both versions have the same length, as partitions do.
 * @param length a multiple of 4096
 */
export function imageVersions(root: DeviceRoot, length = 12 << 20): ImageVersions {
	const files = realFiles(root, length);
	return { old: laidOut(files, length), new: laidOut(upgraded(files), length) };
}

/** Libraries and programs in the order of their names. */
function realFiles({ path }: DeviceRoot, length: number): Uint8Array[] {
	const files: Uint8Array[] = [];
	let sum = 0;
	for (const folder of [`usr/lib/${multiarch()}`, 'usr/bin']) {
		for (const name of readdirSync(join(path, folder)).sort()) {
			const file = join(path, folder, name);
			const status = statSync(file, { throwIfNoEntry: false });
			// Small ones too: an image has many. Room for what an upgrade adds is left at the end.
			if (!status?.isFile() || status.size > 200_000) continue;
			if (sum + status.size + block > length - (1 << 20)) return files;
			files.push(readFileSync(file));
			sum += Math.ceil(status.size / block) * block;
		}
	}
	return files;
}

function multiarch(): string {
	return process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
}

/** Every fifth file gets new bytes in its middle: what comes after it moves on by a block now and then. */
function upgraded(files: readonly Uint8Array[]): Uint8Array[] {
	return files.map((file, index) => {
		if (index % 5 !== 1) return file;
		const middle = Math.floor(file.length / 2);
		const added = new Uint8Array(1500).map((_, offset) => (offset * offset + index * 31) & 0xff);
		return Buffer.concat([file.subarray(0, middle), added, file.subarray(middle)]);
	});
}

function laidOut(files: readonly Uint8Array[], length: number): Uint8Array {
	const image = new Uint8Array(length);
	let at = 0;
	for (const file of files) {
		image.set(file, at);
		at += Math.ceil(file.length / block) * block;
	}
	return image;
}
