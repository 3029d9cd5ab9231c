// What a document must fulfil before signatures for it are collected: its version, its expiry, keys that can reach their
// thresholds, and only signatures that count. It leaves out whether there are enough of them (rules/repository/settle.ts).

import { CaissonError } from '../../errors.ts';
import { canonicalText } from '../rules/metadata/canonical.ts';
import { isBin } from '../rules/metadata/delegation.ts';
import { isExpired } from '../rules/metadata/expiry.ts';
import { quoted } from '../rules/metadata/failure.ts';
import type {
	Keys,
	Metadata,
	RoleKeys,
	RootSigned,
	Signature,
	Signed,
	TargetsSigned,
} from '../rules/metadata/model.ts';
import { pathPatternFault } from '../rules/metadata/portable-paths.ts';
import { maximumBitLength, roleFaults } from '../rules/metadata/role-rules.ts';
import { isOnline } from '../rules/repository/role-settings.ts';
import type { RepositorySettings } from '../rules/repository/settings.ts';
import type { CommittedDocuments } from '../rules/repository/settle.ts';
import type { TrustReader } from '../store.ts';
import { committedDocuments, pendingDocuments, type RepositoryWorld, repositorySettings } from './world.ts';

/** What a document must fulfil before signatures for it are collected. */
export async function checkOffer(
	world: RepositoryWorld,
	trust: TrustReader,
	role: string,
	metadata: Metadata<Signed>,
): Promise<void> {
	const committed = await committedDocuments(trust);
	const pending = await pendingDocuments(trust);
	const expected = ((await trust.role(role))?.version ?? 0) + 1;
	const { version } = metadata.signed;
	if (version !== expected) {
		const rule = `the next version of ${quoted(role)} is ${expected}`;
		throw new CaissonError('trust-version-refused', `version ${version} is not it: ${rule}`);
	}
	if (isExpired(metadata.signed, world.now())) {
		throw new CaissonError(
			'trust-expired',
			`the ${quoted(role)} that is offered expired at ${metadata.signed.expires}`,
		);
	}
	const { bins } = await repositorySettings(trust);
	const faults = [...keyFaults(metadata.signed), ...delegationFaults(metadata.signed, bins)];
	for (const fault of faults) throw new CaissonError('trust-role-refused', fault);
	refuseWithoutServer(metadata.signed, world);
	const allowed = signersOf(role, metadata, committed, pending, world);
	if (allowed.length === 0) {
		const rule =
			committed.root === undefined && !pending.has('root')
				? 'the repository has no root yet: offer that first'
				: 'no document that is known delegates to it';
		throw new CaissonError('trust-role-unknown', `${quoted(role)} cannot be offered: ${rule}`);
	}
	for (const signature of metadata.signatures) checkSignature(world, role, metadata, signature, allowed);
}

/**
 * Whoever may only bring documents must not take the next version away from those who sign: somebody of the role has
 * signed already, and of a root somebody whom the devices know.
 */
export async function requireSigner(trust: TrustReader, role: string, { signatures }: Metadata<Signed>): Promise<void> {
	const { root } = await committedDocuments(trust);
	const known = role === 'root' ? root?.signed.roles.root.keyids : undefined;
	if (signatures.some(({ keyid }) => known === undefined || known.includes(keyid))) return;
	const whom = known === undefined ? 'one of its keys' : `a key of root version ${root?.signed.version}`;
	throw new CaissonError('trust-signature-refused', `${quoted(role)} is offered when ${whom} has signed it`);
}

/** What other clients, or the bins, would read differently than its author meant. */
function delegationFaults(signed: Signed, bins: RepositorySettings['bins']): readonly string[] {
	if (signed._type !== 'targets' || signed.delegations === undefined) return [];
	const { roles = [], succinct_roles: succinct } = signed.delegations;
	const faults: string[] = [];
	for (const { name, paths = [] } of roles) {
		for (const pattern of paths) {
			const fault = pathPatternFault(pattern);
			if (fault !== undefined) faults.push(`The pattern ${quoted(pattern)} of the role ${quoted(name)} ${fault}.`);
		}
		const taken = isBin({ bit_length: bins.bitLength, name_prefix: bins.namePrefix }, name);
		if (taken) faults.push(`The role ${quoted(name)} has the name of a bin.`);
	}
	if (succinct !== undefined && succinct.bit_length > maximumBitLength) {
		const most = 2 ** maximumBitLength;
		faults.push(`The bins ${quoted(succinct.name_prefix)} are ${2 ** succinct.bit_length}; there may be ${most}.`);
	}
	return faults;
}

/** What the server must sign each week it must be able to sign: said before people sign, not after. */
function refuseWithoutServer(signed: Signed, { onlineKeyids }: RepositoryWorld): void {
	const asked: [string, RoleKeys | undefined][] =
		signed._type === 'root'
			? [
					['timestamp', signed.roles.timestamp],
					['snapshot', signed.roles.snapshot],
				]
			: signed._type === 'targets'
				? [[signed.delegations?.succinct_roles?.name_prefix ?? '', signed.delegations?.succinct_roles]]
				: [];
	for (const [name, role] of asked) {
		if (role !== undefined && !isOnline(role, onlineKeyids)) throw notOnline(name, role);
	}
}

/** The refusal of a role that the server would have to sign and cannot; it names the keys. */
export function notOnline(name: string, { keyids, threshold }: RoleKeys): CaissonError {
	const rule = `${threshold} of its keys must be on this server (--trust-key): ${keyids.join(', ')}`;
	return new CaissonError('trust-role-refused', `the role ${quoted(name)} cannot be signed online: ${rule}`);
}

function checkSignature(
	{ verify }: RepositoryWorld,
	role: string,
	metadata: Metadata<Signed>,
	{ keyid, sig }: Signature,
	allowed: readonly { readonly keys: Keys; readonly role: RoleKeys }[],
): void {
	const naming = allowed.filter((one) => one.role.keyids.includes(keyid));
	if (naming.length === 0) {
		throw new CaissonError(
			'trust-signature-refused',
			`the key ${quoted(keyid)} is none of the keys of ${quoted(role)}`,
		);
	}
	const payload = new TextEncoder().encode(canonicalText(metadata.signed));
	const fits = naming.some(({ keys }) => {
		const key = Object.hasOwn(keys, keyid) ? keys[keyid] : undefined;
		return key !== undefined && /^([0-9a-fA-F]{2})+$/.test(sig) && verify(key, payload, Buffer.from(sig, 'hex'));
	});
	if (!fits) {
		const which = `the signature of ${quoted(role)} by the key ${quoted(keyid)}`;
		throw new CaissonError('trust-signature-refused', `${which} does not verify`);
	}
}

function keyFaults(signed: Signed): readonly string[] {
	if (signed._type === 'root') {
		return Object.entries(signed.roles).flatMap(([name, role]) => roleFaults(name, signed.keys, role));
	}
	if (signed._type !== 'targets' || signed.delegations === undefined) return [];
	const { keys, roles = [], succinct_roles: bins } = signed.delegations;
	const faults = roles.flatMap((role) => roleFaults(role.name, keys, role));
	return bins === undefined ? faults : [...faults, ...roleFaults(bins.name_prefix, keys, bins)];
}

/** Everyone whose signature may count for the role: by the documents that stand, and by those that are being signed. */
function signersOf(
	role: string,
	metadata: Metadata<Signed>,
	committed: CommittedDocuments,
	pending: ReadonlyMap<string, Metadata<Signed>>,
	{ onlineKeyids }: RepositoryWorld,
): { readonly keys: Keys; readonly role: RoleKeys }[] {
	const newRoot = pending.get('root') as Metadata<RootSigned> | undefined;
	const roots = [committed.root, newRoot].flatMap((root) => (root === undefined ? [] : [root.signed]));
	if (role === 'root') {
		const own = metadata.signed as RootSigned;
		return [...roots, own].map(({ keys, roles }) => ({ keys, role: roles.root }));
	}
	if (role === 'targets') return roots.map(({ keys, roles }) => ({ keys, role: roles.targets }));
	const others = [...pending].flatMap(([name, document]) => (name === role || name === 'root' ? [] : [document]));
	const delegators = [committed.targets, ...committed.delegated.values(), ...others];
	return delegators.flatMap((document) => {
		const delegations = (document as Metadata<TargetsSigned> | undefined)?.signed.delegations;
		const found = delegations?.roles?.find(({ name }) => name === role);
		if (delegations === undefined || found === undefined || isOnline(found, onlineKeyids)) return [];
		return [{ keys: delegations.keys, role: found }];
	});
}
