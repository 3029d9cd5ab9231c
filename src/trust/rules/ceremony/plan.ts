// What a ceremony agrees on: which keys sign which role, how many of them must, how long it lasts. From it the unsigned
// documents are made, the first ones and those that follow. It leaves out whether the plan is wise (checks.ts) and how it
// is written down (ceremony/plan-file.ts).

import { expiryText } from '../metadata/expiry.ts';
import { makeRoot, makeTargets, nextVersion } from '../metadata/make.ts';
import type { DelegatedRole, Delegations, Keys, RoleKeys, RootSigned, TargetsSigned } from '../metadata/model.ts';
import { everyPathHashPrefix } from '../metadata/portable-paths.ts';
import { isOnline } from '../repository/role-settings.ts';
import { day } from '../repository/settings.ts';
import { type KeyEntry, listedKey } from './key-entry.ts';

export const topLevel = ['root', 'targets', 'snapshot', 'timestamp'] as const;
export type TopLevelRole = (typeof topLevel)[number];

export interface RolePlan {
	readonly keys: readonly KeyEntry[];
	readonly threshold: number;
	/** Of the role's own document, where people sign it; milliseconds since the epoch. */
	readonly expires?: number;
}

export interface DelegationPlan extends RolePlan {
	readonly name: string;
	readonly terminating: boolean;
	/** Patterns; absent for a role that is trusted for every path. */
	readonly paths?: readonly string[];
}

export interface CeremonyPlan {
	readonly roles: Readonly<Record<TopLevelRole, RolePlan>>;
	/** In order of priority. */
	readonly delegations: readonly DelegationPlan[];
}

/** How long documents last where the plan does not say: a year. */
export const defaultDays = 365;

/** The unsigned documents of a first ceremony, by role. */
export function firstDocuments(plan: CeremonyPlan, now: number): Map<string, RootSigned | TargetsSigned> {
	const { roles } = plan;
	const documents = new Map<string, RootSigned | TargetsSigned>();
	const dated = (role: RolePlan) => ({ version: 1, expires: expiryOf(role, now) });
	const keys = keysOf(topLevel.map((name) => roles[name]));
	documents.set('root', makeRoot({ ...dated(roles.root), keys, roles: rolesOf(roles) }));
	const delegations = delegationsOf(plan.delegations);
	documents.set('targets', makeTargets({ ...dated(roles.targets), targets: {}, ...(delegations && { delegations }) }));
	const online = onlineKeyids(roles.timestamp);
	for (const role of plan.delegations) {
		if (isOnline(roleKeys(role), online)) continue;
		documents.set(role.name, makeTargets({ ...dated(role), targets: {} }));
	}
	return documents;
}

/** The root that follows `last`: the roles that `changed` names are as it says, the others stay. */
export function nextRoot(
	last: RootSigned,
	changed: Partial<Record<TopLevelRole, RolePlan>>,
	expires: number,
): RootSigned {
	const roles = { ...last.roles };
	let keys: Keys = { ...last.keys };
	for (const name of topLevel) {
		const plan = changed[name];
		if (plan === undefined) continue;
		roles[name] = { ...last.roles[name], ...roleKeys(plan) };
		keys = { ...keys, ...withLabelsOf(keys, keysOf([plan])) };
	}
	return nextVersion(last, { keys: usedKeys(keys, Object.values(roles)), roles, expires: expiryText(expires) });
}

/** The targets document that follows `last`; with `delegations` it hands trust to exactly these roles. */
export function nextTargets(
	last: TargetsSigned,
	delegations: readonly DelegationPlan[] | undefined,
	expires: number,
): TargetsSigned {
	const dated = { expires: expiryText(expires) };
	if (delegations === undefined) return nextVersion(last, dated);
	const before = last.delegations;
	const made = delegationsOf(delegations, before);
	if (made !== undefined) return nextVersion(last, { ...dated, delegations: made });
	const { delegations: _, ...rest } = last;
	return nextVersion(rest as TargetsSigned, dated);
}

/** What a document says of a role that it delegates to, as a plan, to be changed. */
export function delegationPlan(role: DelegatedRole, entries: readonly KeyEntry[]): DelegationPlan {
	const { name, threshold, terminating, paths } = role;
	return { ...{ name, threshold, terminating, keys: planKeys(role, entries) }, ...(paths && { paths }) };
}

/** The keys of a role as entries, in its order. A key that the document does not hold is left out. */
export function planKeys(role: RoleKeys, entries: readonly KeyEntry[]): KeyEntry[] {
	return role.keyids.flatMap((keyid) => entries.find((entry) => entry.keyid === keyid) ?? []);
}

/** The keys that sign timestamps are those of the server. */
export function onlineKeyids(timestamp: { readonly keys: readonly KeyEntry[] }): ReadonlySet<string> {
	return new Set(timestamp.keys.map(({ keyid }) => keyid));
}

export function roleKeys({ keys, threshold }: Pick<RolePlan, 'keys' | 'threshold'>): RoleKeys {
	return { keyids: keys.map(({ keyid }) => keyid), threshold };
}

function rolesOf(roles: CeremonyPlan['roles']): RootSigned['roles'] {
	const { root, timestamp, snapshot, targets } = roles;
	return {
		root: roleKeys(root),
		timestamp: roleKeys(timestamp),
		snapshot: roleKeys(snapshot),
		targets: roleKeys(targets),
	};
}

function keysOf(roles: readonly Pick<RolePlan, 'keys'>[]): Keys {
	return Object.fromEntries(roles.flatMap(({ keys }) => keys.map((entry) => [entry.keyid, listedKey(entry)])));
}

function delegationsOf(plans: readonly DelegationPlan[], before?: Delegations): Delegations | undefined {
	if (plans.length === 0) return undefined;
	const roles = plans.map(({ name, terminating, paths, ...plan }): DelegatedRole => {
		const last = before?.roles?.find((role) => role.name === name);
		const { paths: _, path_hash_prefixes: lastPrefixes, ...rest } = last ?? ({} as Partial<DelegatedRole>);
		const scope = paths === undefined ? { path_hash_prefixes: lastPrefixes ?? everyPathHashPrefix } : { paths };
		return { ...rest, ...roleKeys(plan), ...{ name, terminating }, ...scope };
	});
	const keys = { ...before?.keys, ...withLabelsOf(before?.keys ?? {}, keysOf(plans)) };
	return { ...before, keys: usedKeys(keys, roles), roles };
}

/** Keys that were there stay as they are, with all their fields. */
function withLabelsOf(before: Keys, keys: Keys): Keys {
	return Object.fromEntries(
		Object.entries(keys).map(([keyid, key]) => [keyid, Object.hasOwn(before, keyid) ? (before[keyid] ?? key) : key]),
	);
}

function usedKeys(keys: Keys, roles: readonly RoleKeys[]): Keys {
	const used = new Set(roles.flatMap(({ keyids }) => keyids));
	return Object.fromEntries(Object.entries(keys).filter(([keyid]) => used.has(keyid)));
}

function expiryOf({ expires }: RolePlan, now: number): string {
	return expiryText(expires ?? now + defaultDays * day);
}
