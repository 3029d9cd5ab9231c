// A first ceremony from its plan: root, targets and the roles of people below it, version 1. It decides that every
// top-level role is there; the rest is judged by the rules.

import { CaissonError } from '../../errors.ts';
import { firstDocuments, onlineKeyids, roleKeys, type TopLevelRole, topLevel } from '../rules/ceremony/plan.ts';
import { isOnline } from '../rules/repository/role-settings.ts';
import { type Made, type Outcome, outcomeOf } from './outcome.ts';
import type { PlanFile } from './plan-file.ts';
import type { CeremonyWorld } from './world.ts';

/** @throws CaissonError trust-plan-invalid where a role is missing; TrustFailure trust-metadata-malformed */
export function firstCeremony(plan: PlanFile, world: Pick<CeremonyWorld, 'sha256' | 'now'>): Outcome {
	const missing = topLevel.filter((name) => plan.roles[name] === undefined);
	if (missing.length > 0) {
		throw new CaissonError('trust-plan-invalid', `roles: a first ceremony needs ${missing.join(', ')} as well.`);
	}
	if (plan.expires !== undefined) {
		throw new CaissonError('trust-plan-invalid', 'expires: in a first ceremony every role has its own.');
	}
	const roles = plan.roles as Required<Record<TopLevelRole, NonNullable<PlanFile['roles']['root']>>>;
	const online = onlineKeyids(roles.timestamp);
	const dated = plan.delegations?.find((each) => each.expires !== undefined && isOnline(roleKeys(each), online));
	if (dated !== undefined) {
		const rule = 'the server signs it, and its settings say how long that lasts (caisson trust settings)';
		throw new CaissonError('trust-plan-invalid', `${dated.name}: it has an expires, but ${rule}.`);
	}
	const documents = firstDocuments({ roles, delegations: plan.delegations ?? [] }, world.now());
	const made = new Map([...documents].map(([role, signed]): [string, Made] => [role, { signed }]));
	return outcomeOf(made, plan.keys, world);
}
