// What a device keeps beside the trust in its two repositories: which release each component runs and which was verified
// for it, the counter of its manifests, the last attack. One file, replaced as a whole: it lies on the data partition,
// as the trust does. Unlike a status, it must not be lost unnoticed: it protects against older releases.

import { join } from 'node:path';
import { CaissonError } from '../../errors.ts';
import type { InstalledFile, ReportedAttack } from '../rules/director/manifest.ts';
import { readOptional, type Step, writeDurably } from './durable-file.ts';

export interface ComponentRecord {
	/** What was installed last, and confirmed. */
	readonly installed?: InstalledFile;
	/** The highest release counter that was ever installed. It never falls. */
	readonly releaseCounter: number;
	/** What was verified and handed to the installer, and is not confirmed yet. */
	readonly pending?: InstalledFile;
}

export interface UptaneState {
	readonly format: 1;
	/** Of the last manifest that was made; 0 before the first. */
	readonly counter: number;
	readonly components: Readonly<Record<string, ComponentRecord>>;
	/** Of the last cycle; null where it found nothing. */
	readonly attack: ReportedAttack | null;
	/** When both repositories were verified last: milliseconds since 1970 as judged then; 0 before the first. */
	readonly verified: number;
}

export const newUptaneState: UptaneState = { format: 1, counter: 0, components: {}, attack: null, verified: 0 };

const fileName = 'orders.json';

/** @throws CaissonError trust-state-missing before initialisation, trust-client-failed for a damaged file, file-unusable */
export async function loadUptaneState(folder: string): Promise<UptaneState> {
	const path = join(folder, fileName);
	const bytes = await readOptional(path);
	if (bytes === undefined) {
		throw new CaissonError(
			'trust-state-missing',
			`${folder} was not made ready for orders: begin with \`caisson trust client init-director\`.`,
		);
	}
	const state = parsed(bytes);
	if (state !== undefined) return state;
	throw new CaissonError('trust-client-failed', `${path} is damaged: what protects against older releases is lost.`);
}

export async function hasUptaneState(folder: string): Promise<boolean> {
	return (await readOptional(join(folder, fileName))) !== undefined;
}

/** Durable on return. */
export async function keepUptaneState(folder: string, state: UptaneState, step?: Step): Promise<void> {
	const text = `${JSON.stringify(state, undefined, '\t')}\n`;
	await writeDurably(join(folder, fileName), new TextEncoder().encode(text), step);
}

/** The record of a component; an empty one for a component that installed nothing yet. */
export function recordOf(state: UptaneState, component: string): ComponentRecord {
	const record = Object.hasOwn(state.components, component) ? state.components[component] : undefined;
	return record ?? { releaseCounter: 0 };
}

/** The state with this record in place of the component's. */
export function withRecord(state: UptaneState, component: string, record: ComponentRecord): UptaneState {
	return { ...state, components: { ...state.components, [component]: record } };
}

function parsed(bytes: Uint8Array): UptaneState | undefined {
	try {
		const value = JSON.parse(new TextDecoder().decode(bytes)) as UptaneState;
		const records = Object.values(value.components);
		const whole =
			value.format === 1 &&
			Number.isSafeInteger(value.counter) &&
			Number.isFinite(value.verified) &&
			records.every(({ releaseCounter }) => Number.isSafeInteger(releaseCounter));
		return whole ? value : undefined;
	} catch {
		return undefined;
	}
}
