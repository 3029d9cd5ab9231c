// Whether the keys and thresholds of a ceremony hold what they promise. Faults are refused: a role that nobody can sign,
// one that only looks hybrid, an online key that could sign what people are to sign. Warnings are told to the people, who
// decide. It judges documents, so that a plan, a rotation and a document that came by hand are judged alike.

import { expiryTime } from '../metadata/expiry.ts';
import { quoted } from '../metadata/failure.ts';
import { isPostQuantum, keyIdentity } from '../metadata/keys.ts';
import type { DelegatedRole, Delegations, Keys, RoleKeys, RootSigned, TargetsSigned } from '../metadata/model.ts';
import { pathPatternFault } from '../metadata/portable-paths.ts';
import { roleFaults } from '../metadata/role-rules.ts';
import { isOnline } from '../repository/role-settings.ts';
import { day } from '../repository/settings.ts';
import { isLabel, keyName, labelRule } from './key-entry.ts';

export interface Findings {
	/** Sentences; with any of these nothing is written or signed. */
	readonly faults: readonly string[];
	readonly warnings: readonly string[];
}

/** Who keeps the key; undefined where nobody said. */
export type Holders = (keyid: string) => string | undefined;

export interface DocumentsToCheck {
	readonly root?: RootSigned;
	/** Where no root is to be judged: the one that stands, which tells the keys of the server. */
	readonly standing?: RootSigned;
	/** Documents that delegate or list targets, by role. */
	readonly targets: ReadonlyMap<string, TargetsSigned>;
}

/** Judges root and targets together, as far as they are there. @param now milliseconds since the epoch */
export function checkDocuments(documents: DocumentsToCheck, now: number, holders: Holders = () => undefined): Findings {
	const faults: string[] = [];
	const warnings: string[] = [];
	const { root } = documents;
	const online = new Set((root ?? documents.standing)?.roles.timestamp.keyids);
	if (root !== undefined) checkRoot(root, online, faults, warnings);
	for (const { delegations } of documents.targets.values()) {
		if (delegations !== undefined) checkDelegations(delegations, online, faults, warnings);
	}
	for (const [name, { expires }] of [...(root ? [['root', root] as const] : []), ...documents.targets]) {
		checkExpiry(name, expires, now, faults, warnings);
	}
	warnings.push(...sharedHolders(documents, online, holders));
	return { faults: [...new Set(faults)], warnings: [...new Set(warnings)] };
}

function checkRoot(root: RootSigned, online: ReadonlySet<string>, faults: string[], warnings: string[]): void {
	const { keys, roles } = root;
	for (const [name, role] of Object.entries(roles)) faults.push(...roleFaults(name, keys, role));
	faults.push(...doubleKeys('root', keys));
	if (isOnline(roles.root, online)) {
		faults.push('The keys of the server (those of timestamp) reach the threshold of root: whoever breaks in owns it.');
	}
	if (roles.root.threshold === 1) {
		warnings.push('The role root has a threshold of 1: whoever gets one of its keys owns every device.');
	}
	for (const name of ['root', 'targets'] as const) checkOffline(name, keys, roles[name], online, warnings);
	if (Object.values(keys).some(isPostQuantum)) {
		warnings.push(
			'The root has post-quantum keys: clients before TAP 21 cannot read it (python-tuf 5.1 fails) or count classic keys only ' +
				'(tuf-js), so a role that needs both kinds is refused by them.',
		);
	}
}

function checkOffline(name: string, keys: Keys, role: RoleKeys, online: ReadonlySet<string>, warnings: string[]): void {
	const shared = role.keyids.filter((keyid) => online.has(keyid));
	if (shared.length > 0) {
		const names = shared.map((keyid) => keyName(keyid, keys)).join(', ');
		warnings.push(`The role ${quoted(name)} is signed by people, but a key of the server is among its keys: ${names}.`);
	}
	if (role.threshold > 1 && role.keyids.length === role.threshold) {
		warnings.push(
			`The role ${quoted(name)} needs all of its ${role.threshold} keys: when one is lost, nobody can sign it again.`,
		);
	}
	if (role.keyids.length === 1) {
		warnings.push(`The role ${quoted(name)} has one key: when it is lost, nobody can sign it again.`);
	}
}

function checkDelegations(
	delegations: Delegations,
	online: ReadonlySet<string>,
	faults: string[],
	warnings: string[],
): void {
	const { keys, roles = [], succinct_roles: bins } = delegations;
	faults.push(...doubleKeys('the delegations', keys));
	if (bins !== undefined) faults.push(...roleFaults(bins.name_prefix, keys, bins));
	for (const [index, role] of roles.entries()) {
		faults.push(...roleFaults(role.name, keys, role));
		if (!isLabel(role.name)) faults.push(`The role ${quoted(role.name)} must be called by ${labelRule}.`);
		for (const pattern of role.paths ?? []) {
			const fault = pathPatternFault(pattern);
			if (fault !== undefined) faults.push(`The path ${quoted(pattern)} of the role ${quoted(role.name)} ${fault}.`);
		}
		if (role.paths?.length === 0) faults.push(`The role ${quoted(role.name)} is trusted for no path.`);
		// Without a root nobody knows which keys are the server's.
		if (online.size === 0 || isOnline(role, online)) continue;
		checkOffline(role.name, keys, role, online, warnings);
		checkOrder(role, roles.slice(0, index), roles.slice(index + 1), online, faults, warnings);
	}
}

/** Clause 5.6.7: roles are searched in order, and a terminating one ends the search. */
function checkOrder(
	role: DelegatedRole,
	before: readonly DelegatedRole[],
	behind: readonly DelegatedRole[],
	online: ReadonlySet<string>,
	faults: string[],
	warnings: string[],
): void {
	const isFallback = (other: DelegatedRole) => other.paths === undefined && isOnline(other, online);
	for (const { name } of before.filter(isFallback)) {
		const rule = 'the server could then sign what people are to sign; put it behind';
		faults.push(`The online role ${quoted(name)} is asked before ${quoted(role.name)} for the same paths: ${rule}.`);
	}
	const fallback = behind.find(isFallback);
	if (fallback === undefined || role.terminating) return;
	const rule = `a path of it that people did not sign is looked for in the online role ${quoted(fallback.name)}`;
	warnings.push(`The role ${quoted(role.name)} is not terminating: ${rule}.`);
}

const longest: Readonly<Record<string, number>> = { root: 731 };
const longestOther = 400;
const shortest = 7;

function checkExpiry(name: string, expires: string, now: number, faults: string[], warnings: string[]): void {
	const days = ((expiryTime(expires) ?? 0) - now) / day;
	const most = longest[name] ?? longestOther;
	if (days <= 0) faults.push(`The document of ${quoted(name)} would expire at ${expires}, which is past.`);
	else if (days > most) {
		const rule = `a stolen key stays useful for as long; ${most} days are enough`;
		warnings.push(`The document of ${quoted(name)} lasts ${Math.round(days)} days: ${rule}.`);
	} else if (days < shortest) {
		const rule = 'people must meet again before that';
		warnings.push(`The document of ${quoted(name)} lasts less than ${shortest} days: ${rule}.`);
	}
}

function doubleKeys(where: string, keys: Keys): string[] {
	const seen = new Map<string, string>();
	return Object.entries(keys).flatMap(([keyid, key]) => {
		const identity = keyIdentity(key);
		const first = seen.get(identity);
		seen.set(identity, keyid);
		if (first === undefined) return [];
		return [`A key of ${where} is listed twice: ${keyName(first, keys)} and ${keyName(keyid, keys)} are the same.`];
	});
}

/** One person with keys of several roles, or with several keys of one, weakens what a threshold promises. */
function sharedHolders({ root, targets }: DocumentsToCheck, online: ReadonlySet<string>, holders: Holders): string[] {
	const rolesOf = new Map<string, Map<string, number>>();
	const note = (name: string, keys: Keys, role: RoleKeys) => {
		for (const keyid of role.keyids) {
			const holder = holders(keyid) ?? keyName(keyid, keys);
			const own = rolesOf.get(holder) ?? new Map<string, number>();
			own.set(name, (own.get(name) ?? 0) + 1);
			rolesOf.set(holder, own);
		}
	};
	if (root !== undefined) for (const name of ['root', 'targets'] as const) note(name, root.keys, root.roles[name]);
	for (const { delegations } of targets.values()) {
		for (const role of delegations?.roles ?? []) {
			if (!isOnline(role, online)) note(role.name, delegations?.keys ?? {}, role);
		}
	}
	const warnings: string[] = [];
	const together = new Map<string, string[]>();
	for (const [holder, roles] of rolesOf) {
		for (const [name, count] of roles) {
			if (count > 1)
				warnings.push(`${holder} holds ${count} keys of the role ${quoted(name)}: they count as one person.`);
		}
		if (roles.size < 2) continue;
		const names = [...roles.keys()].join(' and ');
		together.set(names, [...(together.get(names) ?? []), holder]);
	}
	for (const [names, people] of together) {
		const hold = people.length === 1 ? 'holds' : 'hold';
		warnings.push(`${people.join(', ')} ${hold} keys of ${names}: whoever forces them once can sign both.`);
	}
	return warnings;
}
