// What the director knows of a device before the device says anything: its components, which hardware each one is, and
// the key that each one signs with. Caisson's device is Uptane's vehicle and its component Uptane's ECU; a device with
// one component is the usual case, and is not special. It leaves out how a key gets into the inventory.

import { CaissonError } from '../../../errors.ts';
import { quoted } from '../metadata/failure.ts';
import { keyIdentity, keyKind } from '../metadata/keys.ts';
import type { TrustKey } from '../metadata/model.ts';
import { at, boolean, Fault, list, object, string, type Where } from '../metadata/read-fields.ts';

export interface Component {
	/** Unique in its device. Uptane: ECU identifier. */
	readonly id: string;
	/** Uptane: hardware identifier. */
	readonly hardware: string;
	/** Signs the version reports of this component. */
	readonly key: TrustKey;
	/** Signs the manifest for all of them, and talks to the director. Exactly one is (Uptane: primary ECU). */
	readonly primary: boolean;
}

export interface Inventory {
	readonly device: string;
	readonly components: readonly Component[];
}

/** Names stand in URLs and file names. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const most = 100;

/** The component with this id; undefined where there is none. */
export function componentOf(inventory: Inventory, id: string): Component | undefined {
	return inventory.components.find((component) => component.id === id);
}

export function primaryOf(inventory: Inventory): Component | undefined {
	return inventory.components.find(({ primary }) => primary);
}

/**
 * The inventory that a value (JSON of a request or a file) holds, frozen.
 * @throws CaissonError director-inventory-refused, naming the field and the rule
 */
export function readInventory(value: unknown): Inventory {
	try {
		const top: Where = { name: '', parent: undefined };
		const { device, components } = object(value, top);
		const read: Component[] = [];
		list(components, at(top, 'components'), (item, where) => read.push(readComponent(item, where)));
		const inventory = { device: name(device, at(top, 'device')), components: Object.freeze(read) };
		const fault = inventoryFault(read);
		if (fault !== undefined) throw new Fault(at(top, 'components'), fault);
		return Object.freeze(inventory);
	} catch (error) {
		if (!(error instanceof Fault)) throw error;
		throw new CaissonError('director-inventory-refused', `The inventory is refused: ${error.message}.`);
	}
}

function readComponent(value: unknown, where: Where): Component {
	const fields = object(value, where);
	const given = object(fields.key, at(where, 'key'));
	const keyval = object(given.keyval, at(at(where, 'key'), 'keyval'));
	const key: TrustKey = Object.freeze({
		keytype: string(given.keytype, at(at(where, 'key'), 'keytype')),
		scheme: string(given.scheme, at(at(where, 'key'), 'scheme')),
		keyval: Object.freeze({ public: string(keyval.public, at(at(where, 'key'), 'public')) }),
	});
	if (keyKind(key) === undefined) throw new Fault(at(where, 'key'), 'keys of this type cannot be verified');
	return Object.freeze({
		id: name(fields.id, at(where, 'id')),
		hardware: name(fields.hardware, at(where, 'hardware')),
		key,
		primary: fields.primary === undefined ? false : boolean(fields.primary, at(where, 'primary')),
	});
}

function name(value: unknown, where: Where): string {
	const text = string(value, where);
	if (!namePattern.test(text)) throw new Fault(where, 'letters, digits, `.`, `_` and `-` are due, 100 at most');
	return text;
}

/** What is wrong with the components together. Two with one key could report for each other. */
function inventoryFault(components: readonly Component[]): string | undefined {
	if (components.length === 0) return 'a device has at least one component';
	if (components.length > most) return `a device has at most ${most} components`;
	if (components.filter(({ primary }) => primary).length !== 1) return 'exactly one component is the primary one';
	const ids = new Set<string>();
	const keys = new Set<string>();
	for (const { id, key } of components) {
		const identity = keyIdentity(key);
		if (ids.has(id)) return `the component ${quoted(id)} is there twice`;
		if (keys.has(identity)) return `the component ${quoted(id)} has the key of another one`;
		ids.add(id);
		keys.add(identity);
	}
	return undefined;
}
