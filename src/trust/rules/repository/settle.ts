// Which of the documents that people are signing may be committed now. A document needs the signatures of its own role, a
// root those of the old and of the new root; and nothing may be committed that leaves another role without a document
// that its delegator's keys have signed. So a root with new keys for targets waits for a targets signed by them, and both
// are committed together. It decides and says what is missing; it stores nothing.

import { quoted } from '../metadata/failure.ts';
import type {
	Delegations,
	Keys,
	Metadata,
	RoleKeys,
	RootSigned,
	Signed,
	TargetsSigned,
	VerifySignature,
} from '../metadata/model.ts';
import { checkSignatures, type SignatureCheck } from '../metadata/threshold.ts';
import { isOnline, type OfflineDocuments } from './role-settings.ts';

/** Documents that are committed; no root before the first one is. */
export interface CommittedDocuments {
	readonly root?: Metadata<RootSigned>;
	readonly targets?: Metadata<TargetsSigned>;
	readonly delegated: ReadonlyMap<string, Metadata<TargetsSigned>>;
}

export interface WaitingDocument {
	readonly role: string;
	readonly version: number;
	/** Who signed and who may still, for each set of keys that must sign: two for a root that follows another. */
	readonly checks: readonly (SignatureCheck & { readonly by: string })[];
	/** Why it waits though it is signed. */
	readonly reason?: string;
}

export interface Settled {
	/** Roles whose pending documents may be committed, in the order in which they delegate. */
	readonly commit: readonly string[];
	/** What the repository says then. Undefined while there is no root. */
	readonly documents: OfflineDocuments | undefined;
	readonly waiting: readonly WaitingDocument[];
}

export interface SettleWorld {
	readonly verify: VerifySignature;
	/** Keys of the server: roles that it can sign alone need no document from people. */
	readonly onlineKeyids: ReadonlySet<string>;
}

type Pending = ReadonlyMap<string, Metadata<Signed>>;

/** One way to go on: which documents stand, which of them are new, and what is in the way. */
interface Attempt {
	readonly documents: OfflineDocuments;
	readonly commit: string[];
	readonly blocked: { readonly role: string; readonly reason: string } | undefined;
}

export function settle(committed: CommittedDocuments, pending: Pending, world: SettleWorld): Settled {
	const newRoot = pending.get('root') as Metadata<RootSigned> | undefined;
	const rootChecks = newRoot === undefined ? [] : checksOfRoot(newRoot, committed.root, world);
	const roots: Metadata<RootSigned>[] = [];
	if (newRoot !== undefined && rootChecks.every(({ missing }) => missing === 0)) roots.push(newRoot);
	if (committed.root !== undefined) roots.push(committed.root);
	const newTargets = pending.get('targets') as Metadata<TargetsSigned> | undefined;
	const known = [newTargets, committed.targets].filter((targets) => targets !== undefined);
	const attempts = roots.flatMap((root) =>
		(known.length === 0 ? [undefined] : known).map((targets) => attempt(root, targets, committed, pending, world)),
	);
	const chosen = attempts.find(({ blocked }) => blocked === undefined);
	const commit = chosen?.commit ?? [];
	const documents =
		chosen?.documents ?? (committed.root && ({ ...committed, root: committed.root } as OfflineDocuments));
	const blocked = attempts.find((each) => each.blocked !== undefined)?.blocked;
	return {
		...{ commit, documents },
		waiting: [...pending]
			.filter(([role]) => !commit.includes(role))
			.map(([role, metadata]) => {
				const checks = role === 'root' ? rootChecks : checksOf(role, metadata, documents, newRoot, world);
				const signed = checks.length > 0 && checks.every(({ missing }) => missing === 0);
				const reason = signed && blocked !== undefined ? blocked.reason : undefined;
				const version = metadata.signed.version;
				return { role, version, checks, ...(reason === undefined ? {} : { reason }) };
			}),
	};
}

function checksOfRoot(root: Metadata<RootSigned>, before: Metadata<RootSigned> | undefined, { verify }: SettleWorld) {
	const asked = [...(before === undefined ? [] : [before]), root];
	return asked.map(({ signed }) => ({
		...checkSignatures(signed.keys, signed.roles.root, root, verify),
		by: `root version ${signed.version}`,
	}));
}

/** Who must sign the document of a role that is not root: whoever delegates to it, as that stands and as it will. */
function checksOf(
	role: string,
	metadata: Metadata<Signed>,
	documents: OfflineDocuments | undefined,
	newRoot: Metadata<RootSigned> | undefined,
	{ verify }: SettleWorld,
) {
	if (role === 'targets') {
		const root = newRoot ?? documents?.root;
		if (root === undefined) return [];
		const { keys, roles, version } = root.signed;
		return [{ ...checkSignatures(keys, roles.targets, metadata, verify), by: `root version ${version}` }];
	}
	for (const [delegator, { signed }] of [
		['targets', documents?.targets] as const,
		...(documents?.delegated ?? []),
	].flatMap(([name, document]) => (document === undefined ? [] : [[name, document] as const]))) {
		const found = signed.delegations?.roles?.find(({ name }) => name === role);
		if (found === undefined || signed.delegations === undefined) continue;
		const check = checkSignatures(signed.delegations.keys, found, metadata, verify);
		return [{ ...check, by: `${delegator} version ${signed.version}` }];
	}
	return [];
}

function attempt(
	root: Metadata<RootSigned>,
	targets: Metadata<TargetsSigned> | undefined,
	committed: CommittedDocuments,
	pending: Pending,
	world: SettleWorld,
): Attempt {
	const commit: string[] = root === committed.root ? [] : ['root'];
	const { keys, roles, version } = root.signed;
	const nothing = { root, delegated: new Map<string, Metadata<TargetsSigned>>() };
	if (targets === undefined) return { documents: nothing, commit, blocked: undefined };
	const fits = isSigned(keys, roles.targets, targets, world);
	if (!fits && !(targets === committed.targets && isOnline(roles.targets, world.onlineKeyids))) {
		const reason = `targets version ${targets.signed.version} is not signed by the keys of root version ${version}`;
		return { documents: nothing, commit, blocked: { role: 'targets', reason } };
	}
	if (targets !== committed.targets) commit.push('targets');
	const delegated = new Map<string, Metadata<TargetsSigned>>();
	const blocked = settleDelegated(targets, delegated, commit, committed, pending, world);
	return { documents: { root, targets, delegated }, commit, blocked };
}

/** Walks the delegations and fills `delegated` and `commit`. @returns what is in the way */
function settleDelegated(
	targets: Metadata<TargetsSigned>,
	delegated: Map<string, Metadata<TargetsSigned>>,
	commit: string[],
	committed: CommittedDocuments,
	pending: Pending,
	world: SettleWorld,
): Attempt['blocked'] {
	const waiting: [string, Delegations | undefined][] = [['targets', targets.signed.delegations]];
	for (const [delegator, delegations] of waiting) {
		for (const role of delegations?.roles ?? []) {
			if (delegations === undefined || delegated.has(role.name)) continue;
			const before = committed.delegated.get(role.name);
			const offered = pending.get(role.name) as Metadata<TargetsSigned> | undefined;
			const found = [offered, before].find(
				(document) => document !== undefined && isSigned(delegations.keys, role, document, world),
			);
			if (found !== undefined) {
				delegated.set(role.name, found);
				if (found !== before) commit.push(role.name);
				waiting.push([role.name, found.signed.delegations]);
			} else if (before !== undefined && !isOnline(role, world.onlineKeyids)) {
				const reason = `the role ${quoted(role.name)} is to be signed by the keys that ${quoted(delegator)} names first`;
				return { role: role.name, reason };
			}
		}
	}
	return undefined;
}

function isSigned(keys: Keys, role: RoleKeys, metadata: Metadata<Signed>, { verify }: SettleWorld): boolean {
	return checkSignatures(keys, role, metadata, verify).missing === 0;
}
