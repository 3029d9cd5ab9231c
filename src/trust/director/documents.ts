// The director's signed documents of one device: which of targets, snapshot and timestamp are due anew, and what they say.
// Versions go up by one and never fall. It leaves out where they are kept (director.ts).

import type { DeviceDocument, DeviceRole, StoredDevice } from '../director-store.ts';
import { signedTimeField } from '../rules/client/time-floor.ts';
import { deviceField, makeDeviceTargets } from '../rules/director/orders.ts';
import { expiryText, expiryTime } from '../rules/metadata/expiry.ts';
import { makeSnapshot, makeTimestamp, metaFile, payloadToSign, serializeMetadata } from '../rules/metadata/make.ts';
import type { HashBytes, Signed } from '../rules/metadata/model.ts';
import type { OnlineSigner } from '../signer.ts';

export type DirectorSigners = Readonly<Record<DeviceRole, OnlineSigner>>;

export interface SigningOptions {
	readonly signers: DirectorSigners;
	readonly hash: HashBytes;
	/** Milliseconds since 1970. */
	readonly now: number;
	/** Milliseconds for which a document is valid. */
	readonly lifetime: number;
}

export type LastDocuments = Readonly<Partial<Record<DeviceRole, DeviceDocument>>>;

/** Signed anew once less than half of its lifetime is left, so that a device never gets one that is about to expire. */
function isStale(document: DeviceDocument | undefined, { now, lifetime }: SigningOptions): boolean {
	return document === undefined || document.expires - now < lifetime / 2;
}

/** The documents that are due now, in the order in which they name each other; none where all are current. */
export async function dueDocuments(
	device: StoredDevice,
	last: LastDocuments,
	options: SigningOptions,
): Promise<readonly DeviceDocument[]> {
	const targetsDue = device.revision !== device.signed || isStale(last.targets, options);
	const snapshotDue = targetsDue || isStale(last.snapshot, options);
	if (!snapshotDue && !isStale(last.timestamp, options)) return [];
	const { inventory, orders } = device;
	const expires = expiryText(options.now + options.lifetime);
	const made: DeviceDocument[] = [];
	const make = async (role: DeviceRole, signed: Signed): Promise<DeviceDocument> => {
		const document = await signedDocument(inventory.device, role, signed, options);
		made.push(document);
		return document;
	};
	const dated = (role: DeviceRole) => ({ version: (last[role]?.version ?? 0) + 1, expires });
	const targets = targetsDue
		? await make('targets', makeDeviceTargets(inventory, orders, dated('targets')))
		: last.targets;
	const meta = (document: DeviceDocument | undefined) => {
		if (document === undefined) throw new Error('a document is missing');
		return metaFile(document.version, new TextEncoder().encode(document.body), options.hash);
	};
	const snapshot = snapshotDue
		? await make('snapshot', makeSnapshot({ ...dated('snapshot'), meta: { 'targets.json': meta(targets) } }))
		: last.snapshot;
	const timestamp = makeTimestamp({ ...dated('timestamp'), snapshot: meta(snapshot) });
	await make('timestamp', {
		...timestamp,
		[signedTimeField]: expiryText(options.now),
		[deviceField]: inventory.device,
	} as Signed);
	return made;
}

async function signedDocument(
	device: string,
	role: DeviceRole,
	signed: Signed,
	{ signers }: SigningOptions,
): Promise<DeviceDocument> {
	const signer = signers[role];
	const { keyid } = signer;
	const bytes = await signer.sign(payloadToSign(signed));
	const sig = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
	const body = new TextDecoder().decode(serializeMetadata({ signatures: [{ keyid, sig }], signed }));
	return { device, role, version: signed.version, expires: expiryTime(signed.expires) as number, body };
}
