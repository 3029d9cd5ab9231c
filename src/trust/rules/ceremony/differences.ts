// What is new in a document compared with the one before it, in sentences that a person can check before signing: keys and
// thresholds of every role, delegations, targets. It decides nothing about whether the change is wanted.

import { canonicalText } from '../metadata/canonical.ts';
import { quoted } from '../metadata/failure.ts';
import { keyKind } from '../metadata/keys.ts';
import type { DelegatedRole, Keys, RoleKeys, Signed, TargetsSigned } from '../metadata/model.ts';
import { keyName } from './key-entry.ts';

/** Changed targets that are named one by one; the rest is counted. */
const mostTargets = 50;

/** Lines; none where nothing but version and expiry changed. `before` undefined: everything is new. */
export function differencesOf(before: Signed | undefined, after: Signed): string[] {
	const lines: string[] = [];
	if (before !== undefined) {
		if (before.version !== after.version) lines.push(`version ${before.version} becomes ${after.version}`);
		if (before.expires !== after.expires) lines.push(`expires ${after.expires} instead of ${before.expires}`);
	}
	if (after._type === 'root') {
		const last = before?._type === 'root' ? before : undefined;
		for (const [name, role] of Object.entries(after.roles)) {
			const own = last?.roles[name as keyof typeof after.roles];
			lines.push(...roleLines(name, own, last?.keys ?? {}, role, after.keys));
		}
		if (last !== undefined && (last.consistent_snapshot ?? false) !== (after.consistent_snapshot ?? false)) {
			lines.push(`consistent snapshots: ${String(after.consistent_snapshot ?? false)}`);
		}
	}
	if (after._type === 'targets') {
		const last = before?._type === 'targets' ? before : undefined;
		lines.push(...delegationLines(last, after), ...targetLines(last, after));
	}
	lines.push(...otherFields(before, after));
	return lines;
}

function roleLines(
	name: string,
	before: RoleKeys | undefined,
	keysBefore: Keys,
	after: RoleKeys,
	keys: Keys,
): string[] {
	const had = new Set(before?.keyids);
	const has = new Set(after.keyids);
	const lines = [
		...after.keyids.filter((id) => !had.has(id)).map((id) => `${name}: key ${described(id, keys)} is added`),
		...[...had].filter((id) => !has.has(id)).map((id) => `${name}: key ${described(id, keysBefore)} is removed`),
		...after.keyids
			.filter((id) => had.has(id) && canonicalText(keysBefore[id] ?? null) !== canonicalText(keys[id] ?? null))
			.map((id) => `${name}: the entry of the key ${described(id, keys)} is changed`),
	];
	if (before === undefined) lines.push(`${name}: ${after.threshold} of ${after.keyids.length} keys must sign`);
	else if (before.threshold !== after.threshold) {
		lines.push(`${name}: ${after.threshold} keys must sign instead of ${before.threshold}`);
	}
	return lines;
}

function described(keyid: string, keys: Keys): string {
	const key = Object.hasOwn(keys, keyid) ? keys[keyid] : undefined;
	const kind = key === undefined ? 'not in the document' : (keyKind(key) ?? 'of an unknown kind');
	return `${keyName(keyid, keys)} (${kind}, ${keyid.slice(0, 16)})`;
}

function delegationLines(before: TargetsSigned | undefined, after: TargetsSigned): string[] {
	const rolesBefore = before?.delegations?.roles ?? [];
	const roles = after.delegations?.roles ?? [];
	const keysBefore = before?.delegations?.keys ?? {};
	const keys = after.delegations?.keys ?? {};
	const lines: string[] = [];
	for (const role of roles) {
		const last = rolesBefore.find(({ name }) => name === role.name);
		if (last === undefined) lines.push(`the role ${quoted(role.name)} is added, for ${scopeOf(role)}`);
		else if (scopeOf(last) !== scopeOf(role)) {
			lines.push(`the role ${quoted(role.name)} is for ${scopeOf(role)} instead of ${scopeOf(last)}`);
		}
		lines.push(...roleLines(role.name, last, keysBefore, role, keys));
	}
	const names = new Set(roles.map(({ name }) => name));
	for (const { name } of rolesBefore) if (!names.has(name)) lines.push(`the role ${quoted(name)} is removed`);
	const kept = (list: readonly DelegatedRole[], other: readonly DelegatedRole[]) =>
		list.map(({ name }) => name).filter((name) => other.some((role) => role.name === name));
	if (kept(rolesBefore, roles).join() !== kept(roles, rolesBefore).join()) {
		lines.push(`the roles are asked in the order ${roles.map(({ name }) => name).join(', ')}`);
	}
	const bins = canonicalText(after.delegations?.succinct_roles ?? null);
	if (bins !== canonicalText(before?.delegations?.succinct_roles ?? null)) lines.push(`the bins are ${bins}`);
	return lines;
}

function scopeOf({ paths, path_hash_prefixes: prefixes = [], terminating }: DelegatedRole): string {
	const every = prefixes.length === 16 && prefixes.every((prefix) => prefix.length === 1);
	const scope = paths === undefined ? (every ? 'every path' : `hashes that begin with ${prefixes.join(', ')}`) : '';
	return `${scope}${(paths ?? []).map(quoted).join(', ')}${terminating ? ', terminating' : ''}`;
}

function targetLines(before: TargetsSigned | undefined, after: TargetsSigned): string[] {
	const old = before?.targets ?? {};
	const lines: string[] = [];
	for (const [path, target] of Object.entries(after.targets)) {
		const last = Object.hasOwn(old, path) ? old[path] : undefined;
		const content = `${target.length} bytes, SHA-256 ${target.hashes.sha256 ?? 'not given'}`;
		if (last === undefined) lines.push(`target ${quoted(path)} is added: ${content}`);
		else if (canonicalText(last) !== canonicalText(target)) lines.push(`target ${quoted(path)} is changed: ${content}`);
	}
	for (const path of Object.keys(old)) {
		if (!Object.hasOwn(after.targets, path)) lines.push(`target ${quoted(path)} is removed`);
	}
	if (lines.length <= mostTargets) return lines;
	return [...lines.slice(0, mostTargets), `and ${lines.length - mostTargets} more changes of targets`];
}

const known: ReadonlySet<string> = new Set([
	...['_type', 'version', 'expires', 'keys', 'roles', 'consistent_snapshot', 'targets', 'delegations', 'meta'],
]);

/** A field that nobody here knows may matter elsewhere: it is shown when it changes. */
function otherFields(before: Signed | undefined, after: Signed): string[] {
	const old = (before ?? {}) as Readonly<Record<string, unknown>>;
	const fields = after as unknown as Readonly<Record<string, unknown>>;
	const names = new Set([...Object.keys(old), ...Object.keys(fields)]);
	return [...names]
		.filter((name) => !known.has(name) && !(before === undefined && name === 'spec_version'))
		.filter((name) => canonicalText(old[name] ?? null) !== canonicalText(fields[name] ?? null))
		.map((name) => `the field ${quoted(name)} is ${quoted(canonicalText(fields[name] ?? null))}`);
}
