// What Caisson demands of the keys of a role before it puts them into a document: more than a client checks, because a
// role that can never reach its threshold, or that only looks hybrid, is found out too late. Reading others' documents does not ask for this.

import { quoted } from './failure.ts';
import { isPostQuantum, keyIdentity, keyKind } from './keys.ts';
import type { Keys, RoleKeys, TrustKey } from './model.ts';

/** TAP 15 in Caisson: 2 to 16,384 bins. */
export const maximumBitLength = 14;

/** Every rule that the role breaks, each a sentence; none when it may be used. */
export function roleFaults(name: string, keys: Keys, role: RoleKeys): readonly string[] {
	const faults: string[] = [];
	const distinct = new Map<string, TrustKey>();
	for (const keyid of role.keyids) {
		const key = Object.hasOwn(keys, keyid) ? keys[keyid] : undefined;
		if (key === undefined) {
			faults.push(`The role ${quoted(name)} names the key ${quoted(keyid)}, which is not in the document.`);
			continue;
		}
		if (keyKind(key) === undefined) {
			faults.push(
				`The key ${quoted(keyid)} is of the type ${quoted(`${key.keytype}/${key.scheme}`)}, which cannot be verified.`,
			);
		}
		const identity = keyIdentity(key);
		if (distinct.has(identity))
			faults.push(`The key ${quoted(keyid)} of the role ${quoted(name)} is listed under two ids.`);
		distinct.set(identity, key);
	}
	if (role.threshold > distinct.size) {
		faults.push(`The role ${quoted(name)} has ${distinct.size} keys and a threshold of ${role.threshold}.`);
	}
	const hybrid = hybridFault(name, [...distinct.values()], role.threshold);
	return hybrid === undefined ? faults : [...faults, hybrid];
}

/**
 * A role with post-quantum and classic keys is hybrid only when neither kind can reach the threshold alone; otherwise
 * whoever breaks one kind signs by himself.
 */
export function hybridFault(name: string, keys: readonly TrustKey[], threshold: number): string | undefined {
	const postQuantum = keys.filter(isPostQuantum).length;
	const classic = keys.length - postQuantum;
	if (postQuantum === 0 || classic === 0 || threshold > Math.max(postQuantum, classic)) return undefined;
	return (
		`The role ${quoted(name)} has ${classic} classic and ${postQuantum} post-quantum keys and a threshold of ${threshold}: ` +
		`the keys of one kind alone can sign. The threshold must be at least ${Math.max(postQuantum, classic) + 1}.`
	);
}
