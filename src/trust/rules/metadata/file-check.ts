// Whether bytes are the file that metadata describes, by length and by every hash that it names. A hash of an algorithm
// that is not supported was not checked, so it does not pass.

import type { HashBytes, Hashes } from './model.ts';

/** What is wrong, in a few words; undefined where length and all hashes fit. What is absent is not demanded. */
export function fileFault(
	bytes: Uint8Array,
	expected: { readonly length?: number; readonly hashes?: Hashes },
	hash: HashBytes,
): string | undefined {
	if (expected.length !== undefined && bytes.length !== expected.length) {
		return `it has ${bytes.length} bytes; ${expected.length} are due`;
	}
	for (const [algorithm, digest] of Object.entries(expected.hashes ?? {})) {
		const actual = hash(algorithm, bytes);
		if (actual === undefined) return `its hash ${JSON.stringify(algorithm.slice(0, 40))} cannot be checked here`;
		if (actual !== digest) return `its ${algorithm} is not the one that is due`;
	}
	return undefined;
}
