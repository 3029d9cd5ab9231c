// Whether an order of the director may be carried out: both repositories say the same of the file, it is made for the
// component's hardware, and it is not older than what is installed (Uptane 5.4.4.2, steps 9 and 10). It leaves out how
// both were verified.

import { quoted } from '../metadata/failure.ts';
import type { Hashes, TargetFile } from '../metadata/model.ts';
import type { OrderFinding } from './findings.ts';
import { type Order, releaseFacts } from './orders.ts';

export interface ComponentState {
	readonly id: string;
	readonly hardware: string;
	/** The highest release counter that was ever installed; 0 before the first. */
	readonly releaseCounter: number;
}

/**
 * What speaks against the order; undefined where nothing does.
 * @param image what the image repository signed under the same name; undefined where it has no such target
 */
export function orderFinding(
	order: Order,
	image: TargetFile | undefined,
	component: ComponentState,
): OrderFinding | undefined {
	const of = { component: order.component, target: order.path };
	const name = quoted(order.path);
	if (image === undefined) {
		const detail = `the director orders ${name}, which the image repository has not signed`;
		return { code: 'not-genuine', ...of, detail };
	}
	const facts = releaseFacts(image);
	if (typeof facts === 'string') {
		return { code: 'order-malformed', ...of, detail: `${name} in the image repository: ${facts}` };
	}
	const disagreement = firstDifference(order, image, facts);
	if (disagreement !== undefined) {
		const detail = `${name} does not have the same ${disagreement} in the director and in the image repository`;
		return { code: 'repositories-disagree', ...of, detail };
	}
	if (!facts.hardwareIds.includes(component.hardware)) {
		const made = facts.hardwareIds.slice(0, 10).map(quoted).join(', ');
		const detail = `${name} is made for ${made}; the component ${quoted(component.id)} is ${quoted(component.hardware)}`;
		return { code: 'wrong-hardware', ...of, detail };
	}
	if (facts.releaseCounter < component.releaseCounter) {
		const detail = `${name} has the release counter ${facts.releaseCounter}; ${component.releaseCounter} was installed`;
		return { code: 'release-rollback', ...of, detail };
	}
	return undefined;
}

function firstDifference(
	order: Order,
	image: TargetFile,
	facts: Pick<Order, 'hardwareIds' | 'releaseCounter'>,
): string | undefined {
	if (order.length !== image.length) return 'length';
	if (!sameHashes(order.hashes, image.hashes)) return 'hashes';
	if (!sameNames(order.hardwareIds, facts.hardwareIds)) return 'hardware ids';
	return order.releaseCounter === facts.releaseCounter ? undefined : 'release counter';
}

/** Identical, also in which algorithms there are: an algorithm that one side alone names was not compared. */
export function sameHashes(a: Hashes, b: Hashes): boolean {
	const names = Object.keys(a);
	return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name]);
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
	return a.length === b.length && a.every((name) => b.includes(name));
}
