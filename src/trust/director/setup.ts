// The first root of a director, and what is checked of keys: that none is a key of the image repository, whose theft must
// not break both. It leaves out where keys are and what is written.

import { CaissonError } from '../../errors.ts';
import type { DeviceRole } from '../director-store.ts';
import { TrustedSet, type TrustedSetOptions } from '../rules/client/trusted-set.ts';
import { keyIdentity } from '../rules/metadata/keys.ts';
import { makeRoot, payloadToSign, serializeMetadata } from '../rules/metadata/make.ts';
import type { RootSigned, Signature } from '../rules/metadata/model.ts';
import { readMetadata } from '../rules/metadata/read.ts';
import { roleFaults } from '../rules/metadata/role-rules.ts';
import type { OnlineSigner } from '../signer.ts';

export interface DirectorKeys {
	/** Offline: used once here, and kept by people. */
	readonly root: readonly OnlineSigner[];
	readonly threshold: number;
	readonly online: Readonly<Record<DeviceRole, OnlineSigner>>;
}

const onlineRoles: readonly DeviceRole[] = ['timestamp', 'snapshot', 'targets'];

/**
 * @param image any root of the image repository
 * @throws CaissonError director-key-shared; TrustFailure trust-metadata-malformed
 */
export function refuseSharedKeys(keys: DirectorKeys, image: Uint8Array): void {
	const root = readMetadata('root', image).signed;
	const known = new Set(Object.values(root.keys).map(keyIdentity));
	for (const signer of [...keys.root, ...onlineRoles.map((role) => keys.online[role])]) {
		if (!known.has(keyIdentity(signer.key))) continue;
		throw new CaissonError('director-key-shared', `The key ${signer.keyid} is a key of the image repository as well.`);
	}
}

/** Version 1, signed by all keys given. @throws CaissonError configuration-invalid where the keys break a rule */
export async function firstRoot(keys: DirectorKeys, expires: string): Promise<Uint8Array> {
	const all = [...keys.root, ...onlineRoles.map((role) => keys.online[role])];
	const listed = Object.fromEntries(all.map(({ keyid, key }) => [keyid, key]));
	const online = (role: DeviceRole) => ({ keyids: [keys.online[role].keyid], threshold: 1 });
	const roles: RootSigned['roles'] = {
		root: { keyids: keys.root.map(({ keyid }) => keyid), threshold: keys.threshold },
		timestamp: online('timestamp'),
		snapshot: online('snapshot'),
		targets: online('targets'),
	};
	const faults = Object.entries(roles).flatMap(([name, role]) => roleFaults(name, listed, role));
	if (faults[0] !== undefined) throw new CaissonError('configuration-invalid', faults[0]);
	const signed = makeRoot({ version: 1, expires, keys: listed, roles });
	const signatures: Signature[] = [];
	for (const signer of keys.root) {
		const bytes = await signer.sign(payloadToSign(signed));
		const sig = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
		signatures.push({ keyid: signer.keyid, sig });
	}
	return serializeMetadata({ signatures, signed });
}

/**
 * Follows roots from the first on, as a device will; the last must let the online keys sign.
 * @throws TrustFailure; CaissonError director-key-shared (with `image`), key-unusable
 */
export function checkRoots(
	roots: readonly Uint8Array[],
	online: DirectorKeys['online'],
	options: TrustedSetOptions,
): RootSigned {
	const [first, ...next] = roots;
	if (first === undefined) throw new CaissonError('director-not-ready', 'The director has no root.');
	const trusted = new TrustedSet(first, options);
	for (const root of next) trusted.updateRoot(root);
	for (const role of onlineRoles) {
		if (trusted.root.roles[role].keyids.includes(online[role].keyid)) continue;
		throw new CaissonError('key-unusable', `The root does not let the key of the director sign as ${role}.`);
	}
	return trusted.root;
}
