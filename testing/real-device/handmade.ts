// A .swu for the device tests that is signed and well-formed but holds what Caisson's own packing refuses: deltas that were
// damaged before they were signed, or a payload that is not the one that was signed. It leaves out making the damage.

import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { ByteSum, encodeHeader, encodeTrailer, padding } from '../../src/format/cpio/header.ts';
import { type DescribedArtifact, writeSwDescription } from '../../src/format/sw-description/description.ts';
import type { Signer } from '../../src/update/signer.ts';

export interface HandmadeUpdate {
	readonly image: Omit<DescribedArtifact, 'sha256' | 'filename'>;
	/** The one member, which the image names with its SHA-256. */
	readonly payload: Uint8Array;
	/** Packed instead of the payload. */
	readonly packed?: Uint8Array;
	readonly scripts?: readonly DescribedArtifact[];
}

/** Signs and writes it without looking into the payload. */
export async function packByHand(signer: Signer, output: string, update: HandmadeUpdate): Promise<void> {
	const sha256 = createHash('sha256').update(update.payload).digest('hex');
	const description = writeSwDescription({
		version: '1.0',
		hardwareCompatibility: ['#RE:.*'],
		settings: { bootloader_transaction_marker: false, bootloader_state_marker: false },
		sections: [
			{
				...{ path: [], files: [], bootenv: [], scripts: update.scripts ?? [] },
				images: [{ ...update.image, filename: 'payload', sha256 }],
			},
		],
	});
	const described = new TextEncoder().encode(description);
	const members: [name: string, bytes: Uint8Array][] = [
		['sw-description', described],
		['sw-description.sig', await signer.sign(described)],
		['payload', update.packed ?? update.payload],
	];
	const parts: Uint8Array[] = [];
	for (const [index, [name, bytes]] of members.entries()) {
		const sum = new ByteSum();
		sum.update(bytes);
		parts.push(encodeHeader('crc', { name, size: bytes.length, checksum: sum.value, inode: index + 1 }));
		parts.push(bytes, padding(bytes.length));
	}
	const length = parts.reduce((total, part) => total + part.length, 0);
	await writeFile(output, Buffer.concat([...parts, encodeTrailer('crc', length)]));
}
