// What a repository keeps of each role beside its documents: who signs it, and whether the server does. It is derived
// from the documents that delegate (root, targets and so on) whenever one of them is committed.

import { binName } from '../metadata/delegation.ts';
import type { DelegatedRole, Delegations, Metadata, RoleKeys, RootSigned, TargetsSigned } from '../metadata/model.ts';
import type { RepositorySettings, RoleKind } from './settings.ts';

export interface RoleSettings {
	readonly keyids: readonly string[];
	readonly threshold: number;
	/** Enough of the keys are the server's: it signs this role by itself. */
	readonly online: boolean;
	/** Fields of `signed` that an online role's document has beside those that are made: its delegations above all. */
	readonly unknown?: Readonly<Record<string, unknown>>;
}

export interface DerivedRole {
	readonly name: string;
	readonly kind: RoleKind;
	readonly delegator: string;
	readonly settings: RoleSettings;
}

/** The documents of the roles that people sign, as far as they exist. */
export interface OfflineDocuments {
	readonly root: Metadata<RootSigned>;
	readonly targets?: Metadata<TargetsSigned>;
	/** By name. */
	readonly delegated: ReadonlyMap<string, Metadata<TargetsSigned>>;
}

/** Are so many of the role's keys the server's that it can sign alone? */
export function isOnline(role: RoleKeys, onlineKeyids: ReadonlySet<string>): boolean {
	return new Set(role.keyids.filter((keyid) => onlineKeyids.has(keyid))).size >= role.threshold;
}

/**
 * All roles of the repository, in the order in which they delegate: the top-level ones, delegated ones, bins. The role
 * that the settings name for bins, where targets delegates to it and the server signs it, delegates to them.
 */
export function deriveRoles(
	documents: OfflineDocuments,
	settings: RepositorySettings,
	onlineKeyids: ReadonlySet<string>,
): DerivedRole[] {
	const { roles } = documents.root.signed;
	const derived: DerivedRole[] = [];
	const known = new Set<string>();
	const add = (name: string, kind: RoleKind, delegator: string, keys: RoleKeys, unknown?: Record<string, unknown>) => {
		// A role that two delegate to is the first one's (clause 5.6.7: it is visited once).
		if (known.has(name)) return false;
		known.add(name);
		const { keyids, threshold } = keys;
		const online = kind !== 'root' && isOnline(keys, onlineKeyids);
		derived.push({
			...{ name, kind, delegator },
			settings: { keyids, threshold, online, ...(unknown === undefined ? {} : { unknown }) },
		});
		return true;
	};
	for (const name of ['root', 'timestamp', 'snapshot'] as const) add(name, name, '', roles[name]);
	add('targets', 'targets', '', roles.targets, madeBeside(documents.targets));
	const waiting: [string, Delegations | undefined][] = [['targets', documents.targets?.signed.delegations]];
	for (const [delegator, delegations] of waiting) {
		for (const role of delegations?.roles ?? []) {
			const own = delegationsOf(role, delegations, documents, settings, onlineKeyids);
			const unknown = own === undefined ? undefined : { delegations: own };
			// Once only: a role may delegate to itself, or to one above.
			if (add(role.name, 'delegated', delegator, role, unknown)) waiting.push([role.name, own]);
		}
		const bins = delegations?.succinct_roles;
		for (let index = 0; bins !== undefined && index < 2 ** bins.bit_length; index++) {
			add(binName(bins, index), 'bin', delegator, bins);
		}
	}
	return derived;
}

/** What an online targets document says beside its targets, which the server makes. */
function madeBeside(metadata: Metadata<TargetsSigned> | undefined): Record<string, unknown> | undefined {
	if (metadata === undefined) return undefined;
	const { _type, version, expires, spec_version, targets, ...beside } = metadata.signed;
	return beside;
}

function delegationsOf(
	role: DelegatedRole,
	delegator: Delegations | undefined,
	{ delegated }: OfflineDocuments,
	{ bins }: RepositorySettings,
	onlineKeyids: ReadonlySet<string>,
): Delegations | undefined {
	const document = delegated.get(role.name);
	if (document !== undefined) return document.signed.delegations;
	if (role.name !== bins.role || !isOnline(role, onlineKeyids)) return undefined;
	const { keyids, threshold } = role;
	const keys = Object.fromEntries(keyids.flatMap((id) => (delegator?.keys[id] ? [[id, delegator.keys[id]]] : [])));
	return {
		keys: keys as Delegations['keys'],
		succinct_roles: { keyids, threshold, bit_length: bins.bitLength, name_prefix: bins.namePrefix },
	};
}
