// The documents that the online key signs, as the canonical text that is signed: bins and the snapshot by joining what is
// stored, because they are long and made often, the timestamp from its fields. It decides what they say, and when one is
// due. A test compares each with the canonical form of the document that make.ts gives.

import { signedTimeField } from '../client/time-floor.ts';
import { byCodePoint, canonicalText, jsonOfCanonical } from '../metadata/canonical.ts';
import { expiryText } from '../metadata/expiry.ts';
import { metaKey } from '../metadata/file-names.ts';
import { specVersion } from '../metadata/make.ts';
import { day, type RepositorySettings, type RoleKind } from './settings.ts';

/** When the document shall expire that is signed at `now`; whole seconds, as TUF has them. */
export function expiryOf(kind: RoleKind, settings: RepositorySettings, now: number): number {
	const days = settings.lifetimes[kind === 'bin' ? 'bins' : kind];
	return Math.floor(now / 1000) * 1000 + days * day;
}

/**
 * Is a new signature due at `now`? When a third of the lifetime is left, so that a server that stood still for a while
 * finds everything valid.
 */
export function isDue(
	role: { readonly kind: RoleKind; readonly expires: number },
	settings: RepositorySettings,
	now: number,
): boolean {
	const days = settings.lifetimes[role.kind === 'bin' ? 'bins' : role.kind];
	return role.expires - now < (days * day) / 3;
}

export interface OnlineFields {
	readonly version: number;
	/** Milliseconds since the epoch. */
	readonly expires: number;
	/** Fields that Caisson does not know, of a repository that was imported: they are signed again as they are. */
	readonly unknown?: Readonly<Record<string, unknown>>;
}

/**
 * The targets document of a bin.
 * @param targets in the order of their paths by code point, each with its canonical JSON
 */
export function binText(
	fields: OnlineFields,
	targets: readonly { readonly path: string; readonly body: string }[],
): string {
	let listed = '';
	for (const { path, body } of targets) listed += `${listed === '' ? '' : ','}${canonicalText(path)}:${body}`;
	return joined('targets', fields, { targets: `{${listed}}` });
}

/** What the snapshot says of a role. */
export interface SnapshotEntry {
	readonly name: string;
	readonly version: number;
	/** Of the document: set for roles whose hash the snapshot shall hold. */
	readonly length?: number;
	readonly sha256?: string;
}

export function snapshotText(fields: OnlineFields, entries: readonly SnapshotEntry[]): string {
	const listed = entries
		.map(({ name, version, length, sha256 }) => {
			const hashes = sha256 === undefined ? '' : `"hashes":{"sha256":"${sha256}"},`;
			const size = length === undefined ? '' : `"length":${length},`;
			return [metaKey(name), `{${hashes}${size}"version":${version}}`] as const;
		})
		.sort(([a], [b]) => byCodePoint(a, b))
		.map(([key, body]) => `${canonicalText(key)}:${body}`);
	return joined('snapshot', fields, { meta: `{${listed.join(',')}}` });
}

/** @param now when it is signed: devices raise the floor of their clocks to it */
export function timestampText(
	fields: OnlineFields,
	snapshot: { readonly version: number; readonly length: number; readonly sha256: string },
	now: number,
): string {
	const { version, length, sha256 } = snapshot;
	return joined(
		'timestamp',
		{ ...fields, unknown: { ...fields.unknown, [signedTimeField]: expiryText(now) } },
		{ meta: canonicalText({ 'snapshot.json': { version, length, hashes: { sha256 } } }) },
	);
}

function joined(type: string, { version, expires, unknown = {} }: OnlineFields, long: Record<string, string>): string {
	const known = { _type: type, expires: expiryText(expires), spec_version: specVersion, version };
	const fields: Record<string, string> = { ...long };
	for (const [name, value] of Object.entries({ ...unknown, ...known })) fields[name] = canonicalText(value);
	const names = Object.keys(fields).sort(byCodePoint);
	return `{${names.map((name) => `${canonicalText(name)}:${fields[name]}`).join(',')}}`;
}

/** The file: the signed text stands in it, with its control characters escaped. */
export function signedFile(
	text: string,
	signatures: readonly { readonly keyid: string; readonly sig: string }[],
): string {
	return `{"signatures":${JSON.stringify(signatures)},"signed":${jsonOfCanonical(text)}}`;
}
