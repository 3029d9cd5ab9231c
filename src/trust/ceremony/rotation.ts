// The document that follows one that stands: keys added and removed, thresholds changed, the expiry extended. Changes come
// from a plan or one by one from the command line. It leaves out who signs it: for a root the old keys and the new.

import { CaissonError } from '../../errors.ts';
import { entriesOf, type KeyEntry, labelOf } from '../rules/ceremony/key-entry.ts';
import {
	type DelegationPlan,
	defaultDays,
	delegationPlan,
	nextRoot,
	nextTargets,
	planKeys,
	type RolePlan,
	type TopLevelRole,
	topLevel,
} from '../rules/ceremony/plan.ts';
import { quoted } from '../rules/metadata/failure.ts';
import type { Keys, Metadata, RootSigned, TargetsSigned } from '../rules/metadata/model.ts';
import { day } from '../rules/repository/settings.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import type { PlanFile } from './plan-file.ts';
import type { CeremonyWorld } from './world.ts';

/** Changes of the roles that are named; the others stay. */
export interface Changes {
	readonly roles: readonly string[];
	readonly add: readonly KeyEntry[];
	/** Labels or ids. */
	readonly remove: readonly string[];
	readonly threshold?: number;
	/** Milliseconds since the epoch. */
	readonly expires?: number;
}

type World = Pick<CeremonyWorld, 'sha256' | 'now'>;

/** @throws CaissonError trust-plan-invalid, usage-wrong; TrustFailure trust-metadata-malformed */
export function rootRotation(last: RootSigned, change: Changes | PlanFile, world: World): Outcome {
	const entries = entriesOf(last.keys);
	const planned = isPlan(change) ? change.roles.root?.expires : undefined;
	const expires = change.expires ?? planned ?? world.now() + defaultDays * day;
	let changed: Partial<Record<TopLevelRole, RolePlan>>;
	let named: readonly KeyEntry[];
	if (isPlan(change)) {
		if (change.delegations !== undefined) throw invalid('delegations: they stand in targets, not in root.');
		if (change.roles.targets?.expires !== undefined) throw elsewhere('roles.targets', 'targets');
		changed = change.roles;
		named = change.keys;
	} else {
		changed = {};
		for (const name of change.roles) {
			const role = topLevel.find((one) => one === name);
			if (role === undefined) throw wrong(`--role ${quoted(name)}: root names ${topLevel.join(', ')}.`);
			const before = { keys: planKeys(last.roles[role], entries), threshold: last.roles[role].threshold };
			changed[role] = { ...before, ...changedKeys(name, before, change) };
		}
		named = [...entries, ...change.add];
	}
	const signed = nextRoot(last, changed, expires);
	return outcomeOf(new Map([['root', { signed, before: last }]]), stillUsed(named, signed.keys, entries), world);
}

/**
 * @param role the name of the role whose document it is
 * @param root as it stands, where it is known: it tells which keys are the server's
 * @throws CaissonError trust-plan-invalid, usage-wrong; TrustFailure trust-metadata-malformed
 */
export function targetsRotation(
	role: string,
	last: TargetsSigned,
	change: Changes | PlanFile,
	world: World,
	root?: RootSigned,
): Outcome {
	const entries = entriesOf(last.delegations?.keys ?? {});
	const expires = change.expires ?? world.now() + defaultDays * day;
	let delegations: readonly DelegationPlan[] | undefined;
	let named: readonly KeyEntry[];
	if (isPlan(change)) {
		if (Object.keys(change.roles).length > 0) throw invalid('roles: those of the top level stand in root.');
		const dated = change.delegations?.find((each) => each.expires !== undefined);
		if (dated !== undefined) throw elsewhere(dated.name, dated.name);
		delegations = change.delegations;
		named = change.keys;
	} else {
		delegations = changedDelegations(last, entries, change);
		named = [...entries, ...change.add];
	}
	if (last.delegations?.succinct_roles !== undefined && delegations !== undefined) {
		throw new CaissonError(
			'trust-role-refused',
			`The document of ${quoted(role)} delegates to bins; roles do not fit beside.`,
		);
	}
	const signed = nextTargets(last, delegations, expires);
	const keys = stillUsed(named, signed.delegations?.keys ?? {}, entries);
	return outcomeOf(new Map([[role, { signed, before: last }]]), keys, world, root);
}

function changedDelegations(
	last: TargetsSigned,
	entries: readonly KeyEntry[],
	change: Changes,
): DelegationPlan[] | undefined {
	if (change.roles.length === 0) return undefined;
	const roles = last.delegations?.roles ?? [];
	const unknown = change.roles.find((name) => !roles.some((role) => role.name === name));
	if (unknown !== undefined) {
		throw wrong(`--role ${quoted(unknown)}: the document delegates to ${roles.map(({ name }) => name).join(', ')}.`);
	}
	return roles.map((role) => {
		const plan = delegationPlan(role, entries);
		return change.roles.includes(role.name) ? { ...plan, ...changedKeys(role.name, plan, change) } : plan;
	});
}

function changedKeys(name: string, before: Pick<RolePlan, 'keys' | 'threshold'>, change: Changes) {
	const is = (text: string) => (entry: KeyEntry) => entry.label === text || entry.keyid === text;
	const absent = change.remove.find((text) => !before.keys.some(is(text)));
	if (absent !== undefined) {
		const there = before.keys.map(({ label }) => label).join(', ');
		throw wrong(`--remove-key ${quoted(absent)}: the role ${quoted(name)} has the keys ${there}.`);
	}
	const double = change.add.find(({ keyid }) => before.keys.some((entry) => entry.keyid === keyid));
	if (double !== undefined) throw wrong(`--add-key: the role ${quoted(name)} has the key ${double.label} already.`);
	const twin = change.add.find(({ label }) => before.keys.some((entry) => entry.label === label));
	if (twin !== undefined && !change.remove.includes(twin.label)) {
		throw wrong(`--add-key: the role ${quoted(name)} has another key with the label ${twin.label}.`);
	}
	const kept = before.keys.filter((entry) => !change.remove.some((text) => is(text)(entry)));
	return { keys: [...kept, ...change.add], threshold: change.threshold ?? before.threshold };
}

/** A key that was removed is no key without a use. */
function stillUsed(named: readonly KeyEntry[], keys: Keys, before: readonly KeyEntry[]): KeyEntry[] {
	return named.filter(({ keyid }) => Object.hasOwn(keys, keyid) || !before.some((entry) => entry.keyid === keyid));
}

function isPlan(change: Changes | PlanFile): change is PlanFile {
	return 'keys' in change;
}

/** Labels of the keys of a role that must now sign the documents below anew, because its keys changed. */
export function mustSignAnew(before: Metadata<RootSigned>['signed'], after: RootSigned): string[] {
	const ids = ({ keyids, threshold }: { readonly keyids: readonly string[]; readonly threshold: number }) =>
		`${threshold} ${[...keyids].sort().join()}`;
	if (ids(before.roles.targets) === ids(after.roles.targets)) return [];
	return after.roles.targets.keyids.map((keyid) => labelOf(after.keys[keyid]) ?? keyid);
}

/** An expiry that would be passed over in silence. */
function elsewhere(place: string, role: string): CaissonError {
	const command = `caisson trust ceremony targets --from N.${role}.json --expires DAYS`;
	return invalid(`${place}: expires stands in the document of the role itself: ${command}`);
}

function invalid(message: string): CaissonError {
	return new CaissonError('trust-plan-invalid', message);
}

function wrong(message: string): CaissonError {
	return new CaissonError('usage-wrong', message);
}
