// What a device or the director finds wrong above plain TUF: a code of a short list and a sentence, as values that are
// reported, kept and shown. It leaves out who acts on them. What TUF itself finds is in rules/client/refusal.ts.

import type { Refusal } from '../client/refusal.ts';

/** What a device finds when the two repositories do not give it one update that is meant for it. */
export const orderFindingMeanings = {
	'wrong-device': 'The orders name another device: they were made for that one, and replayed here.',
	'wrong-component': 'An order is for a component that this device does not have, or for one component twice.',
	'wrong-hardware': 'The software is not made for the hardware of the component.',
	'not-genuine': 'The director orders what the image repository has not signed.',
	'repositories-disagree':
		'Length, hashes, hardware or release counter are not the same in the director’s order and in the image repository.',
	'release-rollback': 'The release counter is lower than that of what is installed.',
	'order-malformed': 'An order, or the signed entry of the software, breaks the format; or the director delegates.',
	incomplete: 'Some of what was ordered together is not there, so that nothing of it is installed.',
} as const;

export type OrderFindingCode = keyof typeof orderFindingMeanings;

export interface OrderFinding {
	readonly code: OrderFindingCode;
	readonly component?: string;
	/** The name of the software that was ordered. */
	readonly target?: string;
	/** One sentence for a person. */
	readonly detail: string;
}

/** What a device reports last: a finding of its own, or what the TUF client refused of one of the repositories. */
export type Attack =
	| (OrderFinding & { readonly repository?: undefined })
	| (Refusal & { readonly repository: 'director' | 'image' });

/** What the director finds in a manifest; one with a finding is dropped. */
export const manifestFindingMeanings = {
	malformed: 'The manifest, or a report in it, is no strict JSON or breaks the format.',
	'wrong-device': 'The manifest names another device, or a primary component that the inventory does not have.',
	'signature-of-manifest': 'The manifest is not signed by the key of the primary component.',
	'signature-of-report': 'A report is not signed by the key of its component.',
	'component-missing': 'The manifest has no report of a component of the inventory.',
	'component-unknown': 'The manifest has a report of a component that the inventory does not have.',
	'time-implausible': 'The manifest, or a report, says a time that cannot be.',
	'nonce-used': 'The nonce was used before, or a report was made for another manifest: a replay.',
	'counter-not-new': 'The counter is not higher than in the last manifest: a replay.',
} as const;

export type ManifestFindingCode = keyof typeof manifestFindingMeanings;

export interface ManifestFinding {
	readonly code: ManifestFindingCode;
	readonly component?: string;
	readonly detail: string;
}
