// The director: keeps devices and their orders, hands each device the documents that order it, and takes its manifests.
// Documents are signed when they are asked for, and on disk before the answer. It leaves out HTTP and where keys are.

import { CaissonError } from '../../errors.ts';
import type { DeviceRole, DirectorStore, DirectorUnit, StoredDevice, StoredManifest } from '../director-store.ts';
import type { ManifestFinding } from '../rules/director/findings.ts';
import { type Inventory, readInventory } from '../rules/director/inventory.ts';
import { maximumManifest, readManifest } from '../rules/director/manifest.ts';
import { manifestFindings } from '../rules/director/manifest-checks.ts';
import { checkOrder, makeDeviceTargets, type Order } from '../rules/director/orders.ts';
import { expiryText } from '../rules/metadata/expiry.ts';
import type { HashBytes, VerifySignature } from '../rules/metadata/model.ts';
import { type DirectorSigners, dueDocuments } from './documents.ts';

export interface DirectorOptions {
	readonly store: DirectorStore;
	readonly signers: DirectorSigners;
	/** The roots of the director, version 1 first, as their files. */
	readonly roots: readonly Uint8Array[];
	/** Milliseconds since 1970. */
	readonly clock: () => number;
	/** Milliseconds for which targets, snapshot and timestamp of a device are valid. */
	readonly lifetime: number;
	readonly verify: VerifySignature;
	readonly hash: HashBytes;
}

export interface Receipt {
	readonly accepted: boolean;
	readonly findings: readonly ManifestFinding[];
}

/** Of a manifest that was dropped, this much is kept: it may be anybody's. */
const keptOfDropped = 4096;

export class Director {
	readonly #options: DirectorOptions;
	/** One at a time signs for a device: versions have no gap and no twin. */
	readonly #signing = new Map<string, Promise<void>>();

	constructor(options: DirectorOptions) {
		this.#options = options;
	}

	devices(): readonly StoredDevice[] {
		return this.#options.store.commit((unit) => unit.devices());
	}

	/** @throws CaissonError director-device-unknown */
	device(name: string): StoredDevice {
		return this.#options.store.commit((unit) => known(unit, name));
	}

	/**
	 * Registers a device. With `replace` its inventory is replaced: orders end, and counters of manifests begin anew.
	 * @throws CaissonError director-inventory-refused, director-device-exists
	 */
	addDevice(value: unknown, replace = false): Inventory {
		const inventory = readInventory(value);
		this.#options.store.commit((unit) => {
			const before = unit.device(inventory.device);
			if (before !== undefined && !replace) {
				throw new CaissonError('director-device-exists', `The device ${inventory.device} is registered already.`);
			}
			const { revision = 0, signed = 0 } = before ?? {};
			unit.putDevice({ inventory, orders: [], revision: revision + 1, signed, counter: 0 });
		});
		return inventory;
	}

	/** Orders something for a component, in place of what was ordered before. @throws CaissonError director-order-refused */
	setOrder(device: string, order: Order): void {
		this.#change(device, (before) => {
			checkOrder(before.inventory, order);
			const orders = [...before.orders.filter(({ component }) => component !== order.component), order];
			// What cannot be signed later is refused now.
			makeDeviceTargets(before.inventory, orders, { version: 1, expires: expiryText(this.#options.clock()) });
			return orders;
		});
	}

	/** Withdraws the order of a component, or all. */
	clearOrders(device: string, component?: string): void {
		this.#change(device, ({ orders }) =>
			component === undefined ? [] : orders.filter((one) => one.component !== component),
		);
	}

	#change(name: string, change: (before: StoredDevice) => readonly Order[]): void {
		this.#options.store.commit((unit) => {
			const before = known(unit, name);
			unit.putDevice({ ...before, orders: change(before), revision: before.revision + 1 });
		});
	}

	/**
	 * A file of the device's metadata by its name on the wire; undefined where there is none. The timestamp is what a
	 * device asks for first: then whatever is due is signed, and kept before it is answered.
	 */
	async metadata(device: string, file: string): Promise<Uint8Array | undefined> {
		const [, number, role] = /^(?:([1-9][0-9]{0,15})\.)?(root|targets|snapshot|timestamp)\.json$/.exec(file) ?? [];
		if (role === undefined) return undefined;
		if (role === 'root') return number === undefined ? undefined : this.#options.roots[Number(number) - 1];
		if ((role === 'timestamp') !== (number === undefined)) return undefined;
		if (role === 'timestamp') await this.#signed(device);
		const { store } = this.#options;
		const document = store.commit((unit) =>
			unit.document(device, role as DeviceRole, number === undefined ? undefined : Number(number)),
		);
		return document && new TextEncoder().encode(document.body);
	}

	async #signed(name: string): Promise<void> {
		const turn = (this.#signing.get(name) ?? Promise.resolve()).catch(() => undefined).then(() => this.#sign(name));
		this.#signing.set(name, turn);
		try {
			await turn;
		} finally {
			if (this.#signing.get(name) === turn) this.#signing.delete(name);
		}
	}

	async #sign(name: string): Promise<void> {
		const { store, signers, hash, clock, lifetime } = this.#options;
		const read = store.commit((unit) => {
			const device = unit.device(name);
			if (device === undefined) return undefined;
			const last = Object.fromEntries(
				(['targets', 'snapshot', 'timestamp'] as const).map((role) => [role, unit.document(name, role)]),
			);
			return { device, last };
		});
		if (read === undefined) return;
		const due = await dueDocuments(read.device, read.last, { signers, hash, now: clock(), lifetime });
		if (due.length === 0) return;
		store.commit((unit) => {
			for (const document of due) unit.putDocument(document);
			// An order that came meanwhile has a higher revision, and is signed at the next request.
			unit.putDevice({ ...known(unit, name), signed: read.device.revision });
		});
	}

	/**
	 * Takes a manifest: it is accepted, or dropped with every reason; both are kept, durable on return.
	 * @throws CaissonError director-device-unknown
	 */
	receive(name: string, bytes: Uint8Array): Receipt {
		const { store, clock, verify } = this.#options;
		const now = clock();
		const manifest = bytes.length > maximumManifest ? 'it is too long' : readManifest(bytes);
		return store.commit((unit) => {
			const device = known(unit, name);
			const findings: readonly ManifestFinding[] =
				typeof manifest === 'string'
					? [{ code: 'malformed', detail: manifest }]
					: manifestFindings(manifest, {
							...{ inventory: device.inventory, lastCounter: device.counter, now, verify },
							nonceUsed: (nonce) => unit.nonceUsed(name, nonce),
						});
			const accepted = findings.length === 0;
			const body = new TextDecoder().decode(accepted ? bytes : bytes.subarray(0, keptOfDropped));
			const nonce = typeof manifest === 'string' ? '' : manifest.signed.nonce;
			unit.addManifest({ device: name, received: now, nonce, findings, body });
			if (accepted && typeof manifest !== 'string') unit.putDevice({ ...device, counter: manifest.signed.counter });
			return { accepted, findings };
		});
	}

	/** Newest first. @throws CaissonError director-device-unknown */
	manifests(name: string, limit: number): readonly StoredManifest[] {
		return this.#options.store.commit((unit) => {
			known(unit, name);
			return unit.manifests(name, limit);
		});
	}
}

function known(unit: DirectorUnit, name: string): StoredDevice {
	const device = unit.device(name);
	if (device !== undefined) return device;
	throw new CaissonError(
		'director-device-unknown',
		`The director has no device ${JSON.stringify(name.slice(0, 100))}.`,
	);
}
