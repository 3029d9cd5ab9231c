// Targets: what is wanted of them, and which role signs them. It leaves out when a document says so (publisher.ts, and
// offer.ts for the roles that people sign).

import { CaissonError } from '../../errors.ts';
import { settingsOf } from '../publisher.ts';
import { canonicalText } from '../rules/metadata/canonical.ts';
import { pathHash, rolesForPath } from '../rules/metadata/delegation.ts';
import { quoted } from '../rules/metadata/failure.ts';
import { makeTargets } from '../rules/metadata/make.ts';
import type { TargetFile, TargetsSigned } from '../rules/metadata/model.ts';
import { targetPathFault } from '../rules/metadata/portable-paths.ts';
import type { TrustReader } from '../store.ts';
import { auditRow, committedDocuments, type RepositoryWorld } from './world.ts';

export interface WantedTarget {
	readonly path: string;
	/** Absent: the target is to be removed. */
	readonly target?: TargetFile;
	/** Keep the change back until it is released. */
	readonly held?: boolean;
}

/** The roles that own each path, by its place in the list. */
export type OwnerOf = (path: string) => string | undefined;

/** Who signs a path: the first role that is delegated to it, as a device searches. */
export async function ownersOf(world: RepositoryWorld, trust: TrustReader): Promise<OwnerOf> {
	const delegations = new Map<string, TargetsSigned['delegations']>();
	const { targets, delegated } = await committedDocuments(trust);
	if (targets === undefined) {
		throw new CaissonError('trust-not-bootstrapped', 'the repository has no root and targets yet');
	}
	delegations.set('targets', targets.signed.delegations);
	for (const [name, { signed }] of delegated) delegations.set(name, signed.delegations);
	for (const role of await trust.roles({ kind: 'delegated' })) {
		const beside = settingsOf(role).unknown as Pick<TargetsSigned, 'delegations'> | undefined;
		if (!delegations.has(role.name)) delegations.set(role.name, beside?.delegations);
	}
	return (path) => {
		let hash: string | undefined;
		const hashed = () => {
			hash ??= pathHash(path, world.sha256);
			return hash;
		};
		// A repository without any delegation lists its targets at the top.
		let owner = targets.signed.delegations === undefined ? 'targets' : undefined;
		const visited = new Set<string>();
		for (let at: string | undefined = 'targets'; at !== undefined; ) {
			visited.add(at);
			const { names } = rolesForPath(delegations.get(at), path, hashed);
			const next: string | undefined = names.find((name) => !visited.has(name));
			owner = next ?? owner;
			at = next;
		}
		return owner;
	};
}

/**
 * Sets what is wanted of targets. Those of online roles are served after the next publication, those of roles that
 * people sign after they have signed.
 * @throws CaissonError request-invalid naming the path, trust-target-unowned, trust-not-bootstrapped
 */
export async function changeTargets(
	world: RepositoryWorld,
	wanted: readonly WantedTarget[],
	by: string,
): Promise<void> {
	const bodies = wanted.map((one) => targetBody(one));
	await world.storage.commitTrust(async (unit) => {
		const ownerOf = await ownersOf(world, unit.trust);
		const changes = wanted.map(({ path, held = false }, index) => {
			const role = ownerOf(path);
			if (role === undefined) {
				throw new CaissonError('trust-target-unowned', `no role of the repository may sign the target ${quoted(path)}`);
			}
			return { path, role, wanted: bodies[index] ?? null, held };
		});
		await unit.trust.putTargets(changes);
		const detail = {
			targets: wanted.length,
			first: wanted[0]?.path,
			removed: bodies.filter((body) => body === null).length,
		};
		await unit.audit.append(auditRow(world, by, 'trust.targets', 'repository', detail));
	});
}

/** The canonical JSON of a target, which is put into documents as it is. */
function targetBody({ path, target }: WantedTarget): string | null {
	// A path is part of a URL and of file names on devices; clause 4.5 leaves its form to the repository.
	const fault = targetPathFault(path);
	if (fault !== undefined) throw new CaissonError('request-invalid', `the target ${quoted(path)} ${fault}`);
	if (target === undefined) return null;
	const checked = makeTargets({ version: 1, expires: '2000-01-01T00:00:00Z', targets: { [path]: target } });
	const body = canonicalText(checked.targets[path]);
	// Canonical JSON leaves control characters as they are, which is no JSON: such texts could not be served.
	if (/\p{Cc}/u.test(body))
		throw new CaissonError('request-invalid', `the target ${quoted(path)} holds a control character`);
	return body;
}

/**
 * Lets go what was held back: all, or the paths given; it is served after the next publication.
 * @returns how many
 */
export async function releaseTargets(
	world: RepositoryWorld,
	paths: readonly string[] | undefined,
	by: string,
): Promise<number> {
	return await world.storage.commitTrust(async (unit) => {
		const released = await unit.trust.releaseTargets(paths);
		const detail = { released, ...(paths !== undefined && { first: paths[0], paths: paths.length }) };
		if (released > 0) await unit.audit.append(auditRow(world, by, 'trust.release', 'repository', detail));
		return released;
	});
}
