// What a repository is told once and keeps: its bins, how long signatures of each role last, how much of the past is
// kept. It decides which settings are allowed. It leaves out keys and thresholds, which root and targets say.

import { CaissonError } from '../../../errors.ts';
import { maximumBitLength } from '../metadata/role-rules.ts';

export const day = 86_400_000;

export type RoleKind = 'root' | 'timestamp' | 'snapshot' | 'targets' | 'delegated' | 'bin';

export interface RepositorySettings {
	/** TAP 15: 2 to the power of bitLength bins, delegated by the role `role`, which the online key signs. */
	readonly bins: { readonly role: string; readonly bitLength: number; readonly namePrefix: string };
	/** Days that a signature by the online key lasts. Offline roles: what is proposed to those who sign. */
	readonly lifetimes: {
		readonly root: number;
		readonly targets: number;
		readonly delegated: number;
		readonly bins: number;
		readonly snapshot: number;
		readonly timestamp: number;
	};
	/** Documents of each online role that are kept beside the current one, so that devices in the middle of a refresh finish. */
	readonly keptVersions: number;
}

/** A device that was not served for a day notices; an operator has a week for a broken online signer. */
export const defaultSettings: RepositorySettings = {
	bins: { role: 'bins', bitLength: 8, namePrefix: 'bin' },
	lifetimes: { root: 365, targets: 365, delegated: 365, bins: 90, snapshot: 30, timestamp: 7 },
	keptVersions: 5,
};

/** @throws CaissonError request-invalid naming the field */
export function checkSettings(settings: RepositorySettings): RepositorySettings {
	const { bins, lifetimes, keptVersions } = settings;
	whole('bins.bitLength', bins.bitLength, 1, maximumBitLength);
	for (const field of ['role', 'namePrefix'] as const) {
		if (!/^[A-Za-z0-9][-A-Za-z0-9_.]{0,63}$/.test(bins[field])) {
			refuse(`bins.${field}`, 'is a name of letters, digits, "-", "_" and ".", 64 characters at most');
		}
	}
	for (const [role, days] of Object.entries(lifetimes)) whole(`lifetimes.${role}`, days, 1, 36_500);
	whole('keptVersions', keptVersions, 1, 10_000);
	return settings;
}

function whole(field: string, value: unknown, least: number, most: number): void {
	if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return;
	refuse(field, `is a whole number from ${least} to ${most}`);
}

function refuse(field: string, rule: string): never {
	throw new CaissonError('request-invalid', `${field}: ${rule}`);
}
