// The director's targets for one device: what each component shall run. The director makes it from orders, the device
// reads it back. It leaves out versions and expiry, and whether the software is genuine (match.ts).
//
// An order is an entry of `targets`, with `custom`: {components, hardware_ids, release_counter}. The image repository
// lists the same file with the same `hardware_ids` and `release_counter`; more fields may stand beside them in either.

import { CaissonError } from '../../../errors.ts';
import { quoted } from '../metadata/failure.ts';
import { makeTargets } from '../metadata/make.ts';
import type { Hashes, Signed, TargetFile, TargetsSigned } from '../metadata/model.ts';
import { at, Fault, integer, list, object, string, type Where } from '../metadata/read-fields.ts';
import type { OrderFinding } from './findings.ts';
import { componentOf, type Inventory } from './inventory.ts';

/** What must be the same in both repositories beside length and hashes. */
export interface ReleaseFacts {
	/** The hardware that the software is made for; at least one. */
	readonly hardwareIds: readonly string[];
	/** Goes up with each release that must not be undone; never falls on a device. */
	readonly releaseCounter: number;
}

export interface Order extends ReleaseFacts {
	readonly component: string;
	/** Name of the target in the image repository. */
	readonly path: string;
	/** Bytes. */
	readonly length: number;
	readonly hashes: Hashes;
}

/** Field of the director's targets and timestamps that names the device. Uptane asks for it in empty targets; here it always stands. */
export const deviceField = 'x-caisson-device';

/** @throws CaissonError director-order-refused for a component that is not in the inventory, or is not of the hardware */
export function checkOrder(inventory: Inventory, order: Order): void {
	const fault = orderFault(inventory, order);
	if (fault === undefined) return;
	throw new CaissonError('director-order-refused', `The order for ${quoted(order.component)} is refused: ${fault}.`);
}

function orderFault(inventory: Inventory, order: Order): string | undefined {
	const component = componentOf(inventory, order.component);
	if (component === undefined) return `the device ${inventory.device} has no such component`;
	if (order.hardwareIds.includes(component.hardware)) return undefined;
	return `${quoted(order.path)} is for ${order.hardwareIds.join(', ')}, and the component is ${component.hardware}`;
}

/**
 * The targets of one device. Each component has at most one order; two may be for the same file, which is one entry then.
 * @throws CaissonError director-order-refused; TrustFailure trust-metadata-malformed
 */
export function makeDeviceTargets(
	inventory: Inventory,
	orders: readonly Order[],
	dated: { readonly version: number; readonly expires: string },
): TargetsSigned {
	const targets = new Map<string, { facts: string; order: Order; components: string[] }>();
	const ordered = new Set<string>();
	for (const order of orders) {
		checkOrder(inventory, order);
		if (ordered.has(order.component)) {
			throw new CaissonError('director-order-refused', `The component ${quoted(order.component)} has two orders.`);
		}
		ordered.add(order.component);
		const facts = factsText(order);
		const same = targets.get(order.path);
		if (same === undefined) targets.set(order.path, { facts, order, components: [order.component] });
		else if (same.facts === facts) same.components.push(order.component);
		else throw new CaissonError('director-order-refused', `Two orders say different things of ${quoted(order.path)}.`);
	}
	const entries = [...targets].map(([path, { order, components }]): [string, TargetFile] => [
		path,
		{
			length: order.length,
			hashes: order.hashes,
			custom: {
				components: components.sort(),
				hardware_ids: [...order.hardwareIds].sort(),
				release_counter: order.releaseCounter,
			},
		},
	]);
	return makeTargets({ ...dated, [deviceField]: inventory.device, targets: Object.fromEntries(entries) } as never);
}

function factsText({ length, hashes, hardwareIds, releaseCounter }: Order): string {
	const sorted = Object.entries(hashes).sort(([a], [b]) => (a < b ? -1 : 1));
	return JSON.stringify([length, sorted, [...hardwareIds].sort(), releaseCounter]);
}

/** Hardware ids and release counter of an entry; or what is wrong, in a few words. */
export function releaseFacts(file: TargetFile): ReleaseFacts | string {
	try {
		return readFacts(file.custom, { name: 'custom', parent: undefined });
	} catch (error) {
		if (error instanceof Fault) return error.message;
		throw error;
	}
}

function readFacts(custom: unknown, where: Where): ReleaseFacts {
	const fields = object(custom, where);
	const hardwareIds = names(fields.hardware_ids, at(where, 'hardware_ids'));
	const releaseCounter = integer(fields.release_counter, at(where, 'release_counter'), 0);
	return { hardwareIds, releaseCounter };
}

/** A list of at least one name, none twice. */
function names(value: unknown, where: Where): readonly string[] {
	const read: string[] = [];
	list(value, where, (item, place) => {
		const text = string(item, place);
		if (read.includes(text)) throw new Fault(place, `${quoted(text)} is there twice`);
		read.push(text);
	});
	if (read.length === 0) throw new Fault(where, 'it is empty');
	if (read.length > 1000) throw new Fault(where, 'it has more than 1000 names');
	return read;
}

/** What a device knows of itself; it needs no keys of others to read its orders. */
export interface Self {
	readonly device: string;
	readonly components: readonly { readonly id: string; readonly hardware: string }[];
}

/** What speaks against targets or a timestamp of the director: that they do not name this device. */
export function deviceFinding(signed: Signed, self: string): OrderFinding | undefined {
	const device = (signed as unknown as Readonly<Record<string, unknown>>)[deviceField];
	if (device === self) return undefined;
	const named = typeof device === 'string' ? `the device ${quoted(device)}` : 'no device';
	return { code: 'wrong-device', detail: `the orders name ${named}; this one is ${quoted(self)}` };
}

/**
 * The orders in verified targets of the director, one a component; or what is wrong with them, and then none counts
 * (Uptane 5.4.4.6: no delegations, this device, each ECU once).
 */
export function readOrders(signed: TargetsSigned, self: Self): readonly Order[] | OrderFinding {
	const foreign = deviceFinding(signed, self.device);
	if (foreign !== undefined) return foreign;
	if (signed.delegations !== undefined) {
		return { code: 'order-malformed', detail: 'the targets of the director delegate' };
	}
	const orders: Order[] = [];
	for (const [path, file] of Object.entries(signed.targets)) {
		const read = readOrder(path, file, self);
		if ('code' in read) return read;
		for (const order of read.orders) {
			if (orders.some(({ component }) => component === order.component)) {
				const detail = `the component ${quoted(order.component)} is ordered two things`;
				return { code: 'wrong-component', component: order.component, target: path, detail };
			}
			orders.push(order);
		}
	}
	return Object.freeze(orders);
}

function readOrder(path: string, file: TargetFile, self: Self): { readonly orders: readonly Order[] } | OrderFinding {
	let components: readonly string[];
	let facts: ReleaseFacts;
	try {
		const where: Where = { name: 'custom', parent: undefined };
		components = names(object(file.custom, where).components, at(where, 'components'));
		facts = readFacts(file.custom, where);
	} catch (error) {
		if (!(error instanceof Fault)) throw error;
		return { code: 'order-malformed', target: path, detail: `the order of ${quoted(path)}: ${error.message}` };
	}
	const foreign = components.find((id) => !self.components.some((component) => component.id === id));
	if (foreign !== undefined) {
		const detail = `${quoted(path)} is ordered for the component ${quoted(foreign)}, which this device does not have`;
		return { code: 'wrong-component', component: foreign, target: path, detail };
	}
	const { length, hashes } = file;
	return { orders: components.map((component) => ({ component, path, length, hashes, ...facts })) };
}
