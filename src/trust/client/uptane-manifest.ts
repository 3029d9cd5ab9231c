// What a device tells the director: which software each component runs, and what the last cycle found. The counter is
// durable before the manifest leaves, so that none is ever used twice. It leaves out where keys are, and the
// connection: send() takes one POST to the director.

import { join } from 'node:path';
import {
	type ManifestFacts,
	makeManifest,
	makeReport,
	type SignedManifest,
	type SignedReport,
} from '../rules/director/manifest.ts';
import { canonicalJson } from '../rules/metadata/canonical.ts';
import { expiryText } from '../rules/metadata/expiry.ts';
import type { Signature } from '../rules/metadata/model.ts';
import type { Step } from './durable-file.ts';
import { readStatus } from './trust-client.ts';
import { withUptane } from './uptane.ts';
import { keepUptaneState, recordOf } from './uptane-state.ts';

/** A key of a component. */
export interface ReportSigner {
	readonly keyid: string;
	sign(payload: Uint8Array): Promise<Uint8Array>;
}

export interface ReportingDevice {
	readonly device: string;
	readonly components: readonly { readonly id: string; readonly primary: boolean; readonly signer: ReportSigner }[];
}

export interface ManifestOptions {
	/** As verifyUpdate's. */
	readonly state: string;
	readonly device: ReportingDevice;
	/** Milliseconds since 1970. */
	readonly clock: () => number;
	/** Fresh random bytes, 16 or more. */
	readonly nonce: Uint8Array;
	readonly step?: Step;
}

/** The next manifest, signed. @throws CaissonError as verifyUpdate, key-unusable */
export async function makeSignedManifest(options: ManifestOptions): Promise<SignedManifest> {
	const { device, clock, step } = options;
	return withUptane(options.state, async (before) => {
		const state = { ...before, counter: before.counter + 1 };
		await keepUptaneState(options.state, state, step);
		const { floor } = await readStatus(join(options.state, 'director'));
		const primary = device.components.find((component) => component.primary);
		if (primary === undefined) throw new Error('a device has one primary component');
		const facts: ManifestFacts = {
			...{ device: device.device, primary: primary.id, counter: state.counter },
			time: expiryText(Math.max(clock(), floor.clock ?? 0, floor.signed?.at ?? 0)),
			nonce: Array.from(options.nonce, (byte) => byte.toString(16).padStart(2, '0')).join(''),
		};
		const reports: SignedReport[] = [];
		for (const { id, signer } of device.components) {
			const installed = recordOf(state, id).installed ?? null;
			const attack = id === primary.id ? state.attack : null;
			const signed = makeReport(facts, { id, installed, attack });
			reports.push({ signatures: [await signature(signer, signed)], signed });
		}
		const signed = makeManifest(facts, reports);
		return { signatures: [await signature(primary.signer, signed)], signed };
	});
}

async function signature(signer: ReportSigner, signed: unknown): Promise<Signature> {
	const bytes = await signer.sign(canonicalJson(signed));
	return { keyid: signer.keyid, sig: Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('') };
}
