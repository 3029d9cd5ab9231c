// What the director needs of storage: devices with their inventory and orders, the documents that were signed for them,
// the manifests that came, and the nonces that were used. It is a small database of the director's own process, apart
// from the server's. It leaves out what a document says.

import type { ManifestFinding } from './rules/director/findings.ts';
import type { Inventory } from './rules/director/inventory.ts';
import type { Order } from './rules/director/orders.ts';

export interface StoredDevice {
	readonly inventory: Inventory;
	readonly orders: readonly Order[];
	/** Counts changes of inventory and orders; `signed` is the one that the last documents were made from. */
	readonly revision: number;
	readonly signed: number;
	/** The counter of the last manifest that was accepted; 0 before the first. */
	readonly counter: number;
}

export type DeviceRole = 'targets' | 'snapshot' | 'timestamp';

export interface DeviceDocument {
	readonly device: string;
	readonly role: DeviceRole;
	readonly version: number;
	/** Milliseconds since 1970. */
	readonly expires: number;
	/** The signed metadata exactly as devices get it. */
	readonly body: string;
}

export interface StoredManifest {
	readonly device: string;
	/** Milliseconds since 1970, by the director's clock. */
	readonly received: number;
	readonly nonce: string;
	/** Empty: accepted. Else it was dropped. */
	readonly findings: readonly ManifestFinding[];
	/** As it came. */
	readonly body: string;
}

/** Absent: undefined. */
export interface DirectorUnit {
	/** In the order of their names. */
	devices(): readonly StoredDevice[];
	device(name: string): StoredDevice | undefined;
	/** Makes or replaces. Documents of before stay, so that versions never fall. */
	putDevice(device: StoredDevice): void;
	/** The version asked for, else the last one. */
	document(device: string, role: DeviceRole, version?: number): DeviceDocument | undefined;
	/** Adds a document and forgets those of the role that are more than a few versions older. */
	putDocument(document: DeviceDocument): void;
	/** Keeps a manifest; of accepted and of dropped ones only the last hundred of a device stay. */
	addManifest(manifest: StoredManifest): void;
	/** Newest first. */
	manifests(device: string, limit: number): readonly StoredManifest[];
	/** Whether an accepted manifest had it, of those that are kept; older ones are barred by the counter. */
	nonceUsed(device: string, nonce: string): boolean;
}

export interface DirectorStore {
	/**
	 * Runs `step` as one transaction, durable on return; where it throws, nothing of it is kept. It is synchronous, so
	 * nothing comes between. Nothing is retried.
	 * @throws CaissonError storage-unavailable, storage-damaged
	 */
	commit<Result>(step: (unit: DirectorUnit) => Result): Result;
	close(): void;
}
