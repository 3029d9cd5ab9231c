// Which roles are asked about a target path, and in which order: delegations by pattern, by hash prefix and by succinct
// bins (TAP 15), searched in pre-order with terminating delegations, each role once and no more roles than the caller
// allows (clause 5.6.7). Loading a role is the caller's: the search is a generator that asks for one role after the other.

import { quoted, TrustFailure } from './failure.ts';
import type {
	DelegatedRole,
	Delegations,
	RoleKeys,
	Sha256,
	SuccinctRoles,
	TargetFile,
	TargetsSigned,
} from './model.ts';
import { matchesPathPattern } from './path-pattern.ts';

/** The SHA-256 of a path, in hex: what hash prefixes and bins are chosen by. */
export function pathHash(path: string, sha256: Sha256): string {
	return sha256(new TextEncoder().encode(path));
}

/** Whether the role is trusted for this path by its delegation. */
export function isDelegatedPath(role: DelegatedRole, path: string, hash: () => string): boolean {
	if (role.paths !== undefined) return role.paths.some((pattern) => matchesPathPattern(path, pattern));
	return role.path_hash_prefixes?.some((prefix) => hash().startsWith(prefix)) ?? false;
}

/** How many hex digits the number of a bin has. */
function binDigits(bitLength: number): number {
	return (2 ** bitLength - 1).toString(16).length;
}

/** The name of bin `index`, 0 to 2^bit_length - 1. */
export function binName(roles: Pick<SuccinctRoles, 'bit_length' | 'name_prefix'>, index: number): string {
	return `${roles.name_prefix}-${index.toString(16).padStart(binDigits(roles.bit_length), '0')}`;
}

/** The number of the bin for a path: the leftmost `bit_length` bits of the hash of the path (TAP 15). */
export function binIndex(bitLength: number, pathHash: string): number {
	return Math.floor(Number.parseInt(pathHash.slice(0, 8), 16) / 2 ** (32 - bitLength));
}

/** Whether `name` is one of the bins, written exactly as binName writes it. */
export function isBin(roles: Pick<SuccinctRoles, 'bit_length' | 'name_prefix'>, name: string): boolean {
	const prefix = `${roles.name_prefix}-`;
	const digits = name.slice(prefix.length);
	if (!name.startsWith(prefix) || digits.length !== binDigits(roles.bit_length) || !/^[0-9a-f]+$/.test(digits))
		return false;
	return Number.parseInt(digits, 16) < 2 ** roles.bit_length;
}

/** The keys and threshold that `delegations` demands of the role, or undefined where it does not delegate to it. */
export function delegatedKeys(delegations: Delegations | undefined, role: string): RoleKeys | undefined {
	const succinct = delegations?.succinct_roles;
	if (succinct !== undefined) return isBin(succinct, role) ? succinct : undefined;
	return delegations?.roles?.find(({ name }) => name === role);
}

/** The roles trusted for a path, in order of priority; after a terminating one, the last here, nobody else is asked. */
export interface RolesForPath {
	readonly names: readonly string[];
	readonly terminating: boolean;
}

export function rolesForPath(delegations: Delegations | undefined, path: string, hash: () => string): RolesForPath {
	const bins = delegations?.succinct_roles;
	// Bins are terminating (TAP 15): every path has exactly one.
	if (bins !== undefined) return { names: [binName(bins, binIndex(bins.bit_length, hash()))], terminating: true };
	const names: string[] = [];
	for (const role of delegations?.roles ?? []) {
		if (!isDelegatedPath(role, path, hash)) continue;
		names.push(role.name);
		if (role.terminating) return { names, terminating: true };
	}
	return { names, terminating: false };
}

/** A role that the search wants to see, as trusted by this delegator. */
export interface RoleStep {
	readonly role: string;
	readonly delegator: string;
}

/** What the search found, and in which role. */
export interface FoundTarget {
	readonly path: string;
	readonly file: TargetFile;
	readonly role: string;
}

/**
 * The search for a target, clause 5.6.7. Each step names a role; give its verified document to `next`. The first is the
 * top-level `targets`. A role is asked once, by the delegator that is first in order.
 * @throws TrustFailure trust-target-unknown where no role lists the path, trust-delegations-exceeded where more than
 * `maximumRoles` roles would have to be asked
 */
export function* searchTarget(
	path: string,
	maximumRoles: number,
	sha256: Sha256,
): Generator<RoleStep, FoundTarget, TargetsSigned> {
	let hashed: string | undefined;
	const hash = () => {
		hashed ??= pathHash(path, sha256);
		return hashed;
	};
	const visited = new Set<string>();
	let pending: RoleStep[] = [{ role: 'targets', delegator: 'root' }];
	for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
		if (visited.has(step.role)) continue;
		if (visited.size >= maximumRoles) {
			throw new TrustFailure(
				'trust-delegations-exceeded',
				`the search for ${quoted(path)} met more than ${maximumRoles} roles`,
				{ target: path, role: step.role },
			);
		}
		visited.add(step.role);
		const { role } = step;
		const signed = yield step;
		const file = Object.hasOwn(signed.targets, path) ? signed.targets[path] : undefined;
		if (file !== undefined) return { path, file, role };
		const { names, terminating } = rolesForPath(signed.delegations, path, hash);
		if (terminating) pending = [];
		for (const name of names.toReversed()) pending.push({ role: name, delegator: role });
	}
	throw new TrustFailure('trust-target-unknown', `no trusted role lists the target ${quoted(path)}`, { target: path });
}
