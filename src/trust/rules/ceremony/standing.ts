// How documents that lie side by side stand: who signed each of them, who is missing, for the old and the new root alike,
// and how long they last. It decides from the documents alone; where a document is missing that would tell, it says that
// this was not checked.

import { canonicalJson } from '../metadata/canonical.ts';
import { expiryTime } from '../metadata/expiry.ts';
import { keyKind } from '../metadata/keys.ts';
import type {
	Keys,
	Metadata,
	RoleKeys,
	RootSigned,
	Sha256,
	TargetsSigned,
	VerifySignature,
} from '../metadata/model.ts';
import { checkSignatures, hexBytes, type SignatureCheck } from '../metadata/threshold.ts';
import { isOnline } from '../repository/role-settings.ts';
import { day } from '../repository/settings.ts';
import { labelOf } from './key-entry.ts';

/** A document and the role that it is of. */
export interface NamedDocument {
	readonly role: string;
	readonly metadata: Metadata;
}

/** Who may sign a document, and in whose name. */
export interface Authority {
	/** For people: root version 1. */
	readonly by: string;
	readonly keys: Keys;
	readonly role: RoleKeys;
}

export interface RoleCheck extends SignatureCheck {
	readonly by: string;
}

/**
 * signed: by all who must. incomplete: signatures are missing. not-checked: the document that names the keys is not here.
 * absent: the role has keys of people and no document.
 */
export type State = 'signed' | 'incomplete' | 'not-checked' | 'absent';

export interface Standing {
	readonly role: string;
	readonly state: State;
	/** 0 where there is no document. */
	readonly version: number;
	readonly expires?: string;
	readonly expired: boolean;
	/** Whole days until it expires, rounded down; negative when that is past. */
	readonly daysLeft?: number;
	/** SHA-256 of what is signed: the same for every copy, however many signatures it has. */
	readonly digest?: string;
	/** One for each set of keys that must sign: two for a root that follows another. */
	readonly checks: readonly RoleCheck[];
	/** Ids of signatures that do not verify, or are by keys that nobody names. */
	readonly useless: readonly string[];
	/** What could not be checked, and why. */
	readonly notes: readonly string[];
}

export interface KeyFacts {
	readonly label?: string;
	readonly kind: string;
}

export interface Standings {
	readonly roles: readonly Standing[];
	/** Facts of every key that the documents list, by id. */
	readonly keys: Readonly<Record<string, KeyFacts>>;
	/** Everything is signed, there, and not expired. */
	readonly complete: boolean;
}

export interface StandingWorld {
	readonly verify: VerifySignature;
	readonly sha256: Sha256;
}

/** @param now milliseconds since the epoch */
export function standingOf(documents: readonly NamedDocument[], now: number, world: StandingWorld): Standings {
	const roots = documents.filter(({ role }) => role === 'root').sort(byVersion) as NamedRoot[];
	const newest = newestOf(documents);
	const last = roots.at(-1)?.metadata.signed;
	const roles: Standing[] = roots.map((root, index) => {
		const standing = standOf(root, authoritiesOf(root, documents), now, world);
		// A root that another follows may have expired: devices pass through it (clause 5.3.10 is asked of the last one only).
		return index === roots.length - 1 ? standing : { ...standing, expired: false };
	});
	const others = [...newest.values()].filter(({ role }) => role !== 'root').sort(byRole);
	for (const document of others) roles.push(standOf(document, authoritiesOf(document, documents), now, world));
	if (last !== undefined) roles.push(...absentRoles(last, newest));
	return {
		roles,
		keys: keyFacts(documents),
		complete: roles.length > 0 && roles.every(({ state, expired }) => state === 'signed' && !expired),
	};
}

interface NamedRoot extends NamedDocument {
	readonly metadata: Metadata<RootSigned>;
}

const order = ['root', 'targets', 'snapshot', 'timestamp'];
/** Delegated roles stand behind targets. */
const rank = (role: string) => order.indexOf(role) + 1 || 2.5;
const byRole = (a: NamedDocument, b: NamedDocument) => rank(a.role) - rank(b.role) || (a.role < b.role ? -1 : 1);
const byVersion = (a: NamedDocument, b: NamedDocument) => a.metadata.signed.version - b.metadata.signed.version;

/** The highest version of each role. */
export function newestOf(documents: readonly NamedDocument[]): Map<string, NamedDocument> {
	const newest = new Map<string, NamedDocument>();
	for (const document of documents) {
		const known = newest.get(document.role);
		if (known === undefined || byVersion(known, document) < 0) newest.set(document.role, document);
	}
	return newest;
}

/**
 * Whose signatures count for the document, by the documents beside it. For a root: the version before it, and itself. For
 * the others: the newest document that names their keys.
 */
export function authoritiesOf(document: NamedDocument, documents: readonly NamedDocument[]): Authority[] {
	const { role, metadata } = document;
	const newest = newestOf(documents);
	if (metadata.signed._type === 'root') {
		const { version } = metadata.signed;
		const before = documents.find((other) => other.role === 'root' && other.metadata.signed.version === version - 1) as
			| NamedRoot
			| undefined;
		return [...(before === undefined ? [] : [before.metadata.signed]), metadata.signed].map(rootAuthority);
	}
	const root = newest.get('root')?.metadata.signed as RootSigned | undefined;
	if (role === 'targets' || role === 'snapshot' || role === 'timestamp') {
		if (root === undefined) return [];
		return [{ by: `root version ${root.version}`, keys: root.keys, role: root.roles[role] }];
	}
	for (const { role: name, metadata: other } of delegators(newest)) {
		const found = other.signed.delegations?.roles?.find((one) => one.name === role);
		if (found === undefined) continue;
		return [{ by: `${name} version ${other.signed.version}`, keys: other.signed.delegations?.keys ?? {}, role: found }];
	}
	return [];
}

function rootAuthority({ version, keys, roles }: RootSigned): Authority {
	return { by: `root version ${version}`, keys, role: roles.root };
}

interface NamedTargets extends NamedDocument {
	readonly metadata: Metadata<TargetsSigned>;
}

/** targets first, as a client asks it first. */
function delegators(newest: ReadonlyMap<string, NamedDocument>): NamedTargets[] {
	const found = [...newest.values()].filter(({ metadata }) => metadata.signed._type === 'targets') as NamedTargets[];
	return found.sort((a, b) => Number(b.role === 'targets') - Number(a.role === 'targets'));
}

function standOf(
	{ role, metadata }: NamedDocument,
	authorities: readonly Authority[],
	now: number,
	{ verify, sha256 }: StandingWorld,
): Standing {
	const payload = canonicalJson(metadata.signed);
	const { version, expires } = metadata.signed;
	const checks = authorities.map(({ by, keys, role: named }) => ({
		...checkSignatures(keys, named, metadata, verify, payload),
		by,
	}));
	const notes: string[] = [];
	if (role === 'root' && version > 1 && checks.length < 2) {
		notes.push(`root version ${version - 1} is not here: whether its keys signed was not checked`);
	}
	if (checks.length === 0) notes.push('no document here names the keys of this role');
	const missing = checks.some((check) => check.missing > 0);
	const time = expiryTime(expires) ?? 0;
	return {
		...{ role, version, expires, checks, notes },
		state: missing ? 'incomplete' : notes.length > 0 ? 'not-checked' : 'signed',
		expired: now >= time,
		daysLeft: Math.floor((time - now) / day),
		digest: sha256(payload),
		useless: authorities.length === 0 ? [] : uselessSignatures(metadata, authorities, payload, verify),
	};
}

/** Ids of signatures that count for nobody: the document was changed after them, or the key is no one's. */
export function uselessSignatures(
	metadata: Metadata,
	authorities: readonly Authority[],
	payload: Uint8Array,
	verify: VerifySignature,
): string[] {
	return metadata.signatures.flatMap(({ keyid, sig }) => {
		const signature = hexBytes(sig);
		const counts = authorities.some(({ keys, role }) => {
			const key = role.keyids.includes(keyid) && Object.hasOwn(keys, keyid) ? keys[keyid] : undefined;
			return key !== undefined && signature !== undefined && verify(key, payload, signature);
		});
		return counts ? [] : [keyid];
	});
}

/** Roles that people sign and that have no document. Those of the server come into being on the server. */
function absentRoles(root: RootSigned, newest: ReadonlyMap<string, NamedDocument>): Standing[] {
	const online = new Set(root.roles.timestamp.keyids);
	const expected: [string, RoleKeys][] = [['targets', root.roles.targets]];
	for (const { metadata } of delegators(newest)) {
		for (const role of metadata.signed.delegations?.roles ?? []) expected.push([role.name, role]);
	}
	return expected
		.filter(([role, keys]) => !newest.has(role) && !isOnline(keys, online))
		.map(([role]) => ({
			...{ role, state: 'absent' as const, version: 0, expired: false, checks: [], useless: [] },
			notes: ['there is no document of this role here'],
		}));
}

/** Facts of every key that the documents list, by id. */
export function keyFacts(documents: readonly NamedDocument[]): Record<string, KeyFacts> {
	const facts: Record<string, KeyFacts> = Object.create(null);
	for (const { metadata } of documents) {
		const { signed } = metadata;
		const keys = signed._type === 'root' ? signed.keys : signed._type === 'targets' ? signed.delegations?.keys : {};
		for (const [keyid, key] of Object.entries(keys ?? {})) {
			const label = labelOf(key);
			facts[keyid] = { kind: keyKind(key) ?? 'unknown', ...(label === undefined ? {} : { label }) };
		}
	}
	return facts;
}
