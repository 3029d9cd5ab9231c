// Bytes that tests of deltas share: noise from a seed, which nothing compresses, and edits of it.

import { createHash } from 'node:crypto';

/** `length` bytes that look random and are the same every time for the same seed. */
export function noise(seed: number, length: number): Buffer {
	const parts: Buffer[] = [];
	for (let made = 0; made < length; made += 64) {
		parts.push(createHash('sha512').update(`${seed}/${made}`).digest());
	}
	return Buffer.concat(parts).subarray(0, length);
}

/** What an upgrade of one package does to an image: places that change, and bytes that shift what follows them. */
export function edited(base: Uint8Array, edits = 6, inserted = 1000): Buffer {
	const changed = Buffer.from(base);
	const step = Math.floor(changed.length / (edits + 1));
	for (let index = 1; index <= edits; index++) noise(index, 2000).copy(changed, index * step);
	const middle = Math.floor(changed.length / 2);
	return Buffer.concat([changed.subarray(0, middle), noise(99, inserted), changed.subarray(middle)]);
}
