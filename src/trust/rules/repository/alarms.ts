// When roles expire, and which of them somebody must look after now. Roles that people sign need people, who need time;
// roles that the server signs are signed again when a third of their time is left, so that less is a fault. It leaves
// out who is told (service.ts, status.ts).

import type { RoleSettings } from './role-settings.ts';
import { day, type RepositorySettings, type RoleKind } from './settings.ts';

export interface RoleExpiry {
	/** Of a role; of all bins of one delegation together it ends in `-*`. */
	readonly name: string;
	readonly kind: RoleKind;
	/** The server signs it. */
	readonly online: boolean;
	/** Milliseconds since the epoch; of bins the earliest. */
	readonly expires: number;
	/** How many roles it stands for, where it stands for bins. */
	readonly bins?: number;
}

interface DatedRole {
	readonly name: string;
	readonly kind: RoleKind;
	readonly delegator: string;
	readonly version: number;
	readonly expires: number;
}

/** Of every role that has a document, in the order given; the bins of a delegation are one entry. */
export function expiriesOf<Role extends DatedRole>(
	roles: readonly Role[],
	settingsOf: (role: Role) => RoleSettings,
): RoleExpiry[] {
	const found = new Map<string, RoleExpiry>();
	for (const role of roles) {
		if (role.version === 0) continue;
		const { name, kind, expires } = role;
		if (kind !== 'bin') {
			found.set(name, { name, kind, online: settingsOf(role).online, expires });
			continue;
		}
		const key = `bins of ${role.delegator}`;
		const before = found.get(key);
		found.set(key, {
			...{ name: name.replace(/-[0-9a-f]+$/, '-*'), kind, online: true },
			...{ expires: Math.min(expires, before?.expires ?? expires), bins: (before?.bins ?? 0) + 1 },
		});
	}
	return [...found.values()];
}

export interface Alarm {
	readonly role: string;
	/** Milliseconds since the epoch. */
	readonly expires: number;
	readonly state: 'expires-soon' | 'expired';
	readonly remedy: string;
}

/** The roles that somebody must look after, the most urgent first. */
export function alarmsOf(expiries: readonly RoleExpiry[], settings: RepositorySettings, now: number): Alarm[] {
	return expiries
		.filter(({ expires, ...role }) => expires - now < warningTime(role, settings))
		.sort((a, b) => a.expires - b.expires)
		.map(({ name, kind, online, expires }) => ({
			...{ role: name, expires, state: expires <= now ? 'expired' : 'expires-soon' },
			remedy: online
				? 'The server signs this role and has not: look for errors in its log, and whether it has the key (--trust-key).'
				: kind === 'root'
					? 'People sign a next root: caisson trust ceremony, then caisson trust offer.'
					: `People sign the next version: caisson trust pending prepare ${name}.`,
		}));
}

/** How long before its end a role is told of, in milliseconds. */
function warningTime({ kind, online }: Pick<RoleExpiry, 'kind' | 'online'>, { lifetimes }: RepositorySettings): number {
	const lists = kind === 'bin' || (online && (kind === 'targets' || kind === 'delegated'));
	const lifetime = lifetimes[kind === 'bin' || lists ? 'bins' : kind] * day;
	return online ? lifetime / 4 : Math.min(45 * day, lifetime / 3);
}
