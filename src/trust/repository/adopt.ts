// Takes over a repository that something else made: RSTUF, python-tuf, or another Caisson. Everything is verified as a
// device verifies it, from its first root on; then its roots, roles, targets and versions become this repository's, which
// goes on with the next versions, so that devices in the field keep their trust. Whether something has expired does not
// matter: what the server signs is signed anew at once, and what people sign is told by the alarms. It leaves out reading
// a folder (commands/import.ts).

import { CaissonError } from '../../errors.ts';
import { unfinished } from '../outbox.ts';
import type { Published } from '../publisher.ts';
import { TrustedSet } from '../rules/client/trusted-set.ts';
import { canonicalText } from '../rules/metadata/canonical.ts';
import { binName } from '../rules/metadata/delegation.ts';
import { expiryTime } from '../rules/metadata/expiry.ts';
import { quoted } from '../rules/metadata/failure.ts';
import { metadataFileName } from '../rules/metadata/file-names.ts';
import type { Delegations, Metadata, RootSigned, Signed, TargetsSigned } from '../rules/metadata/model.ts';
import { readMetadata } from '../rules/metadata/read.ts';
import { type DerivedRole, deriveRoles } from '../rules/repository/role-settings.ts';
import type { NewDocument, TargetChange } from '../store.ts';
import { requireOnline } from './offer.ts';
import { auditRow, type RepositoryWorld, repositorySettings } from './world.ts';

/** Files of metadata by their names, as they were served. */
export type ImportedFiles = ReadonlyMap<string, Uint8Array>;

export interface Adopted {
	readonly root: number;
	/** Versions that were taken over; the next ones follow. */
	readonly versions: { readonly timestamp: number; readonly snapshot: number };
	readonly roles: number;
	readonly targets: number;
	readonly published?: Published;
	readonly unpublished?: string;
}

/** The lines of an import: each a JSON object with the name and the text of a file. @throws CaissonError request-invalid */
export function readImport(bytes: Uint8Array): ImportedFiles {
	const files = new Map<string, Uint8Array>();
	let text: string;
	try {
		text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
	} catch (cause) {
		throw new CaissonError('request-invalid', 'the import is no UTF-8', { cause });
	}
	for (const [index, line] of text.split('\n').entries()) {
		if (line === '') continue;
		let entry: { name?: unknown; text?: unknown };
		try {
			entry = JSON.parse(line);
		} catch (cause) {
			throw new CaissonError('request-invalid', `line ${index + 1} of the import is no JSON`, { cause });
		}
		if (typeof entry?.name !== 'string' || typeof entry.text !== 'string') {
			throw new CaissonError('request-invalid', `line ${index + 1} of the import has no "name" and "text"`);
		}
		files.set(entry.name, new TextEncoder().encode(entry.text));
	}
	return files;
}

interface Verified {
	readonly roots: readonly { readonly version: number; readonly bytes: Uint8Array; readonly signed: RootSigned }[];
	readonly timestamp: { readonly version: number; readonly bytes: Uint8Array; readonly unknown: Unknown };
	readonly snapshot: { readonly version: number; readonly bytes: Uint8Array; readonly unknown: Unknown };
	/** By role, targets first, delegators before those whom they name. */
	readonly targets: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly metadata: Metadata<TargetsSigned> }>;
}

type Unknown = Readonly<Record<string, unknown>> | undefined;

/**
 * Adopts it; nothing is stored unless all of it fits.
 * @throws CaissonError trust-import-refused (the message names file or rule), trust-role-refused naming the keys that the
 * server lacks; TrustFailure as a device meets it
 */
export async function adoptRepository(world: RepositoryWorld, files: ImportedFiles, by: string): Promise<Adopted> {
	const verified = verifyRepository(world, files);
	const last = verified.roots.at(-1) as Verified['roots'][number];
	const targets = verified.targets.get('targets')?.metadata as Metadata<TargetsSigned>;
	const count = await world.storage.commitTrust(async (unit) => {
		const { trust } = unit;
		if ((await trust.roles()).length > 0 || (await trust.pending()).length > 0) {
			throw refused('this server has a repository, or signatures for one, already');
		}
		const delegated = new Map<string, Metadata<TargetsSigned>>();
		for (const [name, { metadata }] of verified.targets) if (name !== 'targets') delegated.set(name, metadata);
		const root = readMetadata('root', last.bytes);
		const derived = deriveRoles({ root, targets, delegated }, await repositorySettings(trust), world.onlineKeyids).map(
			(role) => keepUnknown(role, verified),
		);
		requireOnline(derived);
		await trust.putRoles(derived.map(({ settings, ...role }) => ({ ...role, settings: JSON.stringify(settings) })));
		const known = new Set(derived.map(({ name }) => name));
		const listed = [...verified.targets].filter(([name]) => known.has(name));
		// Of two roles that list a path, the one that a device asks first has it.
		const changes = new Map<string, TargetChange>();
		for (const [role, { metadata }] of listed) {
			for (const change of changesOf(role, metadata)) if (!changes.has(change.path)) changes.set(change.path, change);
		}
		await trust.putTargets([...changes.values()]);
		await trust.putDocuments(documentsOf(world, verified, listed));
		await trust.putSetting(unfinished, 'all');
		const detail = { root: last.version, roles: derived.length, first: verified.roots[0]?.version };
		await unit.audit.append(auditRow(world, by, 'trust.import', 'repository', detail));
		return {
			roles: derived.length,
			targets: listed.reduce((sum, [, { metadata }]) => sum + Object.keys(metadata.signed.targets).length, 0),
		};
	});
	const { timestamp, snapshot } = verified;
	const adopted = {
		...{ root: last.version, versions: { timestamp: timestamp.version, snapshot: snapshot.version } },
		...count,
	};
	try {
		const published = await world.publisher.signAll(by);
		return { ...adopted, ...(published && { published }) };
	} catch (error) {
		if (!(error instanceof CaissonError)) throw error;
		return { ...adopted, unpublished: error.message };
	}
}

/** All of it as a device verifies it. Time stands still at the beginning of it: nothing has expired then. */
function verifyRepository({ verify, hash }: RepositoryWorld, files: ImportedFiles): Verified {
	const need = (name: string): Uint8Array => {
		const bytes = files.get(name);
		if (bytes === undefined) throw refused(`the file ${quoted(name)} is missing`);
		return bytes;
	};
	const versions = [...files.keys()].flatMap((name) => /^([1-9][0-9]*)\.root\.json$/.exec(name)?.[1] ?? []).map(Number);
	const first = Math.min(...versions);
	if (versions.length === 0) throw refused('there is no root: a file like 1.root.json is missing');
	const start = need(metadataFileName('root', first));
	const set = new TrustedSet(start, { now: 0, verify, hash });
	const roots = [{ version: set.root.version, bytes: start, signed: set.root }];
	if (set.root.version !== first) throw refused(`the file ${first}.root.json holds version ${set.root.version}`);
	for (let version = first + 1; files.has(metadataFileName('root', version)); version++) {
		const bytes = need(metadataFileName('root', version));
		roots.push({ version, bytes, signed: set.updateRoot(bytes) });
	}
	if (roots.length !== versions.length) {
		throw refused(`the chain of roots has a gap after version ${set.root.version}`);
	}
	if (first !== 1) throw refused('the chain of roots does not begin with 1.root.json, which devices begin with');
	if (set.root.consistent_snapshot !== true) {
		throw refused('its root is without consistent snapshots, which a device then expects of every file');
	}
	const timestamp = need(metadataFileName('timestamp'));
	set.updateTimestamp(timestamp);
	const version = set.timestamp?.meta['snapshot.json'].version ?? 0;
	const snapshot = need(metadataFileName('snapshot', version));
	set.updateSnapshot(snapshot);
	const targets: Map<string, { bytes: Uint8Array; metadata: Metadata<TargetsSigned> }> = new Map();
	const waiting: [role: string, delegator: string][] = [['targets', 'root']];
	for (const [role, delegator] of waiting) {
		if (targets.has(role)) continue;
		const meta = set.snapshot?.meta[`${role}.json`];
		if (meta === undefined) throw refused(`the snapshot does not name the role ${quoted(role)}`);
		const bytes = need(metadataFileName(role, meta.version));
		const { delegations } = set.updateTargets(bytes, role, delegator);
		targets.set(role, { bytes, metadata: readMetadata('targets', bytes) });
		for (const name of namesIn(delegations)) waiting.push([name, role]);
	}
	return {
		...{ roots, targets },
		timestamp: { version: set.timestamp?.version ?? 0, bytes: timestamp, unknown: unknownOf(set.timestamp) },
		snapshot: { version, bytes: snapshot, unknown: unknownOf(set.snapshot) },
	};
}

function namesIn(delegations: Delegations | undefined): string[] {
	const bins = delegations?.succinct_roles;
	if (bins === undefined) return (delegations?.roles ?? []).map(({ name }) => name);
	if (bins.bit_length > 14) throw refused(`it has 2 to the power of ${bins.bit_length} bins; 16,384 are the most here`);
	return Array.from({ length: 2 ** bins.bit_length }, (_, index) => binName(bins, index));
}

/** Fields of an online document that no specification names, which the next version keeps. */
function unknownOf(signed: Signed | undefined): Unknown {
	if (signed === undefined) return undefined;
	const { _type, spec_version, version, expires, meta, targets, ...unknown } = signed as Signed &
		Record<'meta' | 'targets', unknown>;
	return Object.keys(unknown).length === 0 ? undefined : unknown;
}

function keepUnknown(role: DerivedRole, { timestamp, snapshot, targets }: Verified): DerivedRole {
	const unknown =
		role.kind === 'timestamp'
			? timestamp.unknown
			: role.kind === 'snapshot'
				? snapshot.unknown
				: unknownOf(targets.get(role.name)?.metadata.signed);
	return unknown === undefined ? role : { ...role, settings: { ...role.settings, unknown } };
}

function changesOf(role: string, { signed }: Metadata<TargetsSigned>): TargetChange[] {
	return Object.keys(signed.targets).map((path) => ({
		...{ path, role, held: false },
		wanted: canonicalText(signed.targets[path]),
	}));
}

function documentsOf(
	world: RepositoryWorld,
	{ roots, timestamp, snapshot }: Verified,
	targets: readonly (readonly [string, { readonly bytes: Uint8Array; readonly metadata: Metadata<TargetsSigned> }])[],
): NewDocument[] {
	const document = (role: string, bytes: Uint8Array, version: number, expires: string): NewDocument => ({
		...{ role, version, committed: world.now(), built: 0, expires: expiryTime(expires) ?? 0 },
		...{ body: new TextDecoder().decode(bytes), length: bytes.length, sha256: world.sha256(bytes), listed: [] },
	});
	return [
		...roots.map(({ version, bytes, signed }) => document('root', bytes, version, signed.expires)),
		...targets.map(
			([
				role,
				{
					bytes,
					metadata: { signed },
				},
			]) => ({
				...document(role, bytes, signed.version, signed.expires),
				listed: Object.keys(signed.targets).map((path) => ({ path, body: canonicalText(signed.targets[path]) })),
			}),
		),
		document('snapshot', snapshot.bytes, snapshot.version, '1970-01-01T00:00:00Z'),
		document('timestamp', timestamp.bytes, timestamp.version, '1970-01-01T00:00:00Z'),
	];
}

function refused(rule: string): CaissonError {
	return new CaissonError('trust-import-refused', `the repository cannot be taken over: ${rule}`);
}
