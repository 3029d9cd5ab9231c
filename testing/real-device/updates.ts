// The updates that the device tests install: small, packed and signed by Caisson with a key made for the run. It decides
// what is in them; it leaves out serving them.

import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSigner } from '../../src/outside/signer/open.ts';
import { createTestKey } from '../../src/outside/signer/test-key.ts';
import { packUpdate } from '../../src/update/pack.ts';
import type { Signer } from '../../src/update/signer.ts';

export interface UpdateFile {
	/** Where the device has it after the update. */
	readonly path: string;
	readonly content: Uint8Array;
}

export interface UpdateMaker {
	/** The certificate that devices must trust, PEM. */
	readonly certificate: string;
	readonly signer: Signer;
	/**
	 * Packs the files into `output`, a .swu.
	 * @param bootenv variables of the boot loader that the update sets
	 */
	pack(output: string, files: readonly UpdateFile[], bootenv?: Readonly<Record<string, string>>): Promise<void>;
	/** Packs what an update specification says; version and hardware are the trial's. @param folder of its sources */
	packSpecification(output: string, folder: string, specification: object): Promise<void>;
}

const trialUpdate = { version: '1.0', 'hardware-compatibility': 'any' };

/** Makes a key in `folder`, where sources are kept too. */
export async function updateMaker(folder: string): Promise<UpdateMaker> {
	const key = await createTestKey(folder, { now: Date.now(), bits: 2048 });
	const signer = await openSigner(key);
	let count = 0;
	return {
		signer,
		certificate: await readFile(key.certificateFile, 'utf8'),
		pack: (output, files, bootenv = {}) => pack(join(folder, `update-${++count}`), signer, output, files, bootenv),
		packSpecification: async (output, baseDirectory, specification) => {
			const value = { ...trialUpdate, ...specification };
			await packUpdate({ specification: { value }, baseDirectory, signer, output });
		},
	};
}

async function pack(
	folder: string,
	signer: Signer,
	output: string,
	files: readonly UpdateFile[],
	bootenv: Readonly<Record<string, string>>,
): Promise<void> {
	await mkdir(folder);
	const described: object[] = [];
	for (const [index, { path, content }] of files.entries()) {
		const source = `${index + 1}-${path.slice(path.lastIndexOf('/') + 1)}`;
		await writeFile(join(folder, source), content);
		described.push({ source, path, 'create-destination': true });
	}
	const value = { ...trialUpdate, files: described, bootenv };
	await packUpdate({ specification: { value }, baseDirectory: folder, signer, output });
}

/** A file of random bytes, a text, an empty file. */
export function trialFiles(): UpdateFile[] {
	return [
		{ path: '/opt/trial/data.bin', content: randomBytes(300_000) },
		{ path: '/opt/trial/greeting.txt', content: new TextEncoder().encode('Hello, device.\n') },
		{ path: '/opt/trial/deeper/empty', content: new Uint8Array() },
	];
}
