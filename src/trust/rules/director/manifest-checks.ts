// Whether the director accepts a manifest: every component of the inventory reports, both layers of signatures hold,
// the time can be, nonce and counter are new (Uptane 5.4.2.1). One that is not accepted is dropped, and changes nothing.
// It leaves out where the last counter and the used nonces are kept.

import { canonicalJson } from '../metadata/canonical.ts';
import { expiryTime } from '../metadata/expiry.ts';
import { quoted } from '../metadata/failure.ts';
import type { Signature, TrustKey, VerifySignature } from '../metadata/model.ts';
import { hexBytes } from '../metadata/threshold.ts';
import type { ManifestFinding } from './findings.ts';
import { componentOf, type Inventory, primaryOf } from './inventory.ts';
import type { SignedManifest } from './manifest.ts';

export interface ManifestContext {
	readonly inventory: Inventory;
	/** The counter of the last manifest that was accepted; 0 before the first. */
	readonly lastCounter: number;
	readonly nonceUsed: (nonce: string) => boolean;
	/** Milliseconds since 1970: the director's clock. */
	readonly now: number;
	readonly verify: VerifySignature;
}

/** Milliseconds by which the time of a manifest may be ahead of the director's clock, and behind it. */
export const timeTolerance = { ahead: 10 * 60_000, behind: 24 * 3_600_000 };

/** Everything that speaks against the manifest; none: it is accepted. Nothing is looked at below a signature that fails. */
export function manifestFindings(manifest: SignedManifest, context: ManifestContext): readonly ManifestFinding[] {
	const { inventory, verify } = context;
	const { signed } = manifest;
	const primary = primaryOf(inventory);
	if (signed.device !== inventory.device || primary === undefined || signed.primary !== primary.id) {
		const detail = `it is by ${quoted(signed.primary)} of ${quoted(signed.device)}; due is ${quoted(primary?.id ?? '')} of ${quoted(inventory.device)}`;
		return [{ code: 'wrong-device', detail }];
	}
	if (!isSignedBy(primary.key, manifest, verify)) {
		const detail = `it is not signed by the key of the primary component ${quoted(primary.id)}`;
		return [{ code: 'signature-of-manifest', component: primary.id, detail }];
	}
	return [
		...reportFindings(manifest, context),
		...timeFindings(signed.time, undefined, context.now),
		...newness(manifest, context),
	];
}

function reportFindings({ signed }: SignedManifest, context: ManifestContext): ManifestFinding[] {
	const { inventory, verify, now } = context;
	const findings: ManifestFinding[] = [];
	for (const { id, key } of inventory.components) {
		const report = Object.hasOwn(signed.reports, id) ? signed.reports[id] : undefined;
		if (report === undefined) {
			findings.push({ code: 'component-missing', component: id, detail: `there is no report of ${quoted(id)}` });
		} else if (!isSignedBy(key, report, verify) || report.signed.device !== inventory.device) {
			const detail = `the report of ${quoted(id)} is not signed by its key, for this device`;
			findings.push({ code: 'signature-of-report', component: id, detail });
		} else if (report.signed.nonce !== signed.nonce || report.signed.counter !== signed.counter) {
			const detail = `the report of ${quoted(id)} was made for another manifest`;
			findings.push({ code: 'nonce-used', component: id, detail });
		} else findings.push(...timeFindings(report.signed.time, id, now));
	}
	for (const id of Object.keys(signed.reports)) {
		if (componentOf(inventory, id) !== undefined) continue;
		const detail = `the inventory has no component ${quoted(id)}`;
		findings.push({ code: 'component-unknown', component: id, detail });
	}
	return findings;
}

function timeFindings(text: string, component: string | undefined, now: number): ManifestFinding[] {
	const time = expiryTime(text) ?? 0;
	if (time <= now + timeTolerance.ahead && time >= now - timeTolerance.behind) return [];
	const detail = `it says ${text}, and it is ${new Date(now).toISOString()}`;
	return [{ code: 'time-implausible', ...(component === undefined ? {} : { component }), detail }];
}

function newness({ signed }: SignedManifest, context: ManifestContext): ManifestFinding[] {
	const findings: ManifestFinding[] = [];
	if (context.nonceUsed(signed.nonce)) findings.push({ code: 'nonce-used', detail: 'its nonce was used before' });
	if (signed.counter <= context.lastCounter) {
		const detail = `its counter is ${signed.counter}; the last one was ${context.lastCounter}`;
		findings.push({ code: 'counter-not-new', detail });
	}
	return findings;
}

/** By the key, whatever id it has: key ids are names, and the inventory has one key a component. */
function isSignedBy(
	key: TrustKey,
	document: { readonly signatures: readonly Signature[]; readonly signed: unknown },
	verify: VerifySignature,
): boolean {
	const signature = hexBytes(document.signatures[0]?.sig ?? '');
	return signature !== undefined && verify(key, canonicalJson(document.signed), signature);
}
