// Whether a device holds a package's bytes: file by file, every byte. It leaves out how they came there.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Comparison {
	readonly files: number;
	readonly bytes: number;
	/** Path in the package and what is wrong with it on the device; empty where every byte is right. */
	readonly findings: readonly { readonly path: string; readonly finding: string }[];
}

export interface ComparedPackage {
	readonly folder: string;
	/** Paths below the folder. */
	readonly paths: readonly string[];
	/** The file's bytes on the device; undefined where there is none. */
	readonly onDevice: (path: string) => Promise<Uint8Array | undefined>;
}

export async function compareWithDevice(compared: ComparedPackage): Promise<Comparison> {
	const findings: { path: string; finding: string }[] = [];
	let bytes = 0;
	for (const path of compared.paths) {
		const expected = await readFile(join(compared.folder, path));
		const found = await compared.onDevice(path);
		bytes += expected.length;
		if (found === undefined) findings.push({ path, finding: 'is not there' });
		else if (found.length !== expected.length) {
			findings.push({ path, finding: `has ${found.length} bytes, the package’s has ${expected.length}` });
		} else if (!expected.equals(found)) {
			const offset = expected.findIndex((byte, index) => byte !== found[index]);
			findings.push({ path, finding: `differs from byte ${offset} on` });
		}
	}
	return { files: compared.paths.length, bytes, findings };
}
