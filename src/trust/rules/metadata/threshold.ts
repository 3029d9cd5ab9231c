// Whether enough distinct keys of a role have signed a document. A key counts once, however many ids it is listed under;
// a signature that cannot be used, or is by a key that the role does not name, counts nothing and does no harm.

import { canonicalJson } from './canonical.ts';
import { quoted, TrustFailure } from './failure.ts';
import { keyIdentity } from './keys.ts';
import type { Keys, Metadata, RoleKeys, VerifySignature } from './model.ts';

export interface SignatureCheck {
	readonly threshold: number;
	/** The ids of the keys that signed, one for each distinct key. */
	readonly signed: readonly string[];
	/** The ids of the keys of the role that have not signed under any id. */
	readonly unsigned: readonly string[];
	/** How many more keys must sign; 0 when the document is signed as demanded. */
	readonly missing: number;
}

/**
 * Who of the role signed (clauses 4.2 and 5.3.4). `payload` is the canonical form of `metadata.signed`, where the caller
 * has it already.
 */
export function checkSignatures(
	keys: Keys,
	role: RoleKeys,
	metadata: Metadata,
	verify: VerifySignature,
	payload: Uint8Array = canonicalJson(metadata.signed),
): SignatureCheck {
	const signatures = new Map(metadata.signatures.map(({ keyid, sig }) => [keyid, sig]));
	const counted = new Set<string>();
	const signed: string[] = [];
	const unsigned: [keyid: string, identity: string][] = [];
	for (const keyid of new Set(role.keyids)) {
		const key = Object.hasOwn(keys, keyid) ? keys[keyid] : undefined;
		if (key === undefined) continue;
		const identity = keyIdentity(key);
		if (counted.has(identity)) continue;
		const signature = hexBytes(signatures.get(keyid) ?? '');
		if (signature !== undefined && verify(key, payload, signature)) {
			counted.add(identity);
			signed.push(keyid);
		} else unsigned.push([keyid, identity]);
	}
	return Object.freeze({
		threshold: role.threshold,
		signed: Object.freeze(signed),
		unsigned: Object.freeze(unsigned.flatMap(([keyid, identity]) => (counted.has(identity) ? [] : [keyid]))),
		missing: Math.max(0, role.threshold - signed.length),
	});
}

/**
 * The same, for what must be signed.
 * @throws TrustFailure trust-signature-threshold
 */
export function verifyThreshold(
	roleName: string,
	keys: Keys,
	role: RoleKeys,
	metadata: Metadata,
	verify: VerifySignature,
	payload?: Uint8Array,
	keysFrom = 'its delegation',
): SignatureCheck {
	const check = checkSignatures(keys, role, metadata, verify, payload);
	if (check.missing > 0) {
		throw new TrustFailure(
			'trust-signature-threshold',
			`the metadata of the role ${quoted(roleName)} is signed by ${check.signed.length} of the keys of ${keysFrom}; ${role.threshold} must sign`,
			{
				role: roleName,
				offeredVersion: metadata.signed.version,
				signed: check.signed.length,
				threshold: role.threshold,
			},
		);
	}
	return check;
}

/** The bytes of a hex text of at least one byte, or undefined. */
export function hexBytes(hex: string): Uint8Array | undefined {
	if (hex.length === 0 || hex.length % 2 !== 0 || !/^[0-9a-fA-F]+$/.test(hex)) return undefined;
	const bytes = new Uint8Array(hex.length / 2);
	for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
	return bytes;
}
